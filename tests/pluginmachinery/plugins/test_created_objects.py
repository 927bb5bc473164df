"""What the plugin manager creates of recorded tasks is what the operators' CRDs take: env is unique, secrets fit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pluginmachinery.api.contexts import parse_template
from pluginmachinery.config.plugin_manager import PluginManagerConfig, PolicyConfig
from pluginmachinery.conformance.cases import kubernetes_plugin_of, task_of
from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.golden.recordings import recordings
from tests.pluginmachinery.plugins import operator_crds

CRDS = {
    "pytorch": operator_crds.PYTORCH,
    "tensorflow": operator_crds.TENSORFLOW,
    "mpi": operator_crds.MPI,
    "spark": operator_crds.SPARK,
    "ray": operator_crds.RAY,
    "dask": operator_crds.DASK,
}
SECRETS = {
    "securityContext": {
        "secrets": [
            {"group": "db", "key": "password", "mountRequirement": "ENV_VAR"},
            {"group": "db", "key": "Certificate", "mountRequirement": "FILE", "envVar": "CERTIFICATE"},
        ]
    }
}
KNOWN = (
    "$.spec: 'mainApplicationFile' is a required property",  # a task without one; Flyte sends it too, and is refused
    "$.spec.cluster: Additional properties are not allowed ('metadata' was unexpected)",  # DaskJob: dropped, as Flyte's
)
OPEN = PluginManagerConfig(policy=PolicyConfig(deny="privileged", warn="privileged"))


def created(plugin_id: str, case: Any) -> dict[str, Any] | None:
    """The object on the cluster; None for tasks that can not be built."""
    task: TaskContext = task_of(case)
    wanted = {**case["task"], **SECRETS}
    task = dataclasses.replace(
        task,
        template=parse_template(wanted),
        config=task.config.model_copy(update={"plugin_manager": OPEN}),
        metadata=dataclasses.replace(task.metadata, namespace=task.metadata.namespace or "ns"),
    )
    api = Cluster()
    Executor(api, now=task.now).run(PluginManager(kubernetes_plugin_of(case)).handle, task, None)
    return next(iter(api.objects.values()), None)


@pytest.mark.parametrize("plugin_id", CRDS)
def test_the_crd_takes_what_is_created_of_the_golden_tasks_with_secrets(plugin_id: str) -> None:
    recorded = [one for one in recordings()["build", plugin_id] if "object" in one.expected]
    found = {}
    for one in recorded:
        manifest = created(plugin_id, one.case)
        assert manifest is not None, one.case["id"]
        if problems := set(operator_crds.problems(manifest, CRDS[plugin_id])) - set(KNOWN):
            found[one.case["id"]] = problems
    assert found == {}
    assert len(recorded) > 20
