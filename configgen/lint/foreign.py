"""Files of other people as subjects: values of Flyte's charts, ConfigMaps, plain files, in all the forms that
:mod:`configgen.importers.forms` recognises. Nothing is evaluated; what a template stands for is not judged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path as FilePath

from configgen.importers.forms import Form, Recognised, Values, locator, parts
from configgen.layers.files import read_text
from configgen.layers.plugin_checks import discovered
from configgen.lint.spelling import Spelling
from configgen.lint.subjects import PASSED_OVER, UNREADABLE, Hit, Piece, Subject
from pluginmachinery.config.merging import Merged
from pluginmachinery.config.problems import Path, Problem
from pluginmachinery.config.yaml_text import Parsed
from pluginmachinery.plugins.registry import known_sections

NOTHING = (Form.NEIGHBOUR, Form.POINTER, Form.SECRET)


def subjects_of(file: FilePath) -> list[Subject]:
    """The configurations in a file. Raises SourceError for one that can not be read at all."""
    shown = str(file)
    found: list[Subject] = []
    loose: list[Recognised] = []
    for part in parts(read_text(file, shown), shown):
        if isinstance(part, Values):
            found.append(_of_values(part, shown))
        else:
            loose.append(part)
    for _, group in groupby(loose, key=_belongs_to):
        found.append(_subject(list(group), shown))
    return found


def _belongs_to(part: Recognised) -> tuple[bool, Path]:
    """Documents of one ConfigMap are one configuration; other documents are one each."""
    if "data" in part.prefix:
        return True, part.prefix[: part.prefix.index("data")]
    return (True, ("union",)) if part.form is Form.UNION else (False, (id(part),))


def _of_values(values: Values, file: str) -> Subject:
    documents = values.documents()
    problems = tuple(problem for document in documents for problem in document.problems)
    return _made(documents, values.form, file, problems, values)


def _subject(documents: list[Recognised], file: str) -> Subject:
    problems = tuple(problem for document in documents for problem in document.problems)
    forms = [document.form for document in documents if document.form not in (*NOTHING, Form.UNREADABLE)]
    return _made(documents, forms[0] if forms else documents[0].form, file, problems, None)


def _made(
    documents: Sequence[Recognised], form: Form, file: str, problems: tuple[Problem, ...], values: Values | None
) -> Subject:
    merged = Merged(known_sections(discovered()))
    pieces = []
    for document in documents:
        if not document.tree:
            continue
        spelling = Spelling.of(document.tree)
        locations = spelling.places(document.locations)
        pieces.append(
            Piece(document.name, spelling.tree, locator(locations), document.prefix, document.gate, spelling.written)
        )
        if document.gate is None:
            merged.add(Parsed(dict(spelling.tree), locations))
    return Subject(
        name=file,
        file=file,
        tree=merged.tree,
        locate=merged.locate,
        form=form,
        pieces=tuple(pieces),
        values=values.tree if values else {},
        values_prefix=values.prefix if values else (),
        locate_value=locator(values.locations, values.prefix) if values else (lambda _: None),
        troubles={
            UNREADABLE: tuple(_hit(problem) for problem in dict.fromkeys((*problems, *merged.problems))),
            PASSED_OVER: tuple(_hit(remark) for document in documents for remark in document.remarks),
        },
    )


def _hit(problem: Problem) -> Hit:
    return Hit(problem.path, problem.message, problem.mend, problem.location)
