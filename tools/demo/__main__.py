"""``python -m tools.demo``: play the story on a control plane of its own, print the table, exit 1 if a row is wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tools.controlplane import ControlPlane, SimulatedNode, Taint
from tools.controlplane.errors import ControlPlaneError
from tools.controlplane.simulation.nodes import BIG
from tools.demo.narration import Narrator
from tools.demo.processes import CommandError
from tools.demo.rows import Row
from tools.demo.story import Demo

_T4 = {"k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"}
_SPOT = {"karpenter.sh/capacity-type": "spot"}
_GPU = Taint(key="nvidia.com/gpu", value="present")
_DEDICATED = Taint(key="dedicated", value="gpu")
_WITH_GPUS = {**BIG, "nvidia.com/gpu": "8"}
NODES = (
    SimulatedNode(name="plain-0"),
    SimulatedNode(name="gpu-0", labels=_T4, taints=(_GPU,), capacity=_WITH_GPUS),
    SimulatedNode(name="gpu-dedicated-0", labels=_T4, taints=(_GPU, _DEDICATED), capacity=_WITH_GPUS),
    SimulatedNode(name="spot-0", labels=_SPOT, taints=(Taint(key="spot", value="true"),)),
)
WIDTH = 132
"""Columns where nobody says how wide it may be: a log, a pipe."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--keep", metavar="DIR", type=Path, help="write rendered files and logs there, and keep them")
    options = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    narrator = Narrator(console)
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="demo-") as temporary:
            folder = (options.keep or Path(temporary)).resolve()
            rows = _play(folder, narrator)
    except (CommandError, ControlPlaneError, TimeoutError) as error:
        console.print(f"[bold red]the demo stopped:[/] {error}", soft_wrap=True)
        return 1
    narrator.table(rows)
    wrong = sum(not row.holds for row in rows)
    console.print(
        f"\n{len(rows) - wrong} of {len(rows)} rows as they should be, {time.monotonic() - started:.0f} s in all"
    )
    return 1 if wrong else 0


def _play(folder: Path, narrator: Narrator) -> list[Row]:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    narrator.chapter("Start a control plane")
    with narrator.doing("etcd, kube-apiserver, controller-manager, scheduler, four simulated nodes ready"):
        cluster = ControlPlane(nodes=NODES, output_root=data).start()
    with cluster:
        return Demo(cluster, folder, data, narrator).play()


if __name__ == "__main__":
    sys.exit(main())
