"""Waivers: findings that somebody has looked at and accepts, with a reason and until a date.

.. code-block:: yaml

    # configgen.yaml
    waivers:
      - rule: floating-image
        path: plugins.k8s.co-pilot.image     # optional: this key and what lies below it
        file: environments/dev               # optional: this file, or what lies in this folder
        reason: the sandbox follows the newest co-pilot on purpose
        until: "2027-06-30"                  # the last day on which it holds
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from configgen.layers.files import read_text
from configgen.layers.source import FILE
from configgen.layers.yaml_tree import YamlEntry, YamlList, YamlMapping, YamlNode, YamlScalar, read_yaml
from configgen.lint.findings import Finding
from configgen.lint.specification import RULES, WAIVER_RULES

_KEYS: Final = ("rule", "path", "file", "reason", "until")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One entry of ``waivers``, and where it stands."""

    rule: str
    path: str
    file: str
    reason: str
    until: date
    line: int
    column: int

    def covers(self, finding: Finding) -> bool:
        return (
            self.rule == finding.rule
            and _within(finding.path, self.path, ".[")
            and _within(finding.file, self.file.rstrip("/"), "/")
        )


def _within(where: str, above: str, separators: str) -> bool:
    return not above or where == above or (where.startswith(above) and where[len(above)] in separators)


def read_waivers(folder: Path) -> tuple[list[Waiver], list[Finding]]:
    """The waivers of a source, and what is wrong with them. Raises SourceError where the file can not be read."""
    root = read_yaml(read_text(folder / FILE, FILE), FILE)
    entry = next((one for one in root.entries if one.key == "waivers"), None) if isinstance(root, YamlMapping) else None
    if entry is None:
        return [], []
    if not isinstance(entry.value, YamlList):
        return [], [_finding("waiver-invalid", entry, "no list", "write it like - rule: …")]
    waivers: list[Waiver] = []
    findings: list[Finding] = []
    for item in entry.value.items:
        found = _waiver(item, findings)
        if found:
            waivers.append(found)
    return waivers, findings


def applied(
    waivers: Iterable[Waiver], findings: Iterable[Finding], today: date, *, all_seen: bool
) -> tuple[list[Finding], int]:
    """What remains of the findings, with those about the waivers themselves; and how many are waived.

    ``all_seen``: the findings are those of the whole source, so that a waiver without any is told.
    """
    found = list(findings)
    extra: list[Finding] = []
    waived: set[Finding] = set()
    for waiver in waivers:
        covered = {finding for finding in found if waiver.covers(finding)}
        if waiver.until < today:
            message = f"the waiver of {waiver.rule} ended on {waiver.until}: {waiver.reason}"
            extra.append(_finding("waiver-expired", waiver, message, "mend what it waives, or give it a new date"))
            continue
        waived |= covered
        if not covered and all_seen:
            message = f"the waiver of {waiver.rule} waives nothing"
            extra.append(_finding("waiver-unused", waiver, message, "remove it"))
    return [*(finding for finding in found if finding not in waived), *extra], len(waived)


def _waiver(item: YamlNode, findings: list[Finding]) -> Waiver | None:
    if not isinstance(item, YamlMapping):
        findings.append(_finding("waiver-invalid", item, "no mapping", f"give it {', '.join(_KEYS)}"))
        return None
    said = {entry.key: _text(entry) for entry in item.entries}
    trouble = _trouble(said)
    if trouble:
        findings.append(_finding("waiver-invalid", item, *trouble))
        return None
    return Waiver(
        said["rule"],
        said.get("path", ""),
        said.get("file", ""),
        said["reason"],
        date.fromisoformat(said["until"]),
        item.line,
        item.column,
    )


def _trouble(said: Mapping[str, str]) -> tuple[str, str] | None:
    known = [rule.id for rule in RULES]
    for key in said:
        if key not in _KEYS:
            return f"unknown key {key}", f"known: {', '.join(_KEYS)}"
    for key in ("rule", "reason", "until"):
        if not said.get(key, "").strip():
            return f"a waiver without {key}", "say which rule, why, and until when"
    if said["rule"] in WAIVER_RULES:
        return f"{said['rule']} can not be waived", "mend the waiver that it tells of"
    if said["rule"] not in known:
        close = get_close_matches(said["rule"], known, n=1)
        return f"there is no rule {said['rule']!r}", f"did you mean {close[0]}?" if close else "see docs/linting.md"
    try:
        date.fromisoformat(said["until"])
    except ValueError:
        return f"{said['until']!r} is no date", 'write it like "2027-06-30"'
    return None


def _text(entry: YamlEntry) -> str:
    value = entry.value.value if isinstance(entry.value, YamlScalar) else None
    return "" if value is None else str(value)


def _finding(rule: str, at: YamlNode | YamlEntry | Waiver, message: str, mend: str) -> Finding:
    return Finding(rule, WAIVER_RULES[rule][0], FILE, at.line, at.column, "waivers", message, mend)
