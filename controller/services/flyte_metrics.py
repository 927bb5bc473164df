"""Figures under the names that Flyte's published dashboards ask for, where ours mean the same.

A *round* of Flyte's engine looks at a whole workflow; ours at one task. What has no equal here (workflows, nodes,
admin, catalogue) is not invented. Names are those of Flyte v1.16.8 with the scope of its Helm charts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from controller.services.figures import Figures

SCOPE = "flyte:propeller:all:"
_MILLISECONDS = 1000.0


class FlyteMetrics(Collector):
    """Translates at every scrape. ``counted``: our own metrics that some are made of."""

    def __init__(self, figures: Callable[[], Figures], counted: Callable[[], Iterable[Metric]]) -> None:
        self._figures = figures
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        now = self._figures()
        counted = list(self._counted())
        handled = _sum(counted, "handling_seconds_count")
        defects = _sum(counted, "handling_failures_total")
        yield _metric("main_depth", "Length of the line.", now.depth)
        yield _metric("main_adds", "Tasks put in line.", now.lined_up)
        yield _metric("main_retries", "Tasks put off.", now.retried)
        yield _metric("free_workers_count", "Workers that have nothing to do.", now.workers - now.busy)
        yield _metric("round:success_count", "Handlings that went well.", handled - defects)
        yield _metric("round:panic_unlabeled", "Handlings that broke off by a defect.", defects)
        seconds = _sum(counted, "handling_seconds_sum")
        yield _summary("round:round_time_unlabeled_ms", "Time of one handling.", seconds, handled)
        queued = _sum(counted, "phase_seconds_sum", phase="Queued")
        yield _summary(
            "node:queueing_latency_unlabeled_ms",
            "Time that attempts waited to run.",
            queued,
            _sum(counted, "phase_seconds_count", phase="Queued"),
        )
        for kind in ("user", "system", "unknown"):
            failed = _sum(counted, "tasks_failed_total", kind=kind.upper())
            name = f"node:perma_{kind}_error_duration_unlabeled_ms_count"
            yield _metric(name, "Tasks that failed for good by this kind of error.", failed)
        pods = sum(watch.events for watch in now.watches if watch.kind == "pods")
        yield _metric("node:container:container:informer_update", "Events about pods.", pods)


def _metric(name: str, text: str, value: float) -> Metric:
    """Flyte's counters have no suffix ``_total``; as untyped samples ours need none either."""
    metric = Metric(SCOPE + name, text, "untyped")
    metric.add_sample(SCOPE + name, {}, value)
    return metric


def _summary(name: str, text: str, seconds: float, count: float) -> Metric:
    metric = Metric(SCOPE + name, text, "summary")
    metric.add_sample(f"{SCOPE}{name}_sum", {}, seconds * _MILLISECONDS)
    metric.add_sample(f"{SCOPE}{name}_count", {}, count)
    return metric


def _sum(counted: Iterable[Metric], ending: str, **labels: str) -> float:
    return sum(
        sample.value
        for metric in counted
        for sample in metric.samples
        if sample.name.endswith(f"_{ending}") and labels.items() <= sample.labels.items()
    )
