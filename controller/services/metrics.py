"""Metrics in Prometheus' format: what the controller counts while it works, and what is counted when somebody asks.

Label cardinality is bounded whatever tasks bring: verbs, kinds, phases and plugins are few by nature; error codes and
namespaces are cut off (:mod:`.cardinality`); names and task types are no labels. ``docs/operations/metrics.md`` lists
all of them, and a test holds it to that. :mod:`.flyte_metrics` gives some under the names that Flyte's dashboards use.

Counters on the hot path are looked up once, because finding a labelled series costs more than counting.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from controller.services.cardinality import BoundedLabel, largest
from controller.services.figures import Figures
from controller.services.flyte_metrics import FlyteMetrics
from controller.services.moves import Move
from pluginmachinery.api import times

CONTENT_TYPE = prometheus.CONTENT_TYPE_LATEST
_PREFIX = "flyte_plugin_manager"
_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)
_PHASE = (0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
MOST_CODES = 100
"""Error codes with a series of their own; tasks make up codes as they like."""
MOST_NAMESPACES = 200
MOST_PLUGINS = 200


class Metrics:
    """All metrics of one process; :meth:`exposition` is what ``/metrics`` answers."""

    def __init__(self, version: str, config_hash: str) -> None:
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        build = self._gauge("build_info", "Version, Python, hash of the configuration.", "version python config_hash")
        build.labels(version, platform.python_version(), config_hash).set(1)
        self._running = self._gauge("plugin_running", "1: it runs. 0: optional, can not be loaded.", "plugin")
        self._requests = self._counter(
            "api_requests", "Requests to the API server. Code 0: no answer.", "verb kind code"
        )
        self._request_seconds = self._histogram(
            "api_request_seconds", "How long the API server took to answer.", _REQUEST, "verb"
        )
        self._decisions = self._histogram(
            "decision_seconds", "How long it took to decide what comes next for a task.", _FAST
        )
        self._handlings = self._histogram(
            "handling_seconds", "How long a worker had a task in hand, its requests included.", _REQUEST
        )
        self._defects = self._counter("handling_failures", "Tasks whose handling broke off by a defect.")
        self._ended = self._counter("tasks_ended", "Tasks that ended, by final phase.", "phase")
        self._failed = self._counter("tasks_failed", "Tasks that failed for good, by whose failure it was.", "kind")
        self._task_seconds = self._histogram(
            "task_seconds", "From acceptance to the end of a task, all attempts.", _PHASE, "plugin phase"
        )
        self._phase_seconds = self._histogram(
            "phase_seconds", "What attempts that ended spent Queued and Running.", _PHASE, "plugin phase"
        )
        self._attempts = self._counter(
            "attempts_failed", "Failed attempts: whose failure, and the budget that it spent.", "plugin kind budget"
        )
        self._codes = self._counter("failure_codes", "Failed attempts by error code.", "code")
        self._events = self._counter("events", "Kubernetes events about tasks, by their fate.", "reason outcome")
        self._store_requests = self._counter("store_requests", "Requests to the object store.", "operation outcome")
        self._store_seconds = self._histogram(
            "store_request_seconds", "How long the object store took, retries included.", _REQUEST, "operation"
        )
        self._tokens = self._counter("token_requests", "Resource tokens asked for.", "plugin quota outcome")
        self._code_of = BoundedLabel(MOST_CODES)
        self._plugin_of = BoundedLabel(MOST_PLUGINS)
        self._children: dict[tuple[str, str, int], prometheus.Counter] = {}
        self._durations: dict[str, prometheus.Histogram] = {}

    def _counter(self, name: str, text: str, labels: str = "") -> prometheus.Counter:
        return prometheus.Counter(f"{_PREFIX}_{name}", text, labels.split(), registry=self.registry)

    def _gauge(self, name: str, text: str, labels: str = "") -> prometheus.Gauge:
        return prometheus.Gauge(f"{_PREFIX}_{name}", text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], labels: str = "") -> prometheus.Histogram:
        return prometheus.Histogram(f"{_PREFIX}_{name}", text, labels.split(), buckets=buckets, registry=self.registry)

    def plugins(self, running: Iterable[str], failed: Iterable[str]) -> None:
        """Which plugins run here, and which optional ones can not."""
        for name in failed:
            self._running.labels(name).set(0)
        for name in running:
            self._running.labels(self._plugin_of(name)).set(1)

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

    def stored(self, operation: str, outcome: str, seconds: float) -> None:
        """The object store answered; ``outcome`` is ``ok`` or the reason of a refusal."""
        self._store_requests.labels(operation, outcome).inc()
        self._store_seconds.labels(operation).observe(seconds)

    def token(self, plugin: str, quota: str, outcome: str) -> None:
        """A token was asked for: ``granted``, ``exhausted`` or ``unavailable``."""
        self._tokens.labels(plugin, quota, outcome).inc()

    def event(self, reason: str, outcome: str) -> None:
        """A Kubernetes event was ``created``, ``repeated`` (patched), ``aggregated`` or ``dropped`` (not written)."""
        self._events.labels(reason, outcome).inc()

    def decided(self, seconds: float) -> None:
        self._decisions.observe(seconds)

    def handled(self, seconds: float) -> None:
        self._handlings.observe(seconds)

    def failed(self) -> None:
        self._defects.inc()

    def moved(self, move: Move) -> None:
        """Failures and times are counted when an attempt or the task has ended."""
        if not (move.ended_attempts or move.is_end):
            return
        status = move.status
        plugin = self._plugin_of(status.get("plugin") or "none")
        for record in move.ended_attempts:
            self._attempt_ended(plugin, record)
        if move.is_end:
            self._ended.labels(move.phase).inc()
            if "acceptedAt" in status and "finishedAt" in status:
                _observe(self._task_seconds, plugin, move.phase, status["acceptedAt"], status["finishedAt"])
            if move.phase == "Failed" and (error := status.get("error")):
                self._failed.labels(error["kind"]).inc()

    def _attempt_ended(self, plugin: str, record: Mapping[str, Any]) -> None:
        started, running, ended = record.get("startedAt"), record.get("runningAt"), record["endedAt"]
        if started:
            _observe(self._phase_seconds, plugin, "Queued", started, running or ended)
        if running:
            _observe(self._phase_seconds, plugin, "Running", running, ended)
        if error := record.get("error"):
            self._attempts.labels(plugin, error["kind"], record.get("budget") or "none").inc()
            self._codes.labels(self._code_of(error["code"])).inc()

    def follow(self, figures: Callable[[], Figures]) -> None:
        """Ask this at every scrape."""
        own = [self._handlings, self._defects, self._failed, self._phase_seconds]
        self.registry.register(_AtScrape(figures))
        self.registry.register(FlyteMetrics(figures, lambda: [family for each in own for family in each.collect()]))

    def exposition(self) -> bytes:
        return prometheus.generate_latest(self.registry)


def _observe(histogram: prometheus.Histogram, plugin: str, phase: str, since: str, until: str) -> None:
    seconds = (times.from_text(until) - times.from_text(since)).total_seconds()
    histogram.labels(plugin, phase).observe(max(0.0, seconds))


class _AtScrape(prometheus.registry.Collector):
    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        now = self._figures()
        yield _gauge("tasks", "TaskExecutions by phase.", ["phase"], (([p], n) for p, n in now.phases.items()))
        for name, text, number in (
            ("queue_depth", "Tasks in line to be handled.", now.depth),
            (
                "queue_stalled_seconds",
                "How long no worker took or finished a task though some wait.",
                now.stalled,
            ),
            ("workers", "Workers that handle tasks.", now.workers),
            ("workers_busy", "Workers that have a task in hand.", now.busy),
            ("timers", "Tasks that will be woken at a time.", now.timers),
            ("leading", "1: this replica acts.", int(now.leading)),
            ("requests_waited_out", "Requests that wait until the API server is well again.", now.waited_out),
            ("backoff_gates", "Kinds and namespaces whose launches back off.", now.gates),
            ("tasks_in_line", "Tasks that wait for room.", now.in_line),
            ("write_limit", "Writes that may be under way at once.", now.write_limit),
            ("writes_waiting", "Writes that wait for their turn.", now.writes_waiting),
        ):
            yield _gauge(name, text, [], [([], number)])
        lined_up = CounterMetricFamily(f"{_PREFIX}_queue_adds", "Tasks put in line.")
        lined_up.add_metric([], now.lined_up)
        retries = CounterMetricFamily(f"{_PREFIX}_queue_retries", "Tasks put off because a write was refused.")
        retries.add_metric([], now.retried)
        throttled = CounterMetricFamily(f"{_PREFIX}_writes_throttled", "Writes refused with 429 or Retry-After.")
        throttled.add_metric([], now.throttled)
        yield throttled
        yield lined_up
        yield retries
        yield from _of_watches(now)
        yield from _of_tokens(now)


def _of_watches(now: Figures) -> Iterator[Metric]:
    watches = [([watch.kind, watch.namespace], watch) for watch in now.watches]
    labels = ["kind", "namespace"]
    ages = ((names, watch.age) for names, watch in watches if watch.age is not None)
    yield _gauge("watch_age_seconds", "Time since the watch last said something.", labels, ages)
    synced = ((names, int(watch.synced)) for names, watch in watches)
    yield _gauge("watch_synced", "1: the first list is in.", labels, synced)
    levels = (
        ([watch.kind, namespace], number)
        for watch in now.watches
        for namespace, number in largest(watch.levels, MOST_NAMESPACES).items()
    )
    yield _gauge("objects", "Objects that are followed, by kind and their namespace.", labels, levels)
    events = CounterMetricFamily(f"{_PREFIX}_watch_events", "Events of the watch.", labels=labels)
    relists = CounterMetricFamily(f"{_PREFIX}_watch_relists", "Lists read again.", labels=labels)
    for names, watch in watches:
        events.add_metric(names, watch.events)
        relists.add_metric(names, watch.relists)
    yield events
    yield relists


def _of_tokens(now: Figures) -> Iterator[Metric]:
    pools = [([pool.plugin, pool.quota], pool) for pool in now.pools]
    labels = ["plugin", "quota"]
    yield _gauge("tokens_taken", "Resource tokens taken.", labels, ((names, pool.taken) for names, pool in pools))
    yield _gauge("tokens_limit", "Resource tokens there are.", labels, ((names, pool.limit) for names, pool in pools))


def _gauge(name: str, text: str, labels: list[str], samples: Iterable[tuple[list[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
