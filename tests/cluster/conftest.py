from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pluginmachinery.api.crd import custom_resource_definition
from tests.cluster.controllers import API, CONFIG, Controller, Tasks
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.controlplane.controlplanes import ControlPlane
from tools.controlplane.errors import ApiError


@pytest.fixture(scope="session")
def cluster(control_plane: Cluster) -> Cluster:
    """The control plane with our CustomResourceDefinition."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = custom_resource_definition()
    if control_plane.api.find(f"{definitions}/{definition['metadata']['name']}") is None:
        control_plane.api.create(definitions, definition)
    wait_until(lambda: _is_served(control_plane), what="TaskExecutions to be served")
    if isinstance(control_plane, ControlPlane):
        # The garbage collector looks for new kinds every half minute; started again it looks at once.
        control_plane.restart("kube-controller-manager")
    return control_plane


def _is_served(control_plane: Cluster) -> bool:
    try:
        return control_plane.api.find(f"{API}/taskexecutions") is not None
    except ApiError:  # 429: the storage of a new kind is being prepared
        return False


@pytest.fixture
def tasks(cluster: Cluster, namespace: str) -> Tasks:
    return Tasks(cluster, namespace)


Run = Callable[..., Controller]


@pytest.fixture
def run(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Run]:
    """Starts controllers for the test's namespace; whatever still runs at the end is ended."""
    with ExitStack() as processes:

        def run(
            *arguments: str,
            config: Mapping[str, Any] = CONFIG,
            kubeconfig: Path = cluster.kubeconfig,
            folder: str = "run",
            **how: Any,
        ) -> Controller:
            where = tmp_path / folder
            controller = Controller(where, kubeconfig, config, ("--namespace", namespace, *arguments), **how)
            return processes.enter_context(controller)

        yield run
