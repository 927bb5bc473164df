"""Merging documents for strict reading, and remembering where everything stands.

Documents are merged in the order of their names. Sections and maps merge key by key, everything else is replaced by the
later document, and null is as if the key were not there. A map may be written as a mapping or as a list of one-key
mappings, in one document this way and in another that way: both are read and merged by key. (Flyte itself drops a list
that follows a mapping; read_as_flyte shows that.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from pluginmachinery.config import kinds
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.problems import Location, Path, Problem
from pluginmachinery.config.root import Configuration, PluginsConfig
from pluginmachinery.config.yaml_text import Parsed, key_text

Locate = Callable[[Path], Location | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a map, in whichever form it is written."""

    key: Any
    value: Any
    path: Path


def entries(value: Any, path: Path) -> Iterator[Entry]:
    """The entries of a mapping, or of a list of mappings; what is neither has none."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield Entry(key, item, (*path, key_text(key)))
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            if isinstance(part, Mapping):
                yield from entries(part, (*path, index))


def has_map_form(value: Any) -> bool:
    """Is this a map in one of its two forms?"""
    if isinstance(value, (list, tuple)):
        return all(isinstance(part, Mapping) for part in value)
    return isinstance(value, Mapping)


@dataclass
class Merged:
    """The merged tree, maps as mappings, and where its parts came from."""

    sections: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    tree: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _origins: dict[Path, tuple[Mapping[Path, Location], Path]] = field(default_factory=dict)

    def add(self, parsed: Parsed) -> None:
        """Lay one document over what is there."""
        if parsed.tree is None:
            return
        if not isinstance(parsed.tree, Mapping):
            place = parsed.locations[()]
            self.problems.append(Problem(place, (), "a mapping is needed at the top", "write section: …"))
            return
        self._origins.setdefault((), (parsed.locations, ()))
        self._lay(self.tree, parsed.tree, kinds.of_model(Configuration), (), (), parsed.locations)

    def locate(self, path: Path) -> Location | None:
        """Where the value at this path, or the nearest thing around it, is written."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._origins:
                locations, source = self._origins[path[:length]]
                return _nearest((*source, *path[length:]), locations)
        return None

    def _kind_of(self, kind: Kind | None, key: str) -> Kind | None:
        if isinstance(kind, kinds.MapOf):
            return kind.item
        if isinstance(kind, (kinds.Plain, kinds.Part)):
            kind = kind.section
        if not isinstance(kind, Struct):
            return None
        member = kind.by_key.get(key)
        if member is not None:
            return member.kind.item if isinstance(member.kind, kinds.Pointer) else member.kind
        model = self.sections.get(key) if kind.model is PluginsConfig else None
        return kinds.of_model(model) if model is not None else None

    def _lay(
        self,
        target: dict[str, Any],
        value: Any,
        kind: Kind | None,
        path: Path,
        source: Path,
        locations: Mapping[Path, Location],
    ) -> None:
        seen: dict[str, Path] = {}
        for entry in entries(value, source):
            key = key_text(entry.key)
            here = (*path, key)
            if key in seen:
                self.problems.append(duplicate(_nearest(entry.path, locations), here))
            seen[key] = entry.path
            item = self._kind_of(kind, key)
            if entry.value is None and not isinstance(kind, kinds.MapOf):
                continue
            below = target.get(entry.key)
            if _lies_over(item, entry.value, below):
                if not isinstance(below, dict):
                    below = target[entry.key] = {}
                    self._origins[here] = (locations, entry.path)
                self._lay(below, entry.value, item, here, entry.path, locations)
            else:
                target[entry.key] = entry.value
                self._origins = {known: origin for known, origin in self._origins.items() if known[: len(here)] != here}
                self._origins[here] = (locations, entry.path)


def duplicate(place: Location | None, path: Path) -> Problem:
    return Problem(place or Location(), path, "the key is there twice in this list", "remove one of them")


def _nearest(path: Path, locations: Mapping[Path, Location]) -> Location | None:
    for length in range(len(path), -1, -1):
        if path[:length] in locations:
            return locations[path[:length]]
    return None


def _lies_over(kind: Kind | None, value: Any, below: Any) -> bool:
    """Is the value merged into what is there, key by key, or does it replace that?"""
    if isinstance(kind, kinds.MapOf):
        return has_map_form(value) and (bool(value) or (isinstance(value, Mapping) and isinstance(below, dict)))
    if kind is None or isinstance(kind, (Struct, kinds.Plain, kinds.Part, kinds.Anything)):
        return isinstance(value, Mapping)
    return False
