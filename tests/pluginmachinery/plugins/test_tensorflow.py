"""TensorFlow tasks → TFJobs, and the links to their logs. What all training jobs share is in test_pytorch.py."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.config.logs import LogConfig, TemplateLogPlugin
from pluginmachinery.config.root import Configuration, PluginsConfig
from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.plugins.kubeflow.replica_logs import LINKED_PODS
from pluginmachinery.plugins.tensorflow import TensorflowPlugin
from tests.pluginmachinery.plugins.training_tasks import CONTAINER, condition, job, seen, started, training_task

PLUGIN = TensorflowPlugin()


def build(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    return PLUGIN.build_resource(training_task("tensorflow", custom, version=version, **task))


def groups(custom: Any, version: int = 0, **task: Any) -> dict[str, Any]:
    specs: dict[str, Any] = build(custom, version, **task)["spec"]["tfReplicaSpecs"]
    return specs


@pytest.mark.parametrize(
    ("version", "custom", "replicas"),
    [
        pytest.param(0, {"workers": 3}, {"Worker": 3}, id="v0: workers alone"),
        pytest.param(
            0,
            {"workers": 1, "psReplicas": 2, "chiefReplicas": 3, "evaluatorReplicas": 4},
            {"Worker": 1, "PS": 2, "Chief": 3, "Evaluator": 4},
            id="v0: everybody",
        ),
        pytest.param(0, {"workers": 1, "psReplicas": -1}, {"Worker": 1}, id="v0: fewer than none are none"),
        pytest.param(
            1,
            {
                "workerReplicas": {"replicas": 1},
                "psReplicas": {"common": {"replicas": 2}},
                "chiefReplicas": {"replicas": 3},
                "evaluatorReplicas": {"replicas": 9, "common": {}},
            },
            {"Worker": 1, "PS": 2, "Chief": 3},
            id="v1: common counts, and an empty common means none",
        ),
    ],
)
def test_replica_groups(version: int, custom: Any, replicas: dict[str, int]) -> None:
    assert {name: spec["replicas"] for name, spec in groups(custom, version).items()} == replicas


@pytest.mark.parametrize("version", [0, 1])
def test_the_job(version: int) -> None:
    custom = {"workers": 1} if version == 0 else {"workerReplicas": {"replicas": 1}}
    built = build(custom, version)
    assert (built["apiVersion"], built["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert built["spec"]["runPolicy"] == {}
    worker = built["spec"]["tfReplicaSpecs"]["Worker"]
    assert worker["restartPolicy"] == "Never"
    container = worker["template"]["spec"]["containers"][0]
    assert (container["name"], container["image"]) == ("tensorflow", CONTAINER["image"])


def test_each_group_has_its_own_settings() -> None:
    specs = groups(
        {
            "workerReplicas": {"replicas": 1, "image": "worker:1"},
            "psReplicas": {
                "common": {
                    "replicas": 1,
                    "image": "ps:1",
                    "restartPolicy": "RESTART_POLICY_ALWAYS",
                    "resources": {"requests": [{"name": "GPU", "value": "2"}]},
                }
            },
            "runPolicy": {"backoffLimit": 3},
        },
        1,
    )
    containers = {name: spec["template"]["spec"]["containers"][0] for name, spec in specs.items()}
    assert (containers["Worker"]["image"], containers["PS"]["image"]) == ("worker:1", "ps:1")
    assert (specs["Worker"]["restartPolicy"], specs["PS"]["restartPolicy"]) == ("Never", "Always")
    assert containers["PS"]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert "nvidia.com/gpu" not in containers["Worker"]["resources"]["limits"]


@pytest.mark.parametrize(
    ("version", "custom", "field"),
    [
        pytest.param(0, {}, "custom", id="v0: nobody"),
        pytest.param(0, {"workers": 0, "psReplicas": 1}, "custom", id="v0: no workers"),
        pytest.param(1, {"chiefReplicas": {"replicas": 1}}, "custom", id="v1: no workers"),
        pytest.param(1, {"workerReplicas": {"replicas": 1, "common": {}}}, "custom", id="v1: an empty common"),
        pytest.param(0, None, "custom", id="no custom"),
        pytest.param(3, {"workers": 1}, "taskTypeVersion", id="a version nobody knows"),
        pytest.param(
            1,
            {"workerReplicas": {"replicas": 1, "resources": {"requests": [{"name": "MEMORY", "value": "x"}]}}},
            "custom.workerReplicas.resources.requests[0]",
            id="a bad amount",
        ),
    ],
)
def test_what_can_not_be_built_is_named(version: int, custom: Any, field: str) -> None:
    with pytest.raises(PluginError) as caught:
        build(custom, version)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, field)


def test_a_group_without_replicas_is_not_looked_at_further() -> None:
    unused = {"replicas": 0, "resources": {"requests": [{"name": "MEMORY", "value": "x"}]}}
    assert list(groups({"workerReplicas": {"replicas": 1}, "psReplicas": unused}, 1)) == ["Worker"]


# --- Log links -------------------------------------------------------------------------------------------------------


def log_links(replicas: dict[str, int], config: Configuration | None = None) -> list[Any]:
    context = seen(training_task("tensorflow", {}, config=config))
    resource = job("tfReplicaSpecs", replicas, status=started(condition("Running")))
    return list(PLUGIN.get_task_phase(context, resource).info.logs)


def test_every_pod_has_a_link_chief_and_evaluator_one_each() -> None:
    links = log_links({"Chief": 2, "Worker": 2, "PS": 1, "Evaluator": 3})
    assert [link["uri"].split("/")[-2] for link in links] == [
        "job-worker-0",
        "job-worker-1",
        "job-psReplica-0",
        "job-chiefReplica-0",
        "job-evaluatorReplica-0",
    ]


def test_only_workers_links_know_container_and_times() -> None:
    template = TemplateLogPlugin(template_uris=("{{.containerName}} {{.podUnixStartTime}} {{.podRFC3339FinishTime}}",))
    config = Configuration(plugins=PluginsConfig(logs=LogConfig(templates=(template,))))
    worker, server = log_links({"Worker": 1, "PS": 1}, config)
    assert worker["uri"] == "tensorflow 1893553445 2030-01-02T04:04:05Z"
    assert server["uri"] == "{{.containerName}} 0 {{.podRFC3339FinishTime}}"


def test_each_group_has_a_bounded_number_of_links() -> None:
    assert len(log_links({"Worker": 2**31 - 1, "PS": 2**31 - 1, "Chief": 2**31 - 1})) == 2 * LINKED_PODS + 1
