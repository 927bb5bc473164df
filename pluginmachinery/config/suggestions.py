"""Suggestions: what an unknown key was probably meant to be."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from pluginmachinery.config import kinds
from pluginmachinery.config.kinds import Struct
from pluginmachinery.config.problems import Path, dotted
from pluginmachinery.config.root import Configuration

_LISTED = 12
_SHORT = 5
"""In words up to this length one slip of the keyboard is already a large part."""


def for_key(key: str, path: Path, known: Iterable[str]) -> str:
    """The mend for an unknown key at ``path``, where ``known`` are the keys that may stand."""
    known = tuple(known)
    if same := next((candidate for candidate in known if _plain(candidate) == _plain(key)), None):
        return f"did you mean {same}?"
    if places := [place for place in _places().get(key, ()) if place != path]:
        return "it belongs under " + " or ".join(dotted(place) or "the top" for place in places)
    if near := nearest(key, known):
        return f"did you mean {near}?"
    if not known or len(known) > _LISTED:
        return "remove it"
    return f"known here: {', '.join(known)}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that differs least, spelling of compounds and case not counted."""
    plain = {_plain(candidate): candidate for candidate in known}
    exact = plain.get(_plain(word))
    if exact is not None:
        return exact
    cutoff = 0.6 if len(word) <= _SHORT else 0.75
    close = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    """``defaultCpus``, ``default_cpus`` and ``Default-CPUs`` are the same word."""
    return re.sub(r"[-_ ]", "", word).lower()


@functools.cache
def _places() -> Mapping[str, tuple[Path, ...]]:
    """Where each key of the configuration stands; keys that stand in many places tell nothing."""
    places: dict[str, list[Path]] = {}
    for key, path in _keys(kinds.of_model(Configuration), ()):
        places.setdefault(key, []).append(path)
    return {key: tuple(paths) for key, paths in places.items() if len(paths) <= 2}


def _keys(struct: Struct, path: Path) -> Iterator[tuple[str, Path]]:
    for member in struct.members:
        yield member.key, path
        if isinstance(member.kind, Struct):
            yield from _keys(member.kind, (*path, member.key))
