"""Checking a plugin: what an author runs, in a test or from the command line.

::

    from pluginmachinery.conformance import check, example

    def test_conformance():
        assert check(MyPlugin(), [example("a job", {"type": "my-job", "container": {"image": "i"}})]) == []
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from pluginmachinery.conformance.checks.ordered import CHECKS, Check
from pluginmachinery.conformance.checks.subjects import Subject
from pluginmachinery.conformance.examples import Example


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check did not like: the check's name, the example, what happened and how to mend it."""

    check: str
    example: str
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.check} ({self.example}): {self.message}; {self.mend}"


def check(plugin: object, examples: Iterable[Example]) -> list[Finding]:
    """Run all checks on a plugin with each example; nothing found means that it conforms.

    A plugin that is no plugin at all is found out by the first check, and the others are left out. Raises ValueError
    without examples, because nothing would be checked.
    """
    examples = tuple(examples)
    if not examples:
        raise ValueError("without an example nothing is checked: give at least one task of the plugin")
    findings: list[Finding] = []
    for example in examples:
        for one in CHECKS:
            found = list(_run(one, Subject(plugin, example)))
            findings += found
            if found and one is CHECKS[0]:
                break
    return findings


def name_of(check: Check) -> str:
    """``nothing_changed`` → ``nothing-changed``."""
    return check.__name__.replace("_", "-")


def _run(check: Check, subject: Subject) -> Iterator[Finding]:
    name, example = name_of(check), subject.example.name
    try:
        for complaint in check(subject):
            yield Finding(name, example, complaint.message, complaint.mend)
    except Exception as error:  # whatever a plugin raises is what is being looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        yield Finding(
            name,
            example,
            f"{type(error).__name__}: {error} ({PurePath(frame.filename).name}:{frame.lineno})",
            "raise PluginError for what can not be worked with, and nothing else",
        )
