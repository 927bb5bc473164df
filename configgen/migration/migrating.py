"""A whole move: all files of a source, or one foreign file; what there is to say, and the files as they would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from configgen.flyte_charts.unexpressed import FLYTE_2, of_our_controller
from configgen.importers.forms import Form, Recognised, Values, locator, parts
from configgen.importers.translating import is_ours
from configgen.layers.environments import Source
from configgen.layers.files import read_text
from configgen.layers.kinds import configuration_kind
from configgen.layers.nodes import nearest, place_of, plain
from configgen.layers.reading import read_document
from configgen.layers.source import FILE
from configgen.migration.editing import Edit, edited
from configgen.migration.facts import CORE_VALUES, VALUES, Change, Fact
from configgen.migration.findings import Finding, Written, configuration, defaults, lost_variables, values
from configgen.problems import Problem, SourceError
from configgen.source_files import configuration_files
from pluginmachinery.config.problems import Location, Path, dotted

_CORE_IS_GONE = (
    "Flyte 2 has no chart flyte-core",
    "make these values of flyte-binary: --write moves what plugins read; database, store and ingress have to be written"
    " anew",
)


@dataclass(frozen=True, slots=True)
class Migration:
    """``findings`` in the order of their places; ``files``: name → text as it was read and as it would be."""

    findings: tuple[Finding, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]
    done: frozenset[Finding]
    """The findings that ``after`` settles."""

    @property
    def changed(self) -> dict[str, str]:
        return {name: text for name, text in self.after.items() if text != self.before[name]}


def of_source(folder: FilePath, names: Sequence[str]) -> Migration:
    """The layers of these environments (none: of all). Raises SourceError where the source can not be read."""
    source = Source(folder)
    environments = source.environments(names or source.definition.environments)
    used = {layer.name for one in environments for layer in one.definition.layers}
    shared = {
        layer.name
        for one in source.definition.environments.values()
        for layer in one.layers
        if one.targets != (FLYTE_2,)
    }
    texts = {name: text for name, text in configuration_files(folder).items() if name.rsplit("/", 2)[0] in used}
    findings: list[Finding] = []
    for name, text in texts.items():
        layer = name.rsplit("/", 2)[0]
        findings += _of_layer(name, text, layer, others_read_it=layer in shared)
    for one in environments:
        tree = plain(one.config)
        findings += defaults(FILE, [tree])
        for loss in of_our_controller(tree, (FLYTE_2,)):
            place = place_of(nearest(one.config, loss.path))
            message = f"Flyte 2 {loss.message}"
            findings.append(
                Finding(Change.WARNING, place.file, place.line, place.column, dotted(loss.path), message, loss.mend)
            )
    return _migration(findings, texts)


def _of_layer(name: str, text: str, layer: str, *, others_read_it: bool) -> Iterator[Finding]:
    node = read_document(text, layer=layer, file=name, kind=configuration_kind())
    tree = plain(node)

    def locate(path: Path) -> Location | None:
        place = place_of(nearest(node, path))
        return Location(place.file, place.line, place.column) if place.line else None

    def editable(fact: Fact) -> bool:
        return fact.in_both or not others_read_it

    if isinstance(tree, Mapping):
        yield from configuration(Written(name, tree, locate, editable=editable, of_source=True))


def of_file(file: FilePath) -> Migration:
    """A foreign file. Raises SourceError where it can not be read, or holds nothing that Flyte reads."""
    shown = str(file)
    text = read_text(file, shown)
    findings: list[Finding] = []
    documents: list[Recognised] = []
    for part in parts(text, shown):
        if isinstance(part, Values):
            findings += _of_values(part, shown)
            documents += [document for document in part.documents() if document.gate is None]
        else:
            documents.append(part)
            findings += _of_document(part, shown)
    if problems := [problem for part in documents for problem in part.problems]:
        raise SourceError(Problem(shown, p.location.line, p.location.column, "", p.message, p.mend) for p in problems)
    trees = [document.tree for document in documents if is_ours(document.tree)]
    if not trees and not findings:
        message, mend = (
            "nothing that Flyte's plugins read",
            "name values of Flyte's charts, a ConfigMap, or plain files",
        )
        raise SourceError([Problem(shown, 0, 0, "", message, mend)])
    if trees and not any(document.form is Form.FLYTE_2 for document in documents):
        findings += defaults(shown, trees)
    return _migration(findings, {shown: text})


def _of_values(found: Values, file: str) -> Iterator[Finding]:
    locations = found.locations

    locate = locator(locations, found.prefix)
    whole = Written(file, found.tree, locate, found.prefix)
    if found.form is Form.FLYTE_CORE:
        message, mend = _CORE_IS_GONE
        place = locations.get(found.prefix) or Location(file)
        yield Finding(Change.WARNING, file, place.line, place.column, dotted(found.prefix), message, mend)
    yield from values(whole, CORE_VALUES if found.form is Form.FLYTE_CORE else VALUES)
    for document in found.documents():
        if document.tree and document.gate is None:
            yield from _of_chart_document(document, found, file)
        elif document.tree and found.form is Form.FLYTE_CORE:
            place = locator(locations)(document.prefix) or Location(file)
            path = dotted(document.prefix)
            message, edit = "nothing reads it today, and nothing will", Edit(tuple(map(str, document.prefix)))
            yield Finding(Change.DROPPED, file, place.line, place.column, path, message, "remove it", edit=edit)


def _of_chart_document(document: Recognised, values: Values, file: str) -> Iterator[Finding]:
    if document.name == "001-plugins.yaml":
        # Put together by the chart of several values; only which plugins run is written as it is read.
        tree = (
            (values.tree.get("enabled_plugins") or {})
            if isinstance(values.tree.get("enabled_plugins"), Mapping)
            else {}
        )
        prefix = (*values.prefix, "enabled_plugins")
        document = Recognised(document.form, document.name, tree, prefix)
        locate = locator(values.locations, prefix)
    else:
        locate = locator(document.locations)
    home = (*values.prefix, "configuration", "inline") if values.form is Form.FLYTE_CORE else None
    written = Written(file, document.tree, locate, document.prefix, home)
    yield from configuration(written)
    yield from lost_variables(written)


def _of_document(document: Recognised, file: str) -> Iterator[Finding]:
    """Plain files; ConfigMaps, whose documents are texts in a text and are edited by nobody but people."""
    if document.tree:
        plain_file = document.form is Form.DOCUMENT and "data" not in document.prefix
        written = Written(
            file, document.tree, locator(document.locations), document.prefix, editable=lambda _: plain_file
        )
        yield from configuration(written)


def _migration(findings: Iterable[Finding], texts: Mapping[str, str]) -> Migration:
    ordered = sorted(
        dict.fromkeys(findings), key=lambda one: (one.file, one.line, one.column, one.path, one.change, one.message)
    )
    after, done = {}, set()
    for name, text in texts.items():
        edits = {one: one.edit for one in ordered if one.file == name and one.edit is not None}
        # What is inside comes before what is around it.
        inner_first = sorted(edits.values(), key=lambda edit: -len(edit.path))
        after[name], left = edited(text, name, inner_first)
        done |= {one for one, edit in edits.items() if edit not in left}
    return Migration(tuple(ordered), dict(texts), after, frozenset(done))
