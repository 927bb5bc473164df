"""What reading found already: files that can not be read, layers that disagree, a release that is none."""

from __future__ import annotations

from collections.abc import Iterator

from configgen.importers.forms import Form
from configgen.lint.subjects import DISAGREEMENT, PASSED_OVER, RELEASE, UNREADABLE, Hit, Subject
from pluginmachinery.config.problems import Location


def unreadable(subject: Subject) -> Iterator[Hit]:
    """A file, or a document inside one, that can not be read."""
    yield from subject.troubles.get(UNREADABLE, ())


def disagreement(subject: Subject) -> Iterator[Hit]:
    """Layers that disagree about the shape of a value, or remove what is not there."""
    yield from subject.troubles.get(DISAGREEMENT, ())


def release(subject: Subject) -> Iterator[Hit]:
    """A `release.yaml` that the chart would refuse."""
    yield from subject.troubles.get(RELEASE, ())


def nothing_here(subject: Subject) -> Iterator[Hit]:
    """A foreign file, or a part of one, that is not looked at: no plugin configuration, or a program."""
    remarks = subject.troubles.get(PASSED_OVER, ())
    yield from remarks
    if subject.form is Form.POINTER:
        message = "the values are kept elsewhere; nothing to look at here"
        yield Hit("", message, "lint the file that it points to", Location(subject.file))
    elif subject.form is Form.NEIGHBOUR and not subject.is_partial and not remarks:
        message = "no plugin configuration here; nothing to look at"
        yield Hit("", message, "give values of a chart, a ConfigMap, or a configuration file", Location(subject.file))
