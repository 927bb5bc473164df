"""Findings as text, for people, and as JSON, for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from configgen.lint.findings import Finding, Severity

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def as_text(findings: Sequence[Finding], waived: int) -> str:
    """One finding a paragraph – place, severity and rule; what; the mend – and a line that counts."""
    import click

    lines = []
    for one in findings:
        severity = click.style(one.severity.value, fg=_COLOURS[one.severity])
        subject = f"{one.path}: " if one.path else ""
        lines.append(f"{one.place}: {severity}: {subject}{one.message} [{one.rule}]")
        if one.mend:
            lines.append(f"    {one.mend}")
    return "\n".join([*lines, _count(findings, waived)])


def _count(findings: Iterable[Finding], waived: int) -> str:
    severities = [one.severity for one in findings]
    parts = []
    for severity, word in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "info")):
        if number := severities.count(severity):
            parts.append(f"{number} {word}{'s' if number > 1 and word != 'info' else ''}")
    if waived:
        parts.append(f"{waived} waived")
    return ", ".join(parts) or "nothing found"


def as_json(findings: Iterable[Finding]) -> str:
    """A list of objects with the members of :class:`~.findings.Finding`."""
    import orjson

    return orjson.dumps([as_mapping(one) for one in findings], option=orjson.OPT_INDENT_2).decode()


def as_mapping(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "message": finding.message,
        "mend": finding.mend,
    }
