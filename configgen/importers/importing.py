"""The whole import: environments in, the files of a source out.

The source has the chart's own defaults as a layer (where the files are values of a chart), then ``base`` with what all
environments say, then one layer for each environment with what only it says. What equals the chart's default is in
neither. Rendered, each environment comes to what Flyte reads today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.importers.chart_defaults import chart_name, chart_title, merged
from configgen.importers.forms import Form, Recognised, Values
from configgen.importers.inputs import Input
from configgen.importers.layer_text import documents as layer_documents
from configgen.importers.layer_text import to_yaml
from configgen.importers.misplaced import tell_misplaced
from configgen.importers.notes import Note, Notes
from configgen.importers.patches import common, harmonised, patch, without_repetition
from configgen.importers.plugin_list import settle
from configgen.importers.references import tell_references
from configgen.importers.texts import is_template
from configgen.importers.translating import Tree, is_ours, translate
from configgen.importers.written import Written
from configgen.problems import Problem, SourceError
from pluginmachinery.config.problems import Location, dotted

NAMESPACE: Final = "flyte"
"""Where an install is that does not say."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of the source that comes out. ``form``: what was recognised; ``files``: what was read."""

    name: str
    form: str
    files: tuple[str, ...]
    layers: tuple[str, ...]
    namespace: str = NAMESPACE


@dataclass(frozen=True, slots=True)
class Import:
    """What an import comes to: files of the source (relative path → text), environments, and what is to be said."""

    files: Mapping[str, str]
    environments: tuple[Environment, ...]
    notes: tuple[Note, ...]


def run(inputs: Sequence[Input]) -> Import:
    """Read everything as Flyte does, and cut it into layers."""
    notes = Notes()
    chart, title, below = _chart_layer(inputs)
    trees: dict[str, Tree] = {}
    for one in inputs:
        tree = _with_optional(harmonised(without_repetition(_effective(one, notes)), below), below)
        trees[one.name] = harmonised(tree, next(iter(trees.values()), {}))
    shared = common(list(trees.values()), below)
    files = _layer(f"charts/{chart}", below, f"the defaults of Flyte's chart {title}") if chart else {}
    named = ", ".join(name for one in inputs for name in _names(one))
    files |= _layer("base", patch(below, shared), f"what is said in {named}")
    bottom = [f"charts/{chart}"] if chart else []
    environments = []
    for one in inputs:
        layers = [*bottom, "base"]
        if len(inputs) > 1:
            layers.append(f"environments/{one.name}")
            own = patch(shared, trees[one.name])
            files |= _layer(layers[-1], own, f"what only {', '.join(_names(one))} says")
        form = one.form or next((part.form for part in one.parts if _documents_of(part)), Form.NEIGHBOUR)
        namespace = one.namespace or NAMESPACE
        environments.append(Environment(one.name, form.value, _files(one), tuple(layers), namespace))
    files["configgen.yaml"] = _definition(environments)
    for environment in environments:
        _tell_what_hinders(environment, files, notes)
    return Import(dict(sorted(files.items())), tuple(environments), tuple(notes.in_order()))


def _with_optional(tree: Tree, below: Tree) -> Tree:
    """The chart's plugins that are not implemented here stay optional where they are not enabled: it does no harm."""
    manager = {**below.get("plugin-manager", {}), **tree.get("plugin-manager", {})}
    both = [*below.get("plugin-manager", {}).get("optional-plugins", ()), *manager.get("optional-plugins", ())]
    if both:
        manager["optional-plugins"] = list(dict.fromkeys(both))
    return {**tree, "plugin-manager": manager} if manager else tree


def _names(one: Input) -> list[str]:
    """The files' names for people, the same wherever the command is called; what is no text in them is a question
    mark."""
    return [name.rsplit("/", 1)[-1].encode(errors="replace").decode() for name in _files(one)]


def _files(one: Input) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _ in one.files))


def _effective(one: Input, notes: Notes) -> Tree:
    """What Flyte reads in one environment."""
    where = Location(one.files[0][0])
    documents = list(_documents(one, notes))
    own = {name for name, _ in one.files}
    tree = translate(documents, notes, where)
    if one.form:
        tree.pop("storage", None)
    written = Written(documents, where)
    tell_references(one.parts, notes)
    if _said_by(documents, own):
        settle(tree, written, notes)
    else:
        settle(tree, written, Notes())
        notes.note(where, "", "nothing about plugins in it: nothing was imported but what a render needs")
    _tell_secrets(tree, written, notes)
    return tree


def _said_by(documents: list[Recognised], files: set[str]) -> bool:
    ours = ("plugins", "tasks", "task_resources")
    return any(
        place.file in files and path and str(path[0]).lower() in ours
        for document in documents
        for path, place in document.locations.items()
    )


def _documents(one: Input, notes: Notes) -> Iterator[Recognised]:
    """The documents of an environment in the order in which Flyte merges them; what is no document is told."""
    values = [part for part in one.parts if isinstance(part, Values)]
    own = {name for name, _ in one.files}
    if values:
        form = values[0].form
        alike = [part for part in values if part.form is form]
        for other in values:
            if other.form is not form:
                place = other.locations.get(other.prefix)
                notes.warning(place, "", f"left out: {other.form.value} beside {form.value}", "import them apart")
        together = merged(form, alike)
        found = together.documents()
        yield from (document for document in found if document.gate is None and is_ours(document.tree))
        frozen = [document.tree for document in merged(form, [], together.umbrella).documents()]
        for document in found:
            # Whole files of the chart's values are copied: what they repeat, nobody meant.
            if document.gate is not None and document.tree not in frozen and _said_by([document], own):
                place = Written([document]).place(("plugins",))
                never = document.gate == document.prefix
                why = "" if never else f", because {dotted(document.gate)} is not true"
                message = f"left out: the chart does not render it{why}"
                notes.warning(place, document.prefix, message, "say it in a layer if it is meant")
        tell_misplaced(together, found, own, notes)
    for part in one.parts:
        if isinstance(part, Values):
            continue
        notes.problems((*part.problems, *part.remarks))
        _tell_templates(part.templates, notes)
        yield from _documents_of(part)


def _tell_templates(lines: Sequence[Location], notes: Notes) -> None:
    if len(lines) == 1:
        notes.warning(lines[0], "", "a line that is nothing but a template: left out, not evaluated")
    elif lines:
        told = f"{len(lines)} lines, from here to line {lines[-1].line}, are nothing but templates"
        message = f"{told}: left out, not evaluated"
        notes.warning(lines[0], "", message, "import what helm template makes of it")


def _documents_of(part: Any) -> list[Recognised]:
    return [part] if isinstance(part, Recognised) and is_ours(part.tree) else []


def _chart_layer(inputs: Sequence[Input]) -> tuple[str, str, Tree]:
    """The chart that all environments are values of, its title, and what it says by itself; empty where there is no
    such."""
    charts = {(one.form, one.umbrella) for one in inputs}
    form, umbrella = charts.pop() if len(charts) == 1 else (None, "")
    if form is None or not chart_name(form):
        return "", "", {}
    silent = Notes()
    documents = [document for document in merged(form, [], umbrella).documents() if document.gate is None]
    tree = translate(documents, silent)
    settle(tree, Written(documents), silent)
    name = chart_name(form, umbrella)
    return name, chart_title(name), tree


def _layer(name: str, tree: Tree, what: str) -> dict[str, str]:
    header = f"# Imported: {what}.\n"
    if not tree:
        return {f"{name}/config/{name.rsplit('/', 1)[-1]}.yaml": f"{header}# There is nothing.\n"}
    return {f"{name}/config/{file}": text for file, text in layer_documents(tree, header).items()}


def _definition(environments: Sequence[Environment]) -> str:
    content = {one.name: {"layers": list(one.layers), "namespace": one.namespace} for one in environments}
    return "# Imported by configgen.\n" + to_yaml({"environments": content})


def _tell_what_hinders(environment: Environment, files: Mapping[str, str], notes: Notes) -> None:
    """What a render of the new source would stop at: templates in amounts, for example."""
    from configgen.layers.kinds import configuration_kind
    from configgen.layers.merge import stack
    from configgen.layers.plugin_checks import checked_plugins
    from configgen.layers.reading import read_document
    from configgen.layers.validation import checked_config

    documents = []
    problems: list[Problem] = []
    for layer in environment.layers:
        for name, text in sorted(files.items()):
            if name.startswith(f"{layer}/"):
                try:
                    documents.append(read_document(text, layer=layer, file=name, kind=configuration_kind()))
                except SourceError as error:
                    problems += error.problems
    tree = stack(documents)
    if not problems and (configuration := checked_config(tree, problems)) is not None:
        checked_plugins(tree, configuration, problems)
    for problem in problems:
        place = Location(problem.file, problem.line, problem.column)
        message = f"does not render yet: {problem.message}"
        notes.warning(place, problem.path, message, problem.mend)


def _tell_secrets(value: Any, written: Written, notes: Notes, path: tuple[str, ...] = ()) -> None:
    from configgen.diff.comparing import is_secret

    if isinstance(value, dict):
        for key, member in value.items():
            _tell_secrets(member, written, notes, (*path, str(key)))
    elif path and isinstance(value, str) and value and is_secret(path) and not is_template(value):
        mend = "keep it in a Secret, and name that in plugins.k8s.default-env-from-secrets"
        notes.warning(written.place(path), path, "a secret in clear text, copied as it is", mend)
