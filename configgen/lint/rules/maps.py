"""Maps and lists: the forms that Flyte's reader and Helm do not treat alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from configgen.importers.forms import Form
from configgen.layers.nodes import Shape, Verb, walk
from configgen.lint.subjects import Hit, Subject
from configgen.lint.walking import kind_at, steps
from pluginmachinery.config import kinds
from pluginmachinery.config.merging import entries
from pluginmachinery.config.problems import Location, Path

_ROUTES: Final[Path] = ("tasks", "task-plugins", "default-for-task-types")
_ENABLED: Final[Path] = ("tasks", "task-plugins", "enabled-plugins")
_ENV: Final[Path] = ("plugins", "k8s", "default-env-vars")
_ANNOTATIONS: Final[Path] = ("plugins", "k8s", "default-annotations")
_EVICTION: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def lower_cased_keys(subject: Subject) -> Iterator[Hit]:
    """A map with capitals in its keys: Flyte's reader lower-cases them. Sources are rendered safely."""
    for piece in () if subject.is_source else subject.pieces:
        for step in steps(piece.tree):
            if not isinstance(step.kind, kinds.MapOf) or not isinstance(step.value, Mapping) or step.path == _ROUTES:
                continue
            for key in step.value:
                if (text := str(key)) != text.lower():
                    twice = " as well" if "." in text else ""
                    message = f"Flyte reads the key {text} as {text.lower()}{twice}"
                    mend = f"write the map as a list: - {text}: …"
                    yield Hit((*step.path, text), message, mend, piece.locate((*step.path, text)))


def list_over_map(subject: Subject) -> Iterator[Hit]:
    """A list in a later document over a map in an earlier one: Flyte drops the list."""
    earlier: dict[Path, str] = {}
    for piece in () if subject.is_source else subject.pieces:
        for step in steps(piece.tree):
            if not isinstance(step.kind, kinds.MapOf):
                continue
            if isinstance(step.value, Mapping) and step.value:
                earlier[step.path] = str(piece.locate(step.path) or piece.name)
            elif isinstance(step.value, list) and step.path in earlier:
                message = f"a list over the map at {earlier[step.path]}: Flyte drops the list"
                mend = "write both in the same form"
                yield Hit(step.path, message, mend, piece.locate(step.path))
    routes = next((piece for piece in subject.pieces if isinstance(_below(piece.tree, _ROUTES), list)), None)
    if routes and subject.form is Form.FLYTE_BINARY and _ROUTES not in earlier:
        message = "the chart flyte-binary has a map here since about v1.9, and Flyte drops a list over a map"
        yield Hit(_ROUTES, message, "write it as a map", routes.locate(_ROUTES))


def replaced_lists(subject: Subject) -> Iterator[Hit]:
    """A list that replaces one of a lower layer and loses elements of it."""
    for path, node in walk(subject.layers):
        for newer, older in pairwise(node.origins):
            if newer.shape is not Shape.LIST or older.shape is not Shape.LIST or newer.verb is not Verb.SET:
                continue
            lost = [element for element in older.value or [] if element not in (newer.value or [])]
            if lost and not isinstance(kind_at(path), kinds.MapOf):
                message = f"replaces the list set at {older.place} and loses {len(lost)} of its elements"
                place = Location(newer.place.file, newer.place.line, newer.place.column)
                yield Hit(path, message, "write !append to add to it, or !replace to say that it is meant", place)


def helm_replaces(subject: Subject) -> Iterator[Hit]:
    """A list of plugins in chart values without those of the chart: Helm replaces lists."""
    enabled = subject.at(*_ENABLED)
    if not subject.is_values or not isinstance(enabled, list) or not enabled:
        return
    named = {str(name).strip().lower() for name in enabled}
    missing = [name for name in ("container", "sidecar") if name not in named and "pod" not in named]
    if missing:
        message = f"Helm replaces lists, so {' and '.join(missing)} of the chart's own list no longer run"
        yield Hit(_ENABLED, message, "repeat the chart's plugins, or use a layered source, where a list adds")


def platform_variables(subject: Subject) -> Iterator[Hit]:
    """A list of environment variables for Flyte 2 without the platform's own."""
    names = {str(entry.key) for entry in entries(subject.at(*_ENV), _ENV)}
    if subject.form is Form.FLYTE_2 and names and not any(name.startswith("_U_") for name in names):
        message = "this replaces the chart's list, and with it the variables _U_* that Flyte 2's tasks need"
        yield Hit(_ENV, message, "repeat the variables that begin with _U_")


def lost_annotation(subject: Subject) -> Iterator[Hit]:
    """Annotations that replace Flyte's default, which keeps autoscalers from evicting task pods."""
    said = {str(entry.key).lower() for entry in entries(subject.at(*_ANNOTATIONS), _ANNOTATIONS)}
    if said and _EVICTION not in said:
        message = f"this replaces Flyte's default {_EVICTION}: autoscalers may evict task pods"
        yield Hit(_ANNOTATIONS, message, f'add {_EVICTION}: "false", or "true" if that is meant')


def empty_maps(subject: Subject) -> Iterator[Hit]:
    """An empty mapping for a map with free keys: it says nothing, the default stays."""
    for piece in subject.pieces:
        for step in steps(piece.tree):
            if isinstance(step.kind, kinds.MapOf) and isinstance(step.value, Mapping) and not step.value:
                yield Hit(
                    step.path, "an empty mapping leaves the default", "write [] to clear it", piece.locate(step.path)
                )


def _below(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree.get(step) if isinstance(tree, Mapping) else None
    return tree
