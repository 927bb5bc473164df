"""What a move to Flyte 2 means for a configuration: the table of facts held against what somebody wrote."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.migration.editing import Edit, Keys
from configgen.migration.facts import (
    CONFIGURATION,
    GONE_PLUGINS,
    KEPT_IN_SOURCES,
    PLATFORM_VARIABLES,
    PLUGIN_SUCCESSORS,
    Change,
    Fact,
)
from configgen.trees import sequence, value_at
from pluginmachinery.config.merging import Locate, entries
from pluginmachinery.config.problems import Location, Path, dotted
from pluginmachinery.config.yaml_text import key_text

_ROUTES: Final[Path] = ("tasks", "task-plugins", "default-for-task-types")
_ENABLED: Final[Path] = ("tasks", "task-plugins", "enabled-plugins")
_VARIABLES: Final[Path] = ("plugins", "k8s", "default-env-vars")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that changes. ``path`` is the key path in the file, ``to`` the new one of what is renamed or moved.
    ``edit``: how the file would be changed; None where a person has to decide."""

    change: Change
    file: str
    line: int
    column: int
    path: str
    message: str
    mend: str
    to: str = ""
    edit: Edit | None = None

    @property
    def place(self) -> str:
        """``file:line:column``, as far as it is known."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])


@dataclass(frozen=True, slots=True)
class Written:
    """A tree as somebody wrote it. ``locate`` takes paths of the tree; ``prefix`` is where it hangs in its file, and
    ``home`` where its sections belong in Flyte 2's values, for trees that can not stay where they are. ``editable``:
    whether a fact may be applied to the file."""

    file: str
    tree: Mapping[Any, Any]
    locate: Locate
    prefix: Path = ()
    home: Path | None = None
    editable: Callable[[Fact], bool] = lambda _: True
    of_source: bool = False


def configuration(written: Written) -> Iterator[Finding]:
    """What the table says of a document of Flyte's configuration."""
    rest = yield from _facts(written, CONFIGURATION)
    yield from _plugins(written)
    if written.home is not None:
        yield from _elsewhere(written, rest)


def values(written: Written, facts: Sequence[Fact]) -> Iterator[Finding]:
    """What the table says of values of a chart."""
    yield from _facts(written, facts)


def defaults(file: str, trees: list[Mapping[Any, Any]]) -> Iterator[Finding]:
    """Defaults that are other ones in Flyte 2, where none of the trees (all of one environment) says what to do."""
    folded = [_folded(tree) for tree in trees]
    enabled = {str(name).strip().lower() for tree in trees for name in sequence(value_at(_folded(tree), _ENABLED))}
    for fact in CONFIGURATION:
        path = _steps(fact.path)
        if fact.change is not Change.DEFAULT or any(value_at(tree, path) is not None for tree in folded):
            continue
        if not fact.plugin or fact.plugin in enabled or any(value_at(tree, path[:2]) is not None for tree in folded):
            yield Finding(fact.change, file, 0, 0, fact.path, fact.message, fact.mend)


def lost_variables(written: Written) -> Iterator[Finding]:
    """A list of variables that replaces those which Flyte 2's chart sets."""
    said = value_at(_folded(written.tree), _VARIABLES)
    missing = [name for name in PLATFORM_VARIABLES if name not in {entry.key for entry in entries(said, ())}]
    if said and missing:
        message = f"replaces variables that Flyte 2's chart sets and tasks need: {', '.join(missing)}"
        mend = "repeat them as the chart's templates/configmap.yaml has them"
        yield _found(written, Change.WARNING, _VARIABLES, message, mend)


def _facts(written: Written, facts: Sequence[Fact]) -> Generator[Finding, None, Mapping[str, Any]]:
    """Findings; returns what no fact took out. A fact about a section counts for what earlier ones left of it."""
    rest: dict[str, Any] = _folded(written.tree)
    for fact in facts:
        path = _steps(fact.path)
        value = value_at(rest, path)
        if value is None or (fact.path in KEPT_IN_SOURCES and written.of_source):
            continue
        if fact.change in (Change.DROPPED, Change.MOVED, Change.RENAMED):
            _take(rest, path)
            inner = value if fact.to and isinstance(value, Mapping) and _is_shared(fact, facts) else None
            for key in inner or ("",):
                yield _moved(written, fact, path, str(key))
        elif fact.change is Change.WARNING and not (fact.path.endswith(".qps") and isinstance(value, int)):
            yield _found(written, fact.change, _spelling(written.tree, path), fact.message, fact.mend)
    return rest


def _is_shared(fact: Fact, facts: Sequence[Fact]) -> bool:
    """Others find place in the new section as well, so that it is not moved as a whole."""
    return any(other.to.startswith(f"{fact.to}.") for other in facts)


def _moved(written: Written, fact: Fact, path: Path, key: str) -> Finding:
    """A fact that changes the file; ``key``: about this member of the section alone."""
    spelt = _spelling(written.tree, (*path, key) if key else path)
    to: Path = ()
    if fact.to:
        to = (*(written.prefix if written.home is None else written.home), *fact.to.split("."))
        to = (*to, spelt[-1]) if key else to
    may = written.editable(fact) and not fact.to_decide
    edit = Edit(_keys((*written.prefix, *spelt)), _keys(to)) if may else None
    renamed = fact.change is Change.RENAMED and not key
    mend = fact.mend or (f"rename it to {to[-1]}" if renamed else f"move it to {dotted(to)}")
    if edit is None and written.of_source and path[0] != "storage":
        mend += "; the target flyte2 " + ("does so by itself" if to else "leaves it out")
    change = Change.MOVED if key and fact.to else fact.change
    return _found(written, change, spelt, fact.message, mend, to=to, edit=edit)


def _plugins(written: Written) -> Iterator[Finding]:
    tree = _folded(written.tree)
    for index, name in enumerate(sequence(value_at(tree, _ENABLED))):
        known = str(name).strip().lower()
        if known in GONE_PLUGINS and known not in PLUGIN_SUCCESSORS:
            message = f"Flyte 2 has no plugin {known}: its tasks run as plain containers"
            yield _found(written, Change.WARNING, (*_ENABLED, index), message, "find another way for such tasks")
    for entry in entries(value_at(tree, _ROUTES), _ROUTES):
        known = str(entry.value).strip().lower()
        if known in PLUGIN_SUCCESSORS:
            successor = PLUGIN_SUCCESSORS[known]
            edit = Edit(_keys((*written.prefix, *_spelling(written.tree, entry.path))), value=successor)
            message = f"the plugin {known} is called {successor}"
            mend = f"write {successor}"
            yield _found(written, Change.RENAMED, entry.path, message, mend, edit=None if _listed(entry.path) else edit)
        elif known in GONE_PLUGINS:
            message = f"Flyte 2 has no plugin {known}, and passes over this"
            path = _spelling(written.tree, entry.path)
            edit = Edit(_keys((*written.prefix, *path)))
            may = written.editable(_GONE) and not _listed(entry.path)
            yield _found(written, Change.DROPPED, path, message, "remove it", edit=edit if may else None)


_GONE: Final = Fact("", Change.DROPPED, "", "", "")


def _elsewhere(written: Written, rest: Mapping[str, Any]) -> Iterator[Finding]:
    """Sections that stay what they are, of a chart that does not exist any more."""
    assert written.home is not None
    for path in _sections(rest):
        spelt = _spelling(written.tree, path)
        to = (*written.home, *spelt)
        if path == ("tasks", "task-plugins"):
            to = (*written.home[:-2], "enabled_plugins", *spelt)
        edit = Edit((*_keys(written.prefix), *_keys(spelt)), _keys(to))
        message = "the chart flyte-core does not exist for Flyte 2; flyte-binary has another place for it"
        yield _found(written, Change.MOVED, spelt, message, f"move it to {dotted(to)}", to=to, edit=edit)


def _sections(rest: Mapping[str, Any]) -> Iterator[Path]:
    for section, content in rest.items():
        if section in ("plugins", "tasks") and isinstance(content, Mapping):
            for name, inner in content.items():
                if section == "plugins" and name == "k8s" and isinstance(inner, Mapping):
                    # The data sidecar's part is in a document of its own: both have to find place.
                    yield from ((section, name, key) for key in inner)
                else:
                    yield (section, name)
        else:
            yield (section,)


def _found(
    written: Written,
    change: Change,
    path: Path,
    message: str,
    mend: str,
    *,
    to: Path = (),
    edit: Edit | None = None,
) -> Finding:
    place = written.locate(path) or Location(written.file)
    shown = dotted((*written.prefix, *path))
    file = place.file or written.file
    return Finding(change, file, place.line, place.column, shown, message, mend, dotted(to), edit)


def _steps(path: str) -> Path:
    """Flyte's keys do not know case; the table is compared folded."""
    return tuple(path.lower().split("."))


def _keys(path: Path) -> Keys:
    return tuple(str(step) for step in path)


def _listed(path: Path) -> bool:
    return any(isinstance(step, int) for step in path)


def _folded(value: Any, depth: int = 0) -> Any:
    """Keys of sections in lower case; what people named (labels, variables) is deeper than any path of the table."""
    if not isinstance(value, Mapping):
        return value
    return {
        key_text(key).lower() if depth < _DEPTH else key_text(key): _folded(member, depth + 1)
        for key, member in value.items()
        if member is not None
    }


_DEPTH: Final = max(len(fact.path.split(".")) for fact in CONFIGURATION)


def _take(tree: dict[str, Any], path: Path) -> None:
    """Take out what is there, and what that leaves empty."""
    inner = tree.get(str(path[0]))
    if len(path) > 1 and isinstance(inner, dict):
        _take(inner, path[1:])
        if inner:
            return
    tree.pop(str(path[0]), None)


def _spelling(tree: Any, path: Path) -> Path:
    """The path as it is written."""
    spelt: list[str | int] = []
    for step in path:
        if isinstance(tree, Mapping) and isinstance(step, str):
            key = next((one for one in tree if key_text(one).lower() == step.lower()), step)
            spelt.append(key_text(key))
            tree = tree.get(key)
        else:
            spelt.append(step)
            tree = tree[step] if isinstance(tree, list) and isinstance(step, int) and step < len(tree) else None
    return tuple(spelt)
