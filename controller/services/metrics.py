"""Metrics in Prometheus' format. Label cardinality is bounded: verbs, kinds, codes and phases, never names.

Counters that are written on the hot path are looked up once; what can be counted when somebody asks (tasks by phase,
length of the line, age of the watches) is counted then.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST
_PREFIX = "flyte_plugin_manager"
_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


@dataclass(frozen=True, slots=True)
class WatchFigures:
    """How one watch stands. ``age``: seconds since it last said something, None: never."""

    kind: str
    namespace: str
    events: int
    relists: int
    age: float | None
    synced: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted at the moment of a scrape."""

    phases: Counter[str]
    depth: int
    timers: int
    leading: bool
    watches: tuple[WatchFigures, ...]


class Metrics:
    """All metrics of one process; :meth:`exposition` is what ``/metrics`` answers."""

    def __init__(self, version: str, config_hash: str) -> None:
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        build = prometheus.Gauge(
            f"{_PREFIX}_build_info",
            "Version, Python and hash of the configuration in force.",
            ["version", "python", "config_hash"],
            registry=self.registry,
        )
        build.labels(version, platform.python_version(), config_hash).set(1)
        self._requests = prometheus.Counter(
            f"{_PREFIX}_api_requests",
            "Requests to the API server. Code 0: no answer.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self._request_seconds = prometheus.Histogram(
            f"{_PREFIX}_api_request_seconds",
            "How long the API server took to answer.",
            ["verb"],
            buckets=_REQUEST,
            registry=self.registry,
        )
        self._decisions = prometheus.Histogram(
            f"{_PREFIX}_decision_seconds",
            "How long it took to decide what comes next for a task.",
            buckets=_FAST,
            registry=self.registry,
        )
        self._failures = prometheus.Counter(
            f"{_PREFIX}_handling_failures", "Tasks whose handling broke off by a defect.", registry=self.registry
        )
        self._ended = prometheus.Counter(
            f"{_PREFIX}_tasks_ended", "Tasks that ended, by final phase.", ["phase"], registry=self.registry
        )
        self._children: dict[tuple[str, str, int], prometheus.Counter] = {}
        self._durations: dict[str, prometheus.Histogram] = {}

    def plugins(self, running: Iterable[str], failed: Iterable[str]) -> None:
        """Which plugins run here, and which optional ones can not."""
        gauge = prometheus.Gauge(
            f"{_PREFIX}_plugin_running",
            "1: the plugin runs. 0: it is optional and can not be loaded, the log says why.",
            ["plugin"],
            registry=self.registry,
        )
        for name in failed:
            gauge.labels(name).set(0)
        for name in running:
            gauge.labels(name).set(1)

    def request(self, verb: str, kind: str, code: int, seconds: float) -> None:
        """A request was answered (a watch: has ended, its duration says nothing)."""
        key = (verb, kind, code)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(verb, kind, str(code))
        child.inc()
        if verb == "watch":
            return
        duration = self._durations.get(verb)
        if duration is None:
            duration = self._durations[verb] = self._request_seconds.labels(verb)
        duration.observe(seconds)

    def decided(self, seconds: float) -> None:
        self._decisions.observe(seconds)

    def failed(self) -> None:
        self._failures.inc()

    def ended(self, phase: str) -> None:
        self._ended.labels(phase).inc()

    def follow(self, figures: Callable[[], Figures]) -> None:
        """Ask this at every scrape."""
        self.registry.register(_AtScrape(figures))

    def exposition(self) -> bytes:
        return prometheus.generate_latest(self.registry)


class _AtScrape(prometheus.registry.Collector):
    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield _gauge("tasks", "TaskExecutions by phase.", ["phase"], (([p], n) for p, n in figures.phases.items()))
        yield _gauge("queue_depth", "Tasks in line to be handled.", [], [([], figures.depth)])
        yield _gauge("timers", "Tasks that will be woken at a time.", [], [([], figures.timers)])
        yield _gauge("leading", "1: this replica acts.", [], [([], int(figures.leading))])
        watches = [([watch.kind, watch.namespace], watch) for watch in figures.watches]
        labels = ["kind", "namespace"]
        ages = ((names, watch.age) for names, watch in watches if watch.age is not None)
        yield _gauge("watch_age_seconds", "Time since the watch last said something.", labels, ages)
        synced = ((names, int(watch.synced)) for names, watch in watches)
        yield _gauge("watch_synced", "1: the first list is in.", labels, synced)
        events = CounterMetricFamily(f"{_PREFIX}_watch_events", "Events of the watch.", labels=labels)
        relists = CounterMetricFamily(f"{_PREFIX}_watch_relists", "Lists read again.", labels=labels)
        for names, watch in watches:
            events.add_metric(names, watch.events)
            relists.add_metric(names, watch.relists)
        yield events
        yield relists


def _gauge(name: str, text: str, labels: list[str], samples: Iterable[tuple[list[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
