"""Every recorded case of the reference is replayed; no group may fall below its floor.

``FLOORS`` says how many cases of a group must agree. Raise a number as soon as more do, and never lower one: the goal
of every group is all of its cases. Deviations from the reference that a replay can not avoid are predicates over a
case's input in :data:`DEVIATIONS`, each with its reason in docs/limits.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pluginmachinery.conformance.replay import answer
from tests.golden.comparison import differences
from tests.golden.recordings import Group, recordings

ALL = -1
FLOORS: Mapping[Group, int] = {
    ("config", "-"): ALL,
    ("enabled", "-"): ALL,
    ("build", "container"): ALL,
    ("build", "sidecar"): ALL,
    ("build", "pod"): ALL,
    ("build", "spark"): ALL,
    ("build", "ray"): ALL,
    ("build", "dask"): ALL,
    ("build", "pytorch"): ALL,
    ("build", "tensorflow"): ALL,
    ("build", "mpi"): ALL,
    ("phase", "container"): ALL,
    ("phase", "spark"): ALL,
    ("phase", "ray"): ALL,
    ("phase", "dask"): ALL,
    ("phase", "pytorch"): ALL,
    ("phase", "tensorflow"): ALL,
    ("phase", "mpi"): ALL,
    ("manager", "container"): ALL,
    ("manager", "spark"): ALL,
    ("manager", "ray"): ALL,
    ("manager", "dask"): ALL,
    ("manager", "pytorch"): ALL,
    ("manager", "tensorflow"): ALL,
    ("manager", "mpi"): ALL,
    ("array", "k8s-array"): ALL,
}
DEVIATIONS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {}
SHOWN = 10


@pytest.mark.parametrize("group", recordings(), ids="-".join)
def test_the_recorded_cases_agree(group: Group, report_score: Callable[[Group, int, int, int], None]) -> None:
    cases = [recording for recording in recordings()[group] if not _deviates(recording.case)]
    failures = {
        recording.case["id"]: found
        for recording in cases
        if (found := differences(recording.case, recording.expected, answer(recording.case)))
    }
    floor = FLOORS[group] if FLOORS[group] != ALL else len(cases)
    passed = len(cases) - len(failures)
    report_score(group, passed, floor, len(cases))
    shown = [f"{case}: {found[0]}" for case, found in list(failures.items())[:SHOWN]]
    assert passed >= floor, f"{passed} of {len(cases)} agree, {floor} must:\n" + "\n".join(shown)


def test_every_group_has_a_floor() -> None:
    assert set(FLOORS) == set(recordings())


@pytest.mark.parametrize("part", ["created", "calls", "written", "phase"])
def test_another_outcome_of_a_sequence_is_seen(part: str) -> None:
    recording = next(
        one for one in recordings()["array", "k8s-array"] if any(each.get(part) for each in one.expected["rounds"])
    )
    kept = [{key: value for key, value in each.items() if key != part} for each in recording.expected["rounds"]]
    found = differences(recording.case, recording.expected, {"rounds": kept})
    # Of the calls only deletions are an outcome.
    deletes = any(call["verb"] == "delete" for each in recording.expected["rounds"] for call in each.get("calls") or ())
    assert bool(found) == (part != "calls" or deletes)
    assert not differences(recording.case, recording.expected, recording.expected)


def _deviates(case: Mapping[str, Any]) -> bool:
    return any(deviates(case) for deviates in DEVIATIONS.values())
