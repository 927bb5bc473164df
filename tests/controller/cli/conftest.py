from __future__ import annotations

import pytest

from pluginmachinery.api.crd import custom_resource_definition
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster


@pytest.fixture(scope="session")
def cluster(control_plane: Cluster) -> Cluster:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = custom_resource_definition()
    path = f"{definitions}/{definition['metadata']['name']}"
    if control_plane.api.find(path) is None:
        control_plane.api.create(definitions, definition)

    def served() -> bool:
        conditions = (control_plane.api.get(path).get("status") or {}).get("conditions") or ()
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    wait_until(served, what="TaskExecutions to be served")
    return control_plane
