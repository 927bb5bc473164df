"""Differences as SARIF 2.1.0, so that a code host shows them at the lines that made them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from configgen.diff.comparing import Change, Comparison
from configgen.diff.leaves import shown
from configgen.diff.printing import value_line

_RULES: Final = (
    ("configuration-differs", "A value of the configuration differs."),
    ("pods-change", "The objects that the controller creates for tasks change."),
    ("tasks-fail", "Tasks fail that did not fail before."),
    ("environment-differs", "An environment is new, or gone."),
)


def as_sarif(comparisons: list[Comparison], folder: Path = Path()) -> str:
    """One run with all comparisons. Files of the source lie in ``folder``, as a person named it: code hosts want paths
    from where the command ran, which is the repository's root."""
    driver = {
        "name": "configgen diff",
        "version": metadata.version("flyte-plugin-manager"),
        "rules": [{"id": rule, "shortDescription": {"text": text}} for rule, text in _RULES],
    }
    results = [result for comparison in comparisons for result in _results(comparison, folder)]
    content = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _results(comparison: Comparison, folder: Path) -> Iterator[dict[str, Any]]:
    sides = f"{comparison.before} → {comparison.after}"
    if comparison.remark:
        yield _result("environment-differs", "note", f"{sides}: {comparison.remark}")
    for change in comparison.changes:
        values = [value_line(said, change, comparison.secrets) for said in (change.before, change.after)]
        text = f"{sides}: {shown(change.path)}: {values[0]} → {values[1]}"
        yield _result("configuration-differs", "note", text) | _locations(change, folder)
    if comparison.no_effect:
        yield _result("pods-change", "warning", f"{sides}: {comparison.no_effect}")
    if comparison.effect is None:
        return
    from configgen.effects import wording

    for group in comparison.effect.groups:
        told = "; ".join(wording.sentence(change, comparison.secrets) for change in group.changes)
        text = f"{sides}: {wording.subject(group, comparison.effect)}: {told}"
        yield _result("tasks-fail", "error", text) if group.breaks else _result("pods-change", "note", text)


def _result(rule: str, level: str, text: str) -> dict[str, Any]:
    return {"ruleId": rule, "level": level, "message": {"text": text}}


def _locations(change: Change, folder: Path) -> dict[str, Any]:
    """Where the new value is written; where it is a built-in default, where the old one was."""
    for said in (change.after, change.before):
        if said and said.origins and said.origins[0].place.line:
            place = said.origins[0].place
            region = {"startLine": place.line, "startColumn": max(place.column, 1)}
            file, inside, _ = place.file.partition("#")
            if inside:  # lines count in a text inside of the file
                region = {"startLine": 1}
            path = folder / file if os.path.lexists(folder / file) else Path(file)
            location = {"artifactLocation": {"uri": quote(path.as_posix())}, "region": region}
            return {"locations": [{"physicalLocation": location}]}
    return {}
