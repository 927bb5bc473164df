"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from configgen.lint.findings import Finding, Severity
from configgen.lint.specification import RULES, WAIVER_RULES

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(findings: Iterable[Finding]) -> str:
    """One run with every rule described."""
    import orjson

    described = [_rule(rule.id, rule.severity, rule.summary) for rule in RULES]
    described += [_rule(name, severity, summary) for name, (severity, summary) in WAIVER_RULES.items()]
    driver = {"name": "configgen lint", "rules": described}
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in findings]}
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return orjson.dumps(log, option=orjson.OPT_INDENT_2).decode()


def _rule(name: str, severity: Severity, summary: str) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": summary},
        "defaultConfiguration": {"level": _LEVELS[severity]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": finding.file}}
    if finding.line:
        location["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    subject = f"{finding.path}: " if finding.path else ""
    mend = f"; {finding.mend}" if finding.mend else ""
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{subject}{finding.message}{mend}"},
        "locations": [{"physicalLocation": location}],
    }
