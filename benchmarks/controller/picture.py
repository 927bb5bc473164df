"""The curve as a picture for the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.controller.runs import Run


def draw(runs: list[Run], path: Path) -> None:
    """CPU and writes per task over the number of tasks, as SVG."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.rcParams |= {"svg.hashsalt": "flyte-plugin-manager", "svg.fonttype": "none", "font.family": "sans-serif"}
    figure, (cpu, writes) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    counts = [run.tasks for run in runs]
    for axes, values, label in (
        (cpu, [run.cpu / run.tasks * 1000 for run in runs], "controller CPU per task, ms"),
        (writes, [run.writes for run in runs], "API writes per task"),
    ):
        axes.plot(counts, values, marker="o", color="#305cde")
        axes.set(xscale="log", ylim=(0, 1.3 * max(values)), xlabel="tasks in one burst", title=label)
        axes.set_xticks(counts, [f"{count // 1000}k" if count >= 1000 else str(count) for count in counts])
        axes.minorticks_off()
        axes.grid(axis="y", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
