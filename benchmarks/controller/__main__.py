"""``python -m benchmarks.controller``: the table, or with ``--curve`` the cost per task from 100 to 20,000 tasks."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.controller.runs import AUDIT, Bench, Restart, Run, install, percentile
from benchmarks.controller.table import Figure, show
from tools.controlplane.controlplanes import ControlPlane

CURVE = (100, 300, 1_000, 3_000, 10_000, 20_000)


async def measure(bench: Bench, restart: Restart, options: argparse.Namespace) -> list[Figure]:
    """All figures; each run is told as it ends."""

    def told(run: Run) -> Run:
        print(run.line(), flush=True)
        return run

    await bench.tasks(min(200, options.tasks))  # warms the server's caches; not counted
    pairs = [
        (told(await bench.bare(options.tasks)), told(await bench.tasks(options.tasks))) for _ in range(options.pairs)
    ]
    bursts = [burst for _, burst in pairs]
    finalizer = told(await bench.tasks(options.paced, finalizer=True))
    paced = told(await bench.tasks(options.paced, rate=25))
    share = statistics.median(burst.rate / bare.rate for bare, burst in pairs)
    counted = sum(bare.busy.counts and burst.busy.counts for bare, burst in pairs)
    everything = [*bursts, paced, finalizer]
    tasks = sum(run.tasks for run in everything)
    cpu = statistics.median(run.cpu / run.tasks * 1000 for run in bursts)
    tracked = (restart.mib - restart.idle_mib) * 1024 / options.running
    running = f"{options.running:,} running"
    return [
        Figure("writes per task, at 25/s", paced.writes, 3.0, 2.0),
        Figure("writes per task, burst", statistics.median(run.writes for run in bursts), 3.0, 2.0),
        Figure("writes per task, finalizer patched in", finalizer.writes, 4.0, 3.0),
        Figure("wasted writes per task", sum(run.refused for run in everything) / tasks, 0.01, 0),
        Figure("reads", sum(run.reads for run in everything), 0, 0),
        Figure("pods killed or run twice", sum(run.twice for run in everything), 0, 0),
        Figure(
            "burst, share of the bare generator", share, 0.85, 0.95, "%", more=True,
            remark=f"median of {len(pairs)} pairs, {counted} with the server as the bottleneck",
        ),
        Figure("CPU per task, burst", cpu, 1.2, 0.8, "ms"),
        Figure("CPU per task, at 25/s", paced.cpu / paced.tasks * 1000, 2.2, 1.6, "ms"),
        Figure("create → pod, p50", percentile(paced.starts, 0.5), 4, 3, "ms"),
        Figure("create → pod, p99", percentile(paced.starts, 0.99), 15, 8, "ms"),
        Figure("pod done → status, p50", percentile(paced.ends, 0.5), 4, 3, "ms"),
        Figure("pod done → status, p99", percentile(paced.ends, 0.99), 15, 8, "ms"),
        Figure("memory, idle", restart.idle_mib, 120, 110, "MiB"),
        Figure(f"memory, {running}", restart.mib, 170, 150, "MiB"),
        Figure("memory per tracked task", tracked, 12, 5, "kB"),
        Figure(f"restart, {running}: ready after", restart.seconds, 2, 1, "s"),
        Figure(f"restart, {running}: CPU", restart.cpu, 1.5, 1.5, "s"),
        Figure(
            f"restart, {running}: writes", restart.writes.total(), 0, 0,
            remark=", ".join(f"{number} {what.verb} {what.resource}" for what, number in restart.writes.items()),
        ),
        Figure(f"CPU at rest, {running}", restart.at_rest, 2, 0, "ms/s"),
    ]  # fmt: skip


async def curve(bench: Bench, picture: Path | None) -> None:
    """Cost per task over the number of tasks in one burst."""
    runs = []
    for count in CURVE:
        runs.append(await bench.tasks(count))
        print(runs[-1].line(), flush=True)
    if picture:
        from benchmarks.controller.picture import draw

        draw(runs, picture)
        print(f"wrote {picture}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controller", description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000, help="tasks in a burst")
    parser.add_argument("--paced", type=int, default=500, help="tasks at 25 a second")
    parser.add_argument("--running", type=int, default=5000, help="tasks that run when the controller is restarted")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--curve", action="store_true", help="only the cost per task from 100 to 20,000 tasks")
    parser.add_argument("--picture", type=Path, help="write the curve as SVG (needs matplotlib)")
    options = parser.parse_args([] if arguments is None else arguments)
    print("starting a control plane …", flush=True)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        if options.curve:
            with _bench() as bench:
                runner.run(curve(bench, options.picture))
            return
        with _bench() as bench:  # one of its own: what has ended takes memory too
            restart = runner.run(bench.restart(options.running))
        with _bench() as bench:
            show(runner.run(measure(bench, restart, options)))


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, ControlPlane(nodes=(), controllers=False, audit=AUDIT) as cluster:
        install(cluster)
        yield Bench(cluster, Path(folder))


def _loop_factory() -> Any:
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    main(sys.argv[1:])
