"""Loading YAML that strangers wrote: how deep it nests and how much its aliases come to is bounded.

Flyte's reader takes anchors and aliases, so files of existing installs may have them. A few hundred bytes of aliases of
aliases would fill any memory, an anchor can contain itself, and text that nests ten thousand levels overflows the stack
of the parser in C: each ends in an ordinary YAML error with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

DEPTH_LIMIT: Final = 100
"""Levels of nesting. Flyte's deepest key, in a pod template, has some 20."""
VALUES_LIMIT: Final = 100_000
"""Values that a document may come to when its aliases are written out; files of 2 MiB without any may have more."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BoundedLoader(_Loader):  # type: ignore[misc] # chosen at run time
    """A safe loader that refuses what nests too deep before it is composed any deeper."""

    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _too_deep(parent)
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        self._depth -= 1
        super().ascend_resolver()


def load_all(text: str) -> list[Any]:
    """All documents of a text as plain values. Raises yaml.YAMLError."""
    loader = BoundedLoader(text)
    try:
        found = []
        while loader.check_node():
            node = loader.get_node()
            check_aliases(node, text)
            found.append(loader.construct_document(node))
        return found
    except ValueError as error:
        raise yaml.YAMLError("a date or a number in it is none, such as 2020-99-99") from error
    finally:
        loader.dispose()


def check_aliases(root: yaml.Node, text: str) -> None:
    """Whether the document may be walked as if its aliases were written out. Raises yaml.MarkedYAMLError if not."""
    if "*" not in text:
        return
    sizes: dict[int, tuple[int, int]] = {}
    """Of the nodes that are done: how many values they come to, and how deep they are."""
    begun: set[int] = set()
    stack = [root]
    while stack:
        node = stack[-1]
        if id(node) in sizes:
            stack.pop()
            continue
        children = list(_children(node))
        if id(node) not in begun:
            begun.add(id(node))
            stack += [child for child in children if id(child) not in sizes]
            continue
        if any(id(child) not in sizes for child in children):
            raise _error(node, "an anchor that contains itself")
        stack.pop()
        size = 1 + sum(sizes[id(child)][0] for child in children)
        depth = 1 + max((sizes[id(child)][1] for child in children), default=0)
        if size > VALUES_LIMIT:
            raise _error(node, f"with its aliases written out this comes to more than {VALUES_LIMIT} values")
        if depth > DEPTH_LIMIT:
            raise _too_deep(node)
        sizes[id(node)] = (size, depth)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from child if isinstance(child, tuple) else (child,)


def _too_deep(node: yaml.Node | None) -> yaml.MarkedYAMLError:
    return _error(node, f"nested deeper than {DEPTH_LIMIT} levels")


def _error(node: yaml.Node | None, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, node.start_mark if node is not None else None)
