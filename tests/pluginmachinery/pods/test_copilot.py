"""Co-pilot: downloader, uploader, their volumes and their command lines."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flyteidl.core.interface_pb2 import TypedInterface, VariableMap

from pluginmachinery.api.contexts import task_context
from pluginmachinery.config import Configuration, Duration
from pluginmachinery.config.copilot import FlyteCoPilotConfig
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.build import configured, raw_pod
from tests.pluginmachinery.pods.pod_tasks import CONTAINER, execution

VARIABLES = {"variables": {"x": {"type": {"simple": "INTEGER"}}}}
INPUTS = {"inputs": VARIABLES}
OUTPUTS = {"outputs": VARIABLES}
STOW = {"type": "stow", "stow": {"kind": "s3", "config": {"secret_key": "s", "access_key_id": "a"}}}


def copilot_task(
    interface: dict[str, Any] | None = None,
    *,
    data: dict[str, Any] | None = None,
    storage: dict[str, Any] | None = None,
    security: dict[str, Any] | None = None,
    copilot: dict[str, Any] | None = None,
    **members: Any,
) -> TaskContext:
    template = {
        "type": "raw-container",
        "container": {**CONTAINER, "dataConfig": {"enabled": True, **(data or {})}},
        "interface": {**INPUTS, **OUTPUTS} if interface is None else interface,
    }
    k8s = K8sPluginConfig(co_pilot=FlyteCoPilotConfig(**(copilot or {})), default_security_context=security)
    config = Configuration(plugins=PluginsConfig(k8s=k8s), **({} if storage is None else {"storage": storage}))
    return task_context(template, execution(**members), config=config)


def spec_of(*arguments: Any, **settings: Any) -> dict[str, Any]:
    task = copilot_task(*arguments, **settings)
    return configured(raw_pod(task), task).spec


def test_inputs_and_outputs() -> None:
    spec = spec_of()
    uploader, downloader = spec["initContainers"]
    assert (uploader["name"], uploader["restartPolicy"]) == ("flyte-copilot-uploader", "Always")
    assert downloader["name"] == "flyte-copilot-downloader"
    assert "restartPolicy" not in downloader
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "flyte-inputs", "mountPath": "/var/flyte/inputs"},
        {"name": "flyte-outputs", "mountPath": "/var/flyte/outputs"},
    ]
    assert spec["volumes"] == [{"name": "flyte-inputs", "emptyDir": {}}, {"name": "flyte-outputs", "emptyDir": {}}]
    assert spec["terminationGracePeriodSeconds"] == 3600


@pytest.mark.parametrize(
    ("interface", "names", "volumes"),
    [
        pytest.param(INPUTS, ["flyte-copilot-downloader"], ["flyte-inputs"], id="inputs alone"),
        pytest.param(OUTPUTS, ["flyte-copilot-uploader"], ["flyte-outputs"], id="outputs alone"),
        pytest.param({}, [], [], id="neither"),
        pytest.param({"inputs": {"variables": {}}}, [], [], id="inputs without variables"),
    ],
)
def test_only_what_there_is(interface: dict[str, Any], names: list[str], volumes: list[str]) -> None:
    spec = spec_of(interface)
    assert [container["name"] for container in spec.get("initContainers", [])] == names
    assert [volume["name"] for volume in spec.get("volumes", [])] == volumes


@pytest.mark.parametrize("data", [{"enabled": False}, {}], ids=["switched off", "not mentioned"])
def test_switched_off(data: dict[str, Any]) -> None:
    spec = spec_of(data={"enabled": False, **data})
    assert "initContainers" not in spec
    assert "securityContext" not in spec["containers"][0]


def test_command_lines() -> None:
    spec = spec_of(
        data={"inputPath": "/in", "outputPath": "/out", "format": "YAML"}, copilot={"timeout": Duration.of(seconds=90)}
    )
    uploader, downloader = spec["initContainers"]
    interface, inputs = TypedInterface(), VariableMap()
    interface.ParseFromString(base64.b64decode(uploader["args"][-1]))
    inputs.ParseFromString(base64.b64decode(downloader["args"][-1]))
    assert uploader["args"][:-1] == [
        "sidecar",
        *("--timeout", "1m30s"),
        *("--to-raw-output", "s3://b/raw"),
        *("--to-output-prefix", "s3://b/out"),
        *("--from-local-dir", "/out"),
        "--interface",
    ]
    assert downloader["args"][:-1] == [
        "download",
        *("--from-remote", "s3://b/in/inputs.pb"),
        *("--to-output-prefix", "s3://b/out"),
        *("--to-local-dir", "/in"),
        *("--format", "YAML"),
        "--input-interface",
    ]
    assert interface.inputs == inputs
    assert "x" in interface.outputs.variables
    assert spec["terminationGracePeriodSeconds"] == 90


def store_arguments(**settings: Any) -> list[str]:
    """The command without its beginning, which is always the same."""
    command: list[str] = spec_of(INPUTS, **settings)["initContainers"][0]["command"]
    assert command[:3] == ["/bin/flyte-copilot", "--storage.limits.maxDownloadMBs=0", "--logger.level=3"]
    return command[3:]


def test_object_store_by_connection() -> None:
    assert store_arguments() == [
        "--storage.type=s3",
        "--storage.connection.secret-key=",
        "--storage.connection.access-key=",
        "--storage.connection.auth-type=iam",
        "--storage.connection.region=us-east-1",
        "--storage.connection.endpoint=",
    ]


def test_object_store_by_stow() -> None:
    storage = {**STOW, "container": "bucket", "enable-multicontainer": True}
    assert store_arguments(storage=storage) == [
        "--storage.enable-multicontainer",
        "--storage.container=bucket",
        "--storage.type=stow",
        *("--storage.stow.config", "access_key_id=a"),
        *("--storage.stow.config", "secret_key=s"),
        "--storage.stow.kind=s3",
    ]


def test_object_store_of_its_own() -> None:
    override = {"type": "stow", "stow": {"kind": "google", "config": {"json": ""}}}
    assert store_arguments(copilot={"storage_config_override": override}) == [
        "--storage.type=stow",
        *("--storage.stow.config", "json="),
        "--storage.stow.kind=google",
    ]


def test_object_store_from_a_secret_is_in_no_command_line() -> None:
    spec = spec_of(storage=STOW, copilot={"storage_config_secret_name": "store"})
    for container in spec["initContainers"]:
        assert container["command"][3:] == ["--storage.type=stow", "--config", "/etc/flyte/copilot/*.yaml"]
        assert {
            "name": "flyte-copilot-storage-config",
            "mountPath": "/etc/flyte/copilot",
            "readOnly": True,
        } in container["volumeMounts"]
    assert spec["volumes"][0] == {
        "name": "flyte-copilot-storage-config",
        "secret": {"secretName": "store", "defaultMode": 0o444},
    }
    mounted = [mount["name"] for mount in spec["containers"][0]["volumeMounts"]]
    assert "flyte-copilot-storage-config" not in mounted


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param({"limits": {"storage": "2Gi"}, "requests": {"storage": "1Gi"}}, "2Gi", id="the limit first"),
        pytest.param({"requests": {"storage": "1024Mi"}}, "1Gi", id="else the request"),
    ],
)
def test_size_of_the_volumes(resources: dict[str, Any], expected: str) -> None:
    spec = spec_of(overrides={"resources": resources})
    assert [volume["emptyDir"] for volume in spec["volumes"]] == [{"sizeLimit": expected}] * 2


def test_copilot_settings() -> None:
    copilot = {
        "name": "cp-",
        "image": "cp:1",
        "cpu": "1",
        "memory": "64Mi",
        "default_input_path": "/di",
        "input_vol_name": "vol",
    }
    (downloader,) = spec_of(INPUTS, copilot=copilot)["initContainers"]
    amounts = {"cpu": "1", "memory": "64Mi"}
    assert (downloader["name"], downloader["image"]) == ("cp-downloader", "cp:1")
    assert downloader["resources"] == {"limits": amounts, "requests": amounts}
    assert downloader["volumeMounts"] == [{"name": "vol", "mountPath": "/di"}]


def test_the_primary_container_counts_as_having_a_security_context() -> None:
    spec = spec_of(security={"runAsUser": 5})
    assert spec["containers"][0]["securityContext"] == {"capabilities": {}}


def test_bad_amounts_in_the_configuration_are_named() -> None:
    with pytest.raises(PluginError) as caught:
        spec_of(copilot={"memory": "lots"})
    assert caught.value.field == "plugins.k8s.co-pilot.memory"
