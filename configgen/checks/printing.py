"""Reports: a table by topic for people, plain data for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from configgen.checks.checking import Report
from configgen.checks.results import Result, Status, listing

_COLOURS: Final = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.ERROR: "red",
    Status.NOT_CHECKED: "cyan",
}
_WIDTH: Final = max(len(status) for status in Status)
_INDENT: Final = " " * (_WIDTH + 4)


def as_text(report: Report) -> str:
    """Topics with a line for each result – status, what was looked for, what was found –, and below it who asked for it
    and the mend where there is something to mend."""
    import click

    user = f" as {report.user}" if report.user else ""
    spaces = listing(list(report.namespaces)) or "namespaces that are not known"
    lines = [
        f"environment {report.environment} on context {report.context}{user}",
        f"the controller in {report.namespace}, tasks in {spaces}",
    ]
    for topic, results in groupby(report.results, key=lambda result: result.topic):
        lines += ["", click.style(topic, bold=True)]
        for result in results:
            lines += _paragraph(result)
    return "\n".join([*lines, "", _count(report)])


def _paragraph(result: Result) -> Iterator[str]:
    import click

    status = click.style(result.status.value.ljust(_WIDTH), fg=_COLOURS[result.status])
    yield f"  {status}  {result.wanted} – {result.found}"
    if result.status is not Status.OK:
        if str(result.asked):
            yield f"{_INDENT}asked for by {result.asked}"
        if result.mend:
            yield f"{_INDENT}→ {result.mend}"


def _count(report: Report) -> str:
    words = {Status.ERROR: "errors", Status.WARNING: "warnings", Status.NOT_CHECKED: "not checked", Status.OK: "ok"}
    parts = []
    for status, plural in words.items():
        if number := report.count(status):
            singular = plural.removesuffix("s") if number == 1 and plural.endswith("s") else plural
            parts.append(f"{number} {singular}")
    return ", ".join(parts)


def as_mapping(report: Report) -> dict[str, Any]:
    """The same in plain data; ``file`` is empty and ``line`` 0 where nothing in the source asks for it."""
    return {
        "environment": report.environment,
        "context": report.context,
        "server": report.server,
        "user": report.user,
        "namespace": report.namespace,
        "taskNamespaces": list(report.namespaces),
        "summary": {status.value: report.count(status) for status in Status},
        "results": [_result(result) for result in report.results],
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "topic": result.topic,
        "status": result.status.value,
        "wanted": result.wanted,
        "found": result.found,
        "mend": result.mend,
        "path": result.asked.path,
        "file": result.asked.file,
        "line": result.asked.line,
        "column": result.asked.column,
    }
