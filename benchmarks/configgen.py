"""What configgen's commands cost, as processes: wall clock, CPU time and memory, and ratios within one run.

``python -c pass`` is the measure of a start. Rendering is held against ``helm template`` and ``kustomize build`` of the
same environments, where these are there. Sources are generated: a base with every plugin, and one layer for each
environment. Modules are compiled before anything counts, as an installation has them. Beside a figure stands its aim.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from configgen.targets import TARGETS
from tools.controlplane.binaries import find

_ROOT = Path(__file__).parents[1]
_CHART = _ROOT / "charts/flyte-plugin-manager"
_CONFIGGEN = str(Path(sys.executable).with_name("configgen"))
_PLUGINS = "container, sidecar, spark, ray, dask, pytorch, mpi, tensorflow, k8s-array, echo"
_REPEATS = 5
_ENVIRONMENTS = 20
_EVERY = ("--target", ",".join(TARGETS))
_GROWTH = (10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process: seconds of the clock, seconds of CPU time, MiB at most."""

    clock: float
    cpu: float
    memory: float


def main() -> None:
    table = Table("command", "clock ms", "CPU ms", "MiB", "ratio")
    with tempfile.TemporaryDirectory() as name:
        _compile(Path(name) / "compiled")
        for title, cost, ratio in _rows(Path(name)):
            table.add_row(title, f"{cost.clock * 1e3:.0f}", f"{cost.cpu * 1e3:.0f}", f"{cost.memory:.0f}", ratio)
    Console(width=120).print(table)


def _compile(folder: Path) -> None:
    """Have the modules compiled, whatever this process is told about writing them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    example = str(_ROOT / "examples/configuration")
    for arguments in (["diff", "dev", "prod"], ["render", "--all", "--out", str(folder / "out")]):
        _cost([_CONFIGGEN, "-C", example, *arguments])


def _rows(folder: Path) -> Iterator[tuple[str, Cost, str]]:
    start = _median([sys.executable, "-c", "pass"])
    yield "python -c pass", start, "1"
    help_ = _median([_CONFIGGEN, "--help"])
    over = (help_.clock - 1.5 * start.clock) * 1e3
    yield "configgen --help", help_, f"{help_.clock / start.clock:.1f} starts; 1.5 starts {over:+.0f} ms (aim: +60)"
    source = _source(folder / "source", _ENVIRONMENTS)
    yield from _diffs(source, start)
    yield from _rendering(folder, source)
    for count in _GROWTH:
        many = _source(folder / f"source-{count}", count)
        cost = _cost([_CONFIGGEN, "-C", str(many), "render", "--all", *_EVERY, "--out", str(folder / f"out-{count}")])
        yield f"render {count} environments, all targets", cost, f"{cost.cpu / count * 1e3:.1f} ms CPU each"


def _diffs(source: Path, start: Cost) -> Iterator[tuple[str, Cost, str]]:
    diff = [_CONFIGGEN, "-C", str(source), "diff", "env-0", "env-1"]
    simulate = [_CONFIGGEN, "-C", str(source), "simulate", "--task", "spark", "--env", "env-0"]
    for title, command, aim in (
        ("diff, effects on every plugin's tasks", diff, " (aim: 1000 ms, 150 MiB)"),
        ("diff --no-effect", [*diff, "--no-effect"], ""),
        ("simulate one task", simulate, ""),
    ):
        cost = _median(command)
        yield title, cost, f"{cost.clock / start.clock:.1f} starts{aim}"


def _rendering(folder: Path, source: Path) -> Iterator[tuple[str, Cost, str]]:
    out = folder / "out"
    ours = _cost([_CONFIGGEN, "-C", str(source), "render", "--all", *_EVERY, "--out", str(out)])
    yield f"render {_ENVIRONMENTS} environments, all targets", ours, "1 render (aim: 1000 ms, 150 MiB)"
    helm, kustomize = find("helm"), find("kustomize")
    if helm is None or kustomize is None:
        return
    theirs = []
    for number in range(_ENVIRONMENTS):
        values = str(out / f"helm/env-{number}/values.yaml")
        theirs.append(_cost([str(helm), "template", "x", str(_CHART), "--values", values]))
        theirs.append(_cost([str(kustomize), "build", str(out / f"kustomize/overlays/env-{number}")]))
    total = Cost(sum(one.clock for one in theirs), sum(one.cpu for one in theirs), max(one.memory for one in theirs))
    yield f"helm template + kustomize build of the {_ENVIRONMENTS}", total, f"{total.clock / ours.clock:.1f} renders"


def _source(folder: Path, count: int) -> Path:
    _write(folder / "base/config/a.yaml", f"tasks: {{task-plugins: {{enabled-plugins: [{_PLUGINS}]}}}}\n")
    lines = ["environments:"]
    for number in range(count):
        text = f"plugins: {{k8s: {{default-labels: {{environment: e{number}}}, default-cpus: {number + 1}}}}}\n"
        _write(folder / f"env-{number}/config/e.yaml", text)
        lines.append(f"  env-{number}: {{layers: [base, env-{number}], namespace: flyte}}")
    _write(folder / "configgen.yaml", "\n".join(lines) + "\n")
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _median(command: Sequence[str]) -> Cost:
    costs = [_cost(command) for _ in range(_REPEATS)]
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("clock", "cpu", "memory")))


def _cost(command: Sequence[str]) -> Cost:
    """Run a command; exit codes above 1 are errors."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
