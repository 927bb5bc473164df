"""Subjects: what rules look at, whether it comes from a source of layers or from a file of somebody else.

Both have one tree in Flyte's form, merged, with free maps as mappings; what was written before merging is kept as
*pieces*, because some mistakes can be seen only there (a list over a map, capitals in a map's keys).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from configgen import trees
from configgen.importers.forms import Form
from configgen.importers.texts import is_template
from configgen.layers.nodes import EMPTY
from configgen.layers.nodes import Mapping as Tree
from configgen.lint.node_pools import NodePool
from pluginmachinery.config.merging import Entry, Locate, entries
from pluginmachinery.config.problems import Location, Path

UNREADABLE: Final = "unreadable"
DISAGREEMENT: Final = "layers-disagree"
RELEASE: Final = "release-invalid"
PASSED_OVER: Final = "nothing-here"
"""Rules whose work is done while a subject is read."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule says: where in the subject's tree, or (``at``) where in a file, what, and the mend."""

    path: Path | str
    message: str
    mend: str = ""
    at: Location | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One document as written. ``prefix``: where it hangs in its file; ``gate``: the value that keeps the chart from
    rendering it, None where nothing does; ``spellings``: keys that were written in another case, which ``tree`` has in
    their own."""

    name: str
    tree: Mapping[str, Any]
    locate: Locate
    prefix: Path = ()
    gate: Path | None = None
    spellings: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """``form`` is None for an environment of a source; then ``layers`` and ``release`` are its trees with their
    provenance. ``values`` are the values of a chart as written, their places by path from the root of the values."""

    name: str
    file: str
    tree: Mapping[str, Any]
    locate: Locate
    form: Form | None = None
    pieces: tuple[Piece, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    values_prefix: Path = ()
    """The name they have in an umbrella chart."""
    locate_value: Locate = lambda _: None
    targets: tuple[str, ...] = ()
    layers: Tree = EMPTY
    release: Tree = EMPTY
    node_pools: tuple[NodePool, ...] = ()
    """The nodes of its cluster, as far as the source tells; none: nothing is known."""
    troubles: Mapping[str, tuple[Hit, ...]] = field(default_factory=dict)
    """What reading found already, by the ID of the rule that tells it."""

    @property
    def is_source(self) -> bool:
        return self.form is None

    @property
    def is_partial(self) -> bool:
        """Something could not be read, so that what is missing says nothing."""
        return bool(self.troubles.get(UNREADABLE))

    @property
    def is_values(self) -> bool:
        """Values of one of Flyte's charts, whose own defaults hold where the file says nothing."""
        return self.form is not None and self.form.is_values

    @property
    def flyte_versions(self) -> frozenset[str]:
        """Which major versions of Flyte read it for sure; none where it may be our controller alone."""
        if self.form is Form.FLYTE_2:
            return frozenset({"2"})
        if self.form in (Form.FLYTE_CORE, Form.FLYTE_BINARY):
            return frozenset({"1"})
        versions = {"2"} if "flyte2" in self.targets else set()
        return frozenset(versions | ({"1"} if {"flyte-core", "flyte-binary"} & set(self.targets) else set()))

    def at(self, *path: str | int) -> Any:
        """The value that is set there, or None."""
        value: Any = self.tree
        for step in path:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def mapping(self, *path: str | int) -> Mapping[str, Any]:
        """The mapping that is set there, or an empty one."""
        return trees.mapping(self.at(*path))

    def entries(self, *path: str | int) -> Iterator[Entry]:
        """The entries of a map in either form, templates left out."""
        return (entry for entry in entries(self.at(*path), path) if not is_template(entry.value))

    def elements(self, *path: str | int) -> Iterator[tuple[Path, Any]]:
        """The elements of a list with their paths; one mapping counts as a list of one."""
        value = self.at(*path)
        if isinstance(value, Mapping):
            yield path, value
        elif isinstance(value, list):
            for index, element in enumerate(value):
                yield (*path, index), element

    def value(self, *path: str) -> Any:
        """What the chart's values say there, or None."""
        found: Any = self.values
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        return found
