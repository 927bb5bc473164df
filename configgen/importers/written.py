"""Where and how people wrote a key: found by its path without regard to case, as Flyte finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from configgen.importers.forms import Recognised
from pluginmachinery.config.problems import Location, Path
from pluginmachinery.config.yaml_text import key_text


@dataclass(frozen=True, slots=True)
class Word:
    """A key as written; ``listed``: it stands inside a list, where Flyte keeps its case."""

    spelling: str
    location: Location
    listed: bool


class Written:
    """All keys of several documents, the later document's word counting. ``otherwise``: the place of what stands in
    none of them."""

    def __init__(self, documents: Iterable[Recognised], otherwise: Location | None = None) -> None:
        self._otherwise = otherwise
        self._documents = list(documents)
        self._words: dict[tuple[str, ...], Word] = {}
        for document in self._documents:
            for path, location in document.locations.items():
                names = tuple(step.lower() for step in path if isinstance(step, str))
                if names and isinstance(path[-1], str):
                    listed = any(isinstance(step, int) for step in path)
                    self._words[names] = Word(path[-1], location, listed)

    def word(self, path: Path) -> Word | None:
        return self._words.get(tuple(str(step).lower() for step in path if isinstance(step, str)))

    def place(self, path: Path) -> Location | None:
        """Where the key stands, or the nearest one above it."""
        for length in range(len(path), 0, -1):
            if found := self.word(path[:length]):
                return found.location
        return self._otherwise

    def spelling(self, path: Path) -> str:
        """The last key of the path as people wrote it."""
        found = self.word(path)
        return found.spelling if found else str(path[-1])

    def forms(self, path: Path) -> list[tuple[Any, Location | None]]:
        """What each document says at the path, in order."""
        said = []
        for document in self._documents:
            value = _at(document.tree, path)
            if value is not None:
                said.append((value, Written([document]).place(path)))
        return said


def _at(tree: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(tree, Mapping):
            return None
        tree = next((value for key, value in tree.items() if key_text(key).lower() == str(step).lower()), None)
    return tree
