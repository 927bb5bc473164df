"""Findings as JUnit XML, which every CI server shows: one test for each rule, failed where it found something."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from configgen.lint.findings import Finding, Severity
from configgen.lint.specification import RULES, WAIVER_RULES


def as_junit(findings: Sequence[Finding], fail_on: Severity) -> str:
    """Findings below ``fail_on`` are output of a test that passes."""
    names = [*(rule.id for rule in RULES), *WAIVER_RULES]
    failed = {one.rule for one in findings if one.severity.rank >= fail_on.rank}
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="configgen lint" tests="{len(names)}" failures="{len(failed)}" errors="0" skipped="0">',
    ]
    for name in names:
        lines += _case(name, [one for one in findings if one.rule == name], failed=name in failed)
    return "\n".join([*lines, "</testsuite>"])


def _case(name: str, findings: Sequence[Finding], *, failed: bool) -> list[str]:
    opening = f'  <testcase classname="configgen.lint" name="{name}"'
    if not findings:
        return [f"{opening}/>"]
    text = "\n".join(_line(one) for one in findings)
    if not failed:
        return [f"{opening}>", f"    <system-out>{escape(text)}</system-out>", "  </testcase>"]
    message = quoteattr(_printable(f"{len(findings)} found"))
    return [f"{opening}>", f"    <failure message={message}>{escape(text)}</failure>", "  </testcase>"]


def _line(finding: Finding) -> str:
    mend = f" ({finding.mend})" if finding.mend else ""
    return _printable(f"{finding.place}: {finding.severity}: {finding.path}: {finding.message}{mend}")


def _printable(text: str) -> str:
    """XML knows no control characters."""
    return "".join(character if character >= " " or character in "\t\n" else "\ufffd" for character in text)
