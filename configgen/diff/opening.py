"""From what a person names to sides: an environment, ``REV:ENV``, a rendered folder or a ConfigMap file, and
``cluster:CONTEXT/NAMESPACE[/CONFIGMAP]``, what a cluster runs with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from configgen.cluster.installations import is_live
from configgen.diff.comparing import Comparison, compare
from configgen.diff.secrets import Secrets
from configgen.diff.sides import Side
from configgen.layers.environments import Source
from configgen.layers.files import os_problem, read_text
from configgen.layers.source import FILE
from configgen.problems import Problem, SourceError
from pluginmachinery.plugins.enabling import EnablingError

if TYPE_CHECKING:
    from configgen.effects.comparing import Effect


class Sides:
    """Opens sides. Sources of revisions are taken out once, into temporary folders that are gone at the end."""

    def __init__(self, folder: Path, stack: ExitStack, kubeconfig: Path | None = None) -> None:
        self.folder = folder
        self._kubeconfig = kubeconfig
        self._stack = stack
        self._revisions: dict[str, Source] = {}

    @cached_property
    def source(self) -> Source:
        return Source(self.folder)

    def pair(self, before: str, after: str) -> tuple[Side, Side]:
        """Both sides. A folder with several environments gives the one that the other side names. Raises SourceError
        with the problems of both."""
        found: list[Side] = []
        problems: list[Problem] = []
        for name, other in ((before, after), (after, before)):
            try:
                found.append(self.open(name, environment=other.rpartition(":")[2]))
            except SourceError as error:
                problems += error.problems
        if problems:
            raise SourceError(problems)
        return found[0], found[1]

    def open(self, name: str, *, environment: str = "") -> Side:
        """One side. Raises SourceError."""
        path = Path(name)
        if is_live(name) and not os.path.lexists(path):
            from configgen.diff.foreign import live_side

            return live_side(name, self._kubeconfig)
        if not _looks_like_path(name) and self._is_environment(name):
            return Side.of(self.source.environment(name))
        if os.path.lexists(path):
            from configgen.diff.foreign import read_side

            return read_side(path, name, environment=environment)
        if ":" in name:
            revision, _, wanted = name.rpartition(":")
            return self.at_revision(revision, wanted)
        if _looks_like_path(name):
            read_text(path, name)  # it can not be reached; this says why
        return Side.of(self.source.environment(name))

    def _is_environment(self, name: str) -> bool:
        """Without a source there are none; a source with mistakes is another matter."""
        return os.path.lexists(self.folder / FILE) and name in self.source.definition.environments

    def at_revision(self, revision: str, environment: str) -> Side:
        """An environment as of a git revision. Raises SourceError; its files are named ``REV:…``."""
        source = self.source_at(revision)
        try:
            return Side.of(source.environment(environment), f"{revision}:{environment}")
        except SourceError as error:
            raise _at(revision, error) from error

    def source_at(self, revision: str) -> Source:
        """The whole source as of a git revision."""
        if revision not in self._revisions:
            from configgen.diff.revisions import extract

            try:
                folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="configgen-")))
            except OSError as error:
                raise os_problem(error, tempfile.gettempdir(), "written") from error
            extract(self.folder, revision, folder)
            try:
                self._revisions[revision] = Source(folder)
            except SourceError as error:
                raise _at(revision, error, folder) from error
        return self._revisions[revision]


@contextmanager
def sides(folder: Path, kubeconfig: Path | None = None) -> Iterator[Sides]:
    """Sides for the source in this folder; ``kubeconfig`` says where clusters are, for live ones."""
    with ExitStack() as stack:
        yield Sides(folder, stack, kubeconfig)


def compared(before: Side, after: Side, *, folder: Path, effects: bool = True) -> Comparison:
    """All that two sides differ in; with ``effects`` also what it does to tasks, the user's own among them."""
    changes = tuple(compare(before, after))
    secrets = Secrets.of(before.effective(), after.effective(), before.said, after.said)
    comparison = Comparison(before.name, after.name, changes, secrets)
    # The release says how the controller runs, not what it creates.
    if not effects or not any(change.path[0] != "release" for change in changes):
        return comparison
    try:
        return replace(comparison, effect=_effect(before, after, folder))
    except EnablingError as error:
        told = f"What happens to pods can not be told: {error.message}; {error.mend}."
        return replace(comparison, no_effect=secrets.text(told))


def against_base(opened: Sides, revision: str, names: Sequence[str], *, effects: bool = True) -> list[Comparison]:
    """Environments (none named: all, the new and the gone too) against themselves at a revision.

    Raises SourceError with the problems of all."""
    now, then = opened.source.definition.environments, opened.source_at(revision).definition.environments
    comparisons: list[Comparison] = []
    problems: list[Problem] = []
    for name in names or {**then, **now}:
        before = f"{revision}:{name}"
        try:
            if name in now and name in then:
                pair = opened.at_revision(revision, name), Side.of(opened.source.environment(name))
                comparisons.append(compared(*pair, folder=opened.folder, effects=effects))
            elif name in now:
                opened.source.environment(name)
                comparisons.append(Comparison(before, name, (), remark=f"The environment {name} is new."))
            elif name in then:
                comparisons.append(Comparison(before, name, (), remark=f"The environment {name} is gone."))
            else:
                opened.source.environment(name)
        except SourceError as error:
            problems += error.problems
    if problems:
        raise SourceError(problems)
    return comparisons


def _effect(before: Side, after: Side, folder: Path) -> Effect:
    from configgen.effects.comparing import effect
    from configgen.effects.representatives import own_tasks
    from configgen.layers.plugin_checks import discovered

    return effect(before.configuration, after.configuration, own_tasks(folder), discovered())


def _at(revision: str, error: SourceError, folder: Path | None = None) -> SourceError:
    def shown(file: str) -> str:
        return f"{revision}:{file.removeprefix(f'{folder}/') if folder else file}"

    return SourceError(replace(problem, file=shown(problem.file)) for problem in error.problems)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/")) or name.endswith(("/", ".yaml", ".yml"))
