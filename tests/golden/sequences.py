"""What a recorded sequence of calls came to, whatever the number of its steps: what was created and deleted, which
files and outputs were written, which tokens were taken, and how it ended.

The reference takes a step a call, we go through as many as can be taken at once; so steps are not compared, outcomes
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Round = Mapping[str, Any]


@dataclass
class Outcome:
    """``resources``: external resources by index, with phase and attempt. ``crashed``: the reference crashes."""

    created: dict[str, Any] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    tokens: set[tuple[Any, ...]] = field(default_factory=set)
    written: dict[str, Any] = field(default_factory=dict)
    outputs: Any = None
    phase: tuple[Any, ...] | None = None
    resources: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    crashed: bool = False


def outcome(rounds: Iterable[Round]) -> Outcome:
    """The sum of the rounds; of what is said more than once the last word counts."""
    result = Outcome()
    for each in rounds:
        _add(result, each)
    return result


def _add(result: Outcome, each: Round) -> None:
    result.crashed |= (each.get("error") or {}).get("code") == "Panic"
    result.created |= {pod["metadata"]["name"]: pod for pod in each.get("created") or ()}
    result.deleted |= {call["name"] for call in each.get("calls") or () if call["verb"] == "delete"}
    result.tokens |= {
        (call["verb"], call.get("namespace"), call.get("token")) for call in each.get("resourceManager") or ()
    }
    result.written |= {file["path"]: _without_messages(file.get("value")) for file in each.get("written") or ()}
    if each.get("outputs") or each.get("outputError"):
        result.outputs = _without_messages(each.get("outputs") or {"error": each["outputError"]})
    phase = each.get("phase")
    if phase:
        error = phase.get("error") or {}
        result.phase = phase.get("phase"), error.get("code"), error.get("kind")
        result.resources |= {
            int(one.get("index") or 0): (one.get("phase") or "Undefined", int(one.get("retryAttempt") or 0))
            for one in phase.get("externalResources") or ()
        }


def _without_messages(value: Any) -> Any:
    """Messages are for people."""
    if isinstance(value, Mapping):
        return {key: _without_messages(item) for key, item in value.items() if key not in ("message", "msg")}
    return [_without_messages(item) for item in value] if isinstance(value, list) else value
