"""What viper makes of the documents, before their values are looked at.

Flyte reads its configuration through the Go library viper and repairs some of what it does. The result is a tree of
*settings* with these marks, each of which a user can trip over:

* keys of mappings are lower-cased, wherever they are – but not inside lists, which Flyte restores from the file;
* keys with dots are taken for paths and put back, as they were written, by Flyte's repair;
* an empty mapping, and an entry that is null, do not exist – unless they are (inside) the value of a *listed* key, one
  that Flyte told viper in advance: such a value is taken as a whole;
* of several files, a mapping in an earlier one hides anything but a mapping in a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pluginmachinery.config.kinds import Plain, Struct
from pluginmachinery.config.yaml_text import key_text

Tree = dict[str, Any]


def settings(documents: Sequence[Mapping[Any, Any]], root: Struct) -> Tree:
    """The settings of several documents, merged in their order. ``root`` knows the listed keys."""
    merged: Tree = {}
    for document in documents:
        _merge(_folded(document), merged)
    listed = frozenset(listed_keys(root))
    result: Tree = {}
    _spread(merged, (), listed, result)
    for document in documents:
        _restore_lists(result, document)
        _restore_dotted(result, document)
    return result


def listed_keys(struct: Struct, prefix: str = "") -> Iterable[str]:
    """Paths of the keys that Flyte tells viper in advance, in lower case."""
    for member in struct.members:
        path = f"{prefix}{member.key.lower()}"
        if isinstance(member.kind, Struct):
            yield from listed_keys(member.kind, f"{path}.")
        elif isinstance(member.kind, Plain):
            yield from listed_keys(member.kind.section, f"{path}.")
        elif member.listed and member.read_by_flyte:
            yield path


def _folded(value: Any) -> Any:
    """A copy with all keys of mappings in lower case; of two keys that become one the later counts."""
    if isinstance(value, Mapping):
        return {key_text(key).lower(): _folded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_folded(item) for item in value]
    return value


def _merge(source: Tree, target: Tree) -> None:
    for key, value in source.items():
        known = target.get(key)
        if not isinstance(known, dict):
            target[key] = value
        elif isinstance(value, dict):
            _merge(value, known)


def _spread(tree: Tree, path: tuple[str, ...], listed: frozenset[str], result: Tree) -> None:
    """Take apart to single values and put them together again, which is where dots, nulls and empty mappings go."""
    for key, value in tree.items():
        here = (*path, key)
        if isinstance(value, dict) and ".".join(here) not in listed:
            _spread(value, here, listed, result)
        elif value is not None:
            _put(result, ".".join(here).split("."), value)


def _put(tree: Tree, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    tree[path[-1]] = value


def _restore_lists(tree: Tree, document: Mapping[Any, Any]) -> None:
    if not _has_text_keys(document):
        return
    written = {key.lower(): key for key in reversed(document)}
    for key, value in tree.items():
        original = document.get(written.get(key.lower()))
        if original is None:
            continue
        if isinstance(value, list):
            tree[key] = original
        elif isinstance(value, dict) and isinstance(original, Mapping):
            _restore_lists(value, original)


def _restore_dotted(tree: Tree, document: Mapping[Any, Any]) -> None:
    if not _has_text_keys(document):
        return
    for written, value in document.items():
        if "." in written:
            _prune(tree, written.lower().split("."))
            tree[written] = value
            continue
        key = next((key for key in tree if key.lower() == written.lower()), None)
        if key is not None and isinstance(value, Mapping) and isinstance(tree[key], dict):
            _restore_dotted(tree[key], value)


def _prune(tree: Tree, path: list[str]) -> None:
    """Remove a path and what it leaves empty."""
    child = tree.get(path[0])
    if len(path) == 1:
        tree.pop(path[0], None)
    elif isinstance(child, dict):
        _prune(child, path[1:])
        if not child:
            del tree[path[0]]


def _has_text_keys(document: Mapping[Any, Any]) -> bool:
    """Flyte's repair passes over a mapping with a single key that is no text."""
    return all(isinstance(key, str) for key in document)
