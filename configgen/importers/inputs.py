"""From the PATHs of the command line to environments: which files belong together, and what they are called."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from configgen.cluster.installations import is_live
from configgen.importers import kustomizations
from configgen.importers.forms import Form, Part, Recognised, Values, parts
from configgen.importers.texts import is_template
from configgen.layers.files import STDIN, list_folder, os_problem, read_stdin, read_text
from configgen.problems import Problem, SourceError

_NAMED: Final = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)=(.+)", re.DOTALL)
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NOISE: Final = re.compile(r"(^|[-_.])(values|flyte|core|binary|helm|config|configmap|overrides?|propeller)(?=$|[-_.])")
_ONLY: Final = "main"
_YAML: Final = (".yaml", ".yml", ".json")


@dataclass
class Input:
    """One environment: its files in the order in which they are merged, each with what it was found to be."""

    name: str
    files: list[tuple[str, list[Part]]] = field(default_factory=list)
    said_namespace: str = ""

    @property
    def parts(self) -> list[Part]:
        return [part for _, found in self.files for part in found]

    @property
    def namespace(self) -> str:
        """Where its manifests say that it is installed; empty where none says so, or they do not agree."""
        told = {part.namespace for part in self.parts if isinstance(part, Values) or part.tree} - {""}
        only = self.said_namespace or (told.pop() if len(told) == 1 else "")
        return only if _LABEL.fullmatch(only) else ""

    @property
    def form(self) -> Form | None:
        """The chart whose values these are; None for plain documents."""
        return next((part.form for part in self.parts if isinstance(part, Values)), None)

    @property
    def umbrella(self) -> str:
        """Flyte's umbrella chart that the values are of; empty where there is none."""
        return next((part.umbrella for part in self.parts if isinstance(part, Values)), "")


def read_inputs(arguments: Sequence[str], kubeconfig: Path | None = None) -> list[Input]:
    """The environments that the arguments name. Raises SourceError with all files that can not be read.

    ``NAME=PATH`` names the environment; arguments of one name are one environment, later files over earlier. A folder
    is one environment if it holds plain configuration, else each values file in it is one. Plain files that are named
    one by one and say different things are one environment, as Flyte takes several ``--config``.
    """
    named: dict[str, Input] = {}
    loose: list[Input] = []
    problems: list[Problem] = []
    for argument in arguments:
        name, path = _split(argument)
        try:
            found = list(_read_live(path, kubeconfig) if is_live(path) else _read(path))
        except SourceError as error:
            problems += error.problems
            continue
        if name:
            target = named.setdefault(name, Input(name))
            target.files += [file for one in found for file in one.files]
            target.said_namespace = next((one.said_namespace for one in found if one.said_namespace), "")
        else:
            loose += found
    if problems:
        raise SourceError(problems)
    return [*named.values(), *_with_names(_gathered(loose), taken=set(named))]


def _split(argument: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(argument)
    if match and not Path(argument).exists():
        return match.group(1), match.group(3)
    return "", argument


def _read(argument: str, above: frozenset[Path] = frozenset()) -> Iterator[Input]:
    if argument == "-":
        text = read_stdin()
        yield Input("", [(STDIN, _readable(parts(text, STDIN), text))])
        return
    path = Path(argument)
    members = list_folder(path, argument) if path.is_dir() else [path]
    if kustomization := next((member for member in members if member.name in kustomizations.NAMES), None):
        found_there = kustomizations.read(kustomization)
        yield Input(str(kustomization.parent), found_there.files(), found_there.namespace)
        return
    if not path.is_dir():
        text = read_text(path, str(path))
        found_parts = parts(text, str(path))
        yield Input(argument, [(str(path), _readable(found_parts, text) if path.suffix in _YAML else found_parts)])
        return
    if path.resolve() in above:
        raise os_problem(OSError(errno.ELOOP, ""), argument)
    found = [member for member in members if not member.name.startswith(".")]
    files: list[tuple[str, list[Part]]] = []
    problems: list[Problem] = []
    for member in found:
        if member.suffix in (".yaml", ".yml") and not member.is_dir():
            try:
                files.append(_file(member))
            except SourceError as error:
                problems += error.problems
    if problems:
        raise SourceError(problems)
    if not files:
        folders = [member for member in found if member.is_dir()]
        if not folders:
            message, mend = "holds no YAML file", "name a file, or another folder"
            raise SourceError([Problem(argument, 0, 0, "", message, mend)])
        for folder in folders:
            yield from _read(str(folder), above | {path.resolve()})
    elif any(isinstance(part, Values) for _, found_parts in files for part in found_parts):
        yield from (Input(name, [(name, found_parts)]) for name, found_parts in files if _says(found_parts))
    else:
        yield Input(argument, files)


def _read_live(argument: str, kubeconfig: Path | None) -> Iterator[Input]:
    """What a cluster runs with, one file for each document."""
    from configgen.cluster.installations import read_live

    documents = read_live(argument, kubeconfig)
    yield Input(argument, [(one.name, parts(one.text, one.name)) for one in documents])


def _file(path: Path) -> tuple[str, list[Part]]:
    return str(path), parts(read_text(path, str(path)), str(path))


def _readable(found: list[Part], text: str) -> list[Part]:
    """Raises SourceError for YAML of which nothing could be read. Templates are no YAML, nor is prose: of these one
    takes what there is, and tells the rest."""
    problems = [problem for part in found if isinstance(part, Recognised) for problem in part.problems]
    unreadable = [part for part in found if isinstance(part, Recognised) and part.form is Form.UNREADABLE]
    if len(unreadable) == len(found) and all(problem.line for problem in problems) and not is_template(text):
        raise SourceError(Problem(p.file, p.line, p.column, p.path, p.message, p.mend) for p in problems)
    return found


def _says(found: list[Part]) -> bool:
    return any(isinstance(part, Values) or part.tree or part.problems or part.remarks for part in found)


def _gathered(inputs: list[Input]) -> list[Input]:
    """Plain files that do not contradict each other are one environment."""
    if len(inputs) < 2 or any(one.form for one in inputs) or any(len(one.files) > 1 for one in inputs):
        return inputs
    seen: set[tuple[object, ...]] = set()
    for one in inputs:
        said = {leaf for part in one.parts if not isinstance(part, Values) for leaf in _leaves(part.locations)}
        if said & seen or not said:
            return inputs
        seen |= said
    return [Input("", [file for one in inputs for file in one.files], inputs[0].said_namespace)]


def _leaves(locations: object) -> set[tuple[object, ...]]:
    paths = set(locations) if isinstance(locations, dict) else set()
    return {path for path in paths if path} - {path[:-1] for path in paths if path}


def _with_names(inputs: list[Input], taken: set[str]) -> Iterator[Input]:
    """Names from the files' names, or from their folders' where those say nothing."""
    stems = [_stem(Path(one.name)) if one.name else "" for one in inputs]
    folders = [_label(Path(one.name).resolve().parent.name) if one.name else "" for one in inputs]
    telling = len(inputs) == 1 or (all(stems) and len(set(stems)) == len(stems))
    for index, one in enumerate(inputs):
        if telling:
            wanted = stems[index] or _ONLY
        else:
            wanted = stems[index] if stems.count(stems[index]) == 1 and stems[index] else folders[index] or _ONLY
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted[:58]}-{number}", number + 1
        taken.add(name)
        yield Input(name, one.files, one.said_namespace)


def _stem(path: Path) -> str:
    """``values-prod.yaml`` → ``prod``."""
    stem = path.resolve().name if path.is_dir() else path.stem
    return _label(_NOISE.sub("", stem.lower()))


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")
