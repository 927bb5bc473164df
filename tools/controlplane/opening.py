"""Which cluster to use: one of our own, or the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tools.controlplane.clusters import Cluster
from tools.controlplane.controlplanes import ControlPlane
from tools.controlplane.existingclusters import ExistingCluster

USE_KUBECONFIG = "FPM_USE_KUBECONFIG"


def open_cluster(*, output_root: Path | None = None, environ: Mapping[str, str] = os.environ) -> Cluster:
    """A new control plane of our own; with FPM_USE_KUBECONFIG=1 the current context of the user's kubeconfig.

    Args:
        output_root: folder below which simulated pods may write files (a control plane of our own only).
    """
    if environ.get(USE_KUBECONFIG, "").lower() in ("1", "true", "yes"):
        return ExistingCluster()
    return ControlPlane(output_root=output_root)
