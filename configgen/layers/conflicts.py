"""Layers that disagree: what merging lets pass, because it is total, and a person most likely did not mean."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise

from configgen.layers.nodes import Listing, Node, Origin, Path, Place, Shape, Verb, dotted, walk
from configgen.problems import Problem


def conflicts(tree: Node) -> Iterator[Problem]:
    """Every disagreement in a merged stack of layers: shapes that change without ``!replace``, empty values over set
    ones, and ``!remove`` of what no layer beneath has set."""
    for path, node in walk(tree):
        yield from _shape_changes(path, node.origins)
        if isinstance(node, Listing):
            yield from _removals_of_nothing(path, node)


def _shape_changes(path: Path, origins: tuple[Origin, ...]) -> Iterator[Problem]:
    for newer, older in pairwise(origins):
        if newer.verb is Verb.REPLACE or newer.shape in (Shape.REMOVED, older.shape):
            continue
        if older.shape in (Shape.NOTHING, Shape.REMOVED):
            continue
        if newer.shape is Shape.NOTHING:
            yield _problem(
                newer.place,
                path,
                f"an empty value over {older.shape.value} set at {older.place}",
                "write !remove to fall back to the built-in default, or drop the line",
            )
        else:
            yield _problem(
                newer.place,
                path,
                f"{newer.shape.value} over {older.shape.value} set at {older.place}",
                "write it in the same form, or tag it !replace if the change is meant",
            )
    if origins and origins[-1].shape is Shape.REMOVED:
        yield _problem(origins[-1].place, path, "!remove of a key that no layer beneath sets", "drop the line")


def _removals_of_nothing(path: Path, listing: Listing) -> Iterator[Problem]:
    for key, removal in listing.removed.items():
        if not removal.found:
            yield _problem(
                removal.origins[-1].place,
                path,
                f"!remove of {key}, which no layer beneath adds",
                _nearest(key, listing),
            )


def _nearest(key: str, listing: Listing) -> str:
    said = {item.key for item in listing.items} | {other for other, found in listing.removed.items() if found.found}
    close = get_close_matches(key, sorted(said), n=1)
    return f"did you mean {close[0]}?" if close else "drop it from the list"


def _problem(place: Place, path: Path, message: str, mend: str) -> Problem:
    return Problem(place.file, place.line, place.column, dotted(path), message, mend)
