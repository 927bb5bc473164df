"""Reports the share of recorded cases that agree with the reference, by operation and plugin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.golden.recordings import Group

_PROPERTY = "golden"


@pytest.fixture
def report_score(record_property: Callable[[str, object], None]) -> Callable[[Group, int, int, int], None]:
    """A function (group, passed, floor, total) that puts a line into the summary, from xdist's workers too."""

    def report(group: Group, passed: int, floor: int, total: int) -> None:
        record_property(_PROPERTY, [*group, passed, floor, total])

    return report


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
    ]
    scores = sorted(tuple(value) for report in reports for name, value in report.user_properties if name == _PROPERTY)
    if not scores:
        return
    terminalreporter.section("golden cases")
    for operation, plugin, passed, floor, total in scores:
        note = f"  raise the floor from {floor}" if passed > floor else ""
        line = f"{operation:8} {plugin:12} {passed:4} of {total:4}  {passed / total:7.1%}{note}"
        terminalreporter.write_line(line)
    passed, total = (sum(score[index] for score in scores) for index in (2, 4))
    terminalreporter.write_line(f"{'all':21} {passed:4} of {total:4}  {passed / total:7.1%}")
