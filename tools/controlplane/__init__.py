"""A local Kubernetes control plane for tests, demo and benchmarks.

    from tools.controlplane import ControlPlane, open_cluster

`ControlPlane` starts one of its own; `ExistingCluster` uses one that is there; `open_cluster` chooses between them
as the environment says. All are context managers with the interface of `Cluster`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.controlplane.clusters import Cluster
    from tools.controlplane.controlplanes import ControlPlane
    from tools.controlplane.existingclusters import ExistingCluster
    from tools.controlplane.opening import open_cluster
    from tools.controlplane.simulation.nodes import DEFAULT_NODES, SimulatedNode, Taint

__all__ = ["DEFAULT_NODES", "Cluster", "ControlPlane", "ExistingCluster", "SimulatedNode", "Taint", "open_cluster"]

_HOMES = {
    "Cluster": "clusters",
    "ControlPlane": "controlplanes",
    "DEFAULT_NODES": "simulation.nodes",
    "ExistingCluster": "existingclusters",
    "SimulatedNode": "simulation.nodes",
    "Taint": "simulation.nodes",
    "open_cluster": "opening",
}


def __getattr__(name: str) -> Any:
    """Imported when asked for: every pytest run loads this package, few of them start a cluster."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
