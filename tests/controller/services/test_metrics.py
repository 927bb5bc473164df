"""What is counted, that the number of series is bounded, and that the documentation has every metric."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.services.cardinality import OTHER, BoundedLabel, largest
from controller.services.figures import Figures, PoolFigures, WatchFigures
from controller.services.metrics import MOST_CODES, MOST_NAMESPACES, Metrics
from controller.services.moves import Move

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "metrics.md"
OURS = "flyte_plugin_manager_"


def figures(**more: Any) -> Figures:
    levels = more.pop("levels", {"ns": 2})
    watch = WatchFigures("pods", "", 7, 1, 0.5, synced=True, levels=levels)
    pools = (PoolFigures("k8s-array", "gpu", 3, 5),)
    return Figures(Counter(Running=2), 3, 4, leading=True, watches=(watch,), workers=8, busy=2, pools=pools, **more)


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics("1.2.3", "abc")
    metrics.plugins(["container"], ["broken"])
    metrics.follow(figures)
    return metrics


def values(metrics: Metrics) -> dict[str, float]:
    """Sample with its labels → value."""
    text = metrics.exposition().decode()
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ended(phase: str, *, plugin: str = "container", code: str = "E", attempt: int = 0) -> Move:
    record = {
        "attempt": attempt,
        "phase": "Failed",
        "startedAt": "2026-01-01T00:00:01.000Z",
        "runningAt": "2026-01-01T00:00:05.000Z",
        "endedAt": "2026-01-01T00:01:05.000Z",
    }
    error = {"kind": "USER", "code": code, "message": "m"}
    if phase != "Succeeded":
        record |= {"error": error, "budget": "user"}
    status = {
        "phase": phase,
        "plugin": plugin,
        "attempt": attempt,
        "attempts": [record],
        "error": error,
        "acceptedAt": "2026-01-01T00:00:00.000Z",
        **({} if phase == "Retrying" else {"finishedAt": "2026-01-01T00:01:10.000Z"}),
    }
    return Move("ns", "t", "u", {}, phase, attempt, lambda: status)


def test_where_the_time_of_a_task_went(metrics: Metrics) -> None:
    metrics.moved(ended("Succeeded"))
    now = values(metrics)
    assert now[f"{OURS}phase_seconds_sum phase=Queued plugin=container"] == 4
    assert now[f"{OURS}phase_seconds_sum phase=Running plugin=container"] == 60
    assert now[f"{OURS}task_seconds_sum phase=Succeeded plugin=container"] == 70
    assert now[f"{OURS}tasks_ended_total phase=Succeeded"] == 1
    assert not [name for name in now if name.startswith(f"{OURS}attempts_failed_total")]


def test_failures_by_whose_they_are_and_which_budget_they_spent(metrics: Metrics) -> None:
    metrics.moved(ended("Retrying", code="OOMKilled"))
    metrics.moved(ended("Failed", code="USER:ValueError", attempt=1))
    now = values(metrics)
    assert now[f"{OURS}attempts_failed_total budget=user kind=USER plugin=container"] == 2
    assert now[f"{OURS}failure_codes_total code=OOMKilled"] == 1
    assert now[f"{OURS}tasks_failed_total kind=USER"] == 1
    assert now["flyte:propeller:all:node:perma_user_error_duration_unlabeled_ms_count"] == 1


def test_under_the_names_of_flytes_dashboards(metrics: Metrics) -> None:
    metrics.handled(0.25)
    metrics.handled(0.25)
    metrics.failed()
    metrics.moved(ended("Succeeded"))
    now = values(metrics)
    scope = "flyte:propeller:all:"
    assert now[f"{scope}main_depth"] == 3
    assert now[f"{scope}free_workers_count"] == 6
    assert now[f"{scope}round:success_count"] == 1
    assert now[f"{scope}round:panic_unlabeled"] == 1
    assert now[f"{scope}round:round_time_unlabeled_ms_sum"] == 500
    assert now[f"{scope}node:queueing_latency_unlabeled_ms_sum"] == 4000
    assert now[f"{scope}node:container:container:informer_update"] == 7


def test_objects_by_kind_and_namespace_and_tokens(metrics: Metrics) -> None:
    now = values(metrics)
    assert now[f"{OURS}objects kind=pods namespace=ns"] == 2
    assert now[f"{OURS}tokens_taken plugin=k8s-array quota=gpu"] == 3
    assert now[f"{OURS}tokens_limit plugin=k8s-array quota=gpu"] == 5


def test_whatever_tasks_bring_the_number_of_series_is_bounded() -> None:
    metrics = Metrics("1.2.3", "abc")
    levels = {f"namespace-{number}": number for number in range(10_000)}
    metrics.follow(lambda: figures(levels=levels))
    for number in range(10_000):
        # A task type that no plugin knows is refused under a plugin that nobody has; its code is the task's own.
        metrics.moved(ended("Failed", plugin=f"odd-{number}", code=f"code-{number}"))
    samples = values(metrics)
    assert len(samples) < 15_000
    assert len([name for name in samples if name.startswith(f"{OURS}failure_codes_total")]) == MOST_CODES + 1
    assert len([name for name in samples if name.startswith(f"{OURS}objects")]) == MOST_NAMESPACES + 1
    assert samples[f"{OURS}failure_codes_total code={OTHER}"] == 10_000 - MOST_CODES
    before = len(samples)
    for number in range(10_000, 20_000):
        metrics.moved(ended("Failed", plugin=f"odd-{number}", code=f"code-{number}"))
    assert len(values(metrics)) == before


def test_a_label_lets_through_what_it_has_let_through_before() -> None:
    label = BoundedLabel(2)
    assert [label(value) for value in ("a", "b", "c", "a", "c")] == ["a", "b", OTHER, "a", OTHER]


def test_the_largest_counts_and_the_rest() -> None:
    assert largest({"a": 3, "b": 1, "c": 2}, 2) == {"a": 3, "c": 2, OTHER: 1}
    assert largest({"a": 3}, 2) == {"a": 3}


def _exposed() -> dict[str, tuple[str, ...]]:
    """Every metric with the names of its labels, from the code."""
    metrics = Metrics("1.2.3", "abc")
    metrics.follow(figures)
    found = {}
    for collector in list(metrics.registry._collector_to_names):
        names = getattr(collector, "_labelnames", None)
        for family in collector.collect():
            labels = names if names is not None else {name for each in family.samples for name in each.labels}
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = tuple(sorted(set(labels) - {"le"}))
    return found


def test_the_documentation_has_every_metric_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_:]+)` \|([^|]*)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: tuple(sorted(re.findall(r"`([a-z_]+)`", labels))) for name, labels in rows}
    exposed = {name: labels for name, labels in _exposed().items() if name.startswith((OURS, "flyte:"))}
    assert told == exposed
