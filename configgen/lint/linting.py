"""Linting: all rules over all subjects, every hit in its place, waivers taken into account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from configgen.layers.environments import Source
from configgen.lint.environments import environments
from configgen.lint.findings import Finding, in_order
from configgen.lint.foreign import NOTHING, subjects_of
from configgen.lint.specification import RULES, Rule
from configgen.lint.subjects import Hit, Subject
from configgen.lint.waivers import applied, read_waivers
from pluginmachinery.config.problems import Location, dotted


@dataclass(frozen=True, slots=True)
class Report:
    """``findings`` in the order of their places; ``waived``: how many were left out."""

    findings: tuple[Finding, ...]
    waived: int = 0


def lint_source(folder: Path, names: Iterable[str], today: date) -> Report:
    """Lint environments of a source; no names: all of them. Raises SourceError where there is nothing to lint: no
    usable ``configgen.yaml``, or no such environment."""
    source = Source(folder)
    wanted = list(names)
    subjects = environments(source, wanted or source.definition.environments)
    findings = [finding for subject in subjects for finding in lint(subject)]
    waivers, mistakes = read_waivers(folder)
    remaining, waived = applied(waivers, in_order(findings), today, all_seen=not wanted)
    return Report(tuple(in_order([*remaining, *mistakes])), waived)


def lint_file(file: Path) -> Report:
    """Lint a file of somebody else. Raises SourceError where it can not be opened or is no text."""
    subjects = subjects_of(file)
    if any(subject.form not in NOTHING for subject in subjects):
        # Neighbours in a file that has a configuration are what one expects.
        subjects = [subject for subject in subjects if subject.form not in NOTHING or any(subject.troubles.values())]
    return Report(tuple(in_order(finding for subject in subjects for finding in lint(subject))))


def lint(subject: Subject) -> Iterator[Finding]:
    """What the rules find in one subject."""
    for rule in RULES:
        if not (rule.whole and subject.is_partial):
            for hit in rule.check(subject):
                yield _placed(rule, hit, subject)


def _placed(rule: Rule, hit: Hit, subject: Subject) -> Finding:
    place = hit.at
    if place is None and not isinstance(hit.path, str):
        place = subject.locate(hit.path)
    place = place or Location(subject.file)
    path = hit.path if isinstance(hit.path, str) else dotted(hit.path)
    return Finding(
        rule.id, rule.severity, place.file or subject.file, place.line, place.column, path, hit.message, hit.mend
    )
