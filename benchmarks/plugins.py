"""Builds and phases per second, per plugin, over the recorded cases.

Each case is measured on its own from a parsed task; the table shows the median case and the slowest one, in
microseconds of CPU time of one core. ``build`` is the object with its identity, ``policy`` the check of it, ``launch``
all that happens until the API server is asked (build, secrets, policy and back-off). Parsing task and configuration is
a row of its own: it happens once per task and once per process. Cases that end in an error are left out. ``what
dominates`` names the functions with the most time of their own. ``life`` is all decisions about a task from its
acceptance to its success, ``restart`` the one about a running task by a controller that has just started.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import lives
from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration
from pluginmachinery.conformance.cases import NOW, kubernetes_plugin_of, task_of
from pluginmachinery.conformance.operations.phase import saved_phase
from pluginmachinery.conformance.replay import configuration
from pluginmachinery.core.actions import Create, Observation
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.manager.objects import finished_object
from pluginmachinery.manager.plugin_manager import PluginManager
from pluginmachinery.policy import check as policy
from tests.golden.recordings import recordings

Work = Callable[[], Any]


class NotCreated(Exception):
    """The task can not be built, or the policy denies what it brings."""


_REPEATS = 5
_ENOUGH = 0.002
"""Seconds of CPU time of one measurement."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; times in microseconds."""

    operation: str
    plugin: str
    times: tuple[float, ...]
    dominating: str


def main() -> None:
    table = Table("operation", "plugin", "cases", "median µs", "slowest µs", "per second", "what dominates")
    for row in rows():
        median = statistics.median(row.times)
        table.add_row(
            row.operation,
            row.plugin,
            str(len(row.times)),
            f"{median:.1f}",
            f"{max(row.times):.1f}",
            f"{1e6 / median:,.0f}",
            row.dominating,
        )
    Console(width=160).print(table)


def rows() -> Iterator[Row]:
    for operation, data, prepare in (
        ("build", "build", _build),
        ("policy", "build", _policy),
        ("launch", "build", _launch),
        ("phase", "phase", _phase),
    ):
        for (recorded, plugin), cases in recordings().items():
            if recorded == data:
                yield _row(operation, plugin, [prepare(recording.case) for recording in cases])
    cases = [recording.case for recording in recordings()["build", "container"]]
    config = Configuration()
    yield _row(
        "parse task",
        "container",
        [lambda case=case: task_context(case["task"], case["execution"], config=config) for case in cases],
    )
    yield _row("read configuration", "-", [lambda case=case: configuration(case) for case in cases])
    yield _row("life", "container", [lives.whole()])
    yield _row("restart", "container", [lives.after_restart()])


def _build(case: Mapping[str, Any]) -> Work:
    plugin, task = kubernetes_plugin_of(case), _or_none(lambda: task_of(case))
    return lambda: finished_object(task, plugin, plugin.build_resource(task))  # type: ignore[arg-type]


def _policy(case: Mapping[str, Any]) -> Work:
    plugin, task = kubernetes_plugin_of(case), _or_none(lambda: task_of(case))
    manifest = _or_none(lambda: finished_object(task, plugin, plugin.build_resource(task)))
    return lambda: policy.verdict(manifest, task)


def _launch(case: Mapping[str, Any]) -> Work:
    """All that happens between a parsed task and the request to create its object."""
    manager, task = PluginManager(kubernetes_plugin_of(case)), _or_none(lambda: task_of(case))
    now = Observation(task.now if task else NOW)

    def launch() -> None:
        transition = manager.handle(task, None, now)
        if not isinstance(transition.actions[0], Create):
            raise NotCreated(transition.phase)

    return launch


def _phase(case: Mapping[str, Any]) -> Work:
    plugin, context = kubernetes_plugin_of(case), PluginContext(task_of(case), saved_phase(case))
    return lambda: plugin.get_task_phase(context, case["resource"])


def _or_none(make: Work) -> Any:
    try:
        return make()
    except PluginError:
        return None


def _row(operation: str, plugin: str, works: list[Work]) -> Row:
    working = [work for work in works if _works(work)]
    return Row(operation, plugin, tuple(_microseconds(work) for work in working), _dominating(working))


def _works(work: Work) -> bool:
    try:
        work()
    except Exception:  # a case that is meant to fail; what it costs is of no interest
        return False
    return True


def _microseconds(work: Work) -> float:
    """The best of some measurements, each long enough for the clock."""
    count, best = 1, float("inf")
    while (elapsed := _elapsed(work, count)) < _ENOUGH:
        count *= max(2, int(_ENOUGH / max(elapsed, 1e-7)))
    for _ in range(_REPEATS):
        best = min(best, _elapsed(work, count) / count)
    return best * 1e6


def _elapsed(work: Work, count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        work()
    return time.process_time() - start


def _dominating(works: list[Work]) -> str:
    profile = cProfile.Profile()
    profile.enable()
    for work in works:
        for _ in range(3):
            work()
    profile.disable()
    timed = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in timed.values()) or 1.0
    heaviest = sorted(timed.items(), key=lambda item: item[1][2], reverse=True)[:_NAMED]
    return ", ".join(f"{_name(function)} {entry[2] / total:.0%}" for function, entry in heaviest)


def _name(function: tuple[str, int, str]) -> str:
    file, _, name = function
    return name if file == "~" else f"{PurePath(file).stem}.{name}"
