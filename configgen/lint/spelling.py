"""Keys in another case. Flyte's reader does not tell ``K8S`` from ``k8s``: rules see the keys as they are called, and
one rule tells how they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.problems import Location, Path


@dataclass
class Spelling:
    """``tree`` has the keys of the library in their own spelling; ``written`` says which had another, by their path."""

    tree: dict[str, Any] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Spelling:
        """Of one document. Where both spellings are there, both stay."""
        spelling = cls()
        spelling.tree = spelling._value(kinds.of_model(Configuration), tree, ())
        return spelling

    def places(self, locations: Mapping[Path, Location]) -> Mapping[Path, Location]:
        """The places of the keys, by their own spelling."""
        if not self.written:
            return locations
        return {self._path(path): place for path, place in locations.items()}

    def _path(self, path: Path) -> Path:
        for depth in range(1, len(path) + 1):
            for known, said in self.written.items():
                if len(known) == depth and (*known[:-1], said) == path[:depth]:
                    path = (*known, *path[depth:])
        return path

    def _value(self, kind: Kind, value: Any, path: Path) -> Any:
        kind = kinds.unwrapped(kind)
        match kind:
            case Struct() if isinstance(value, Mapping):
                return self._fields(kind, value, path)
            case kinds.ListOf(item) if isinstance(value, list):
                return [self._value(item, element, (*path, index)) for index, element in enumerate(value)]
            case kinds.ListOf(item) if isinstance(value, Mapping):
                return self._value(item, value, path)
        return value

    def _fields(self, struct: Struct, value: Mapping[Any, Any], path: Path) -> dict[Any, Any]:
        proper = {key.lower(): key for key in struct.by_key}
        result: dict[Any, Any] = {}
        for written, said in value.items():
            key = written if written in struct.by_key else proper.get(str(written).lower(), written)
            key = written if key in value else key
            if key != written:
                self.written[(*path, str(key))] = str(written)
            member = struct.by_key.get(str(key))
            result[key] = self._value(member.kind, said, (*path, str(key))) if member else said
        return result
