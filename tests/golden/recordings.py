"""The recorded cases of tests/golden/data, by operation and plugin."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

Group = tuple[str, str]
"""Operation and plugin; operations without a plugin have ``-``."""


@dataclass(frozen=True, slots=True)
class Recording:
    case: Mapping[str, Any]
    expected: Mapping[str, Any]


@cache
def recordings() -> Mapping[Group, tuple[Recording, ...]]:
    groups: dict[Group, list[Recording]] = {}
    for recording in _all():
        group = recording.case["op"], recording.case.get("plugin", "-")
        groups.setdefault(group, []).append(recording)
    return {group: tuple(found) for group, found in groups.items()}


def _all() -> Iterator[Recording]:
    for path in sorted(DATA.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield Recording(**json.loads(line))
