"""Stage *co-pilot*: data for containers that know nothing of Flyte.

Where a task's target says so (``dataConfig.enabled``), a *downloader* – an init container – puts the inputs into a
volume before the primary container starts, and an *uploader* – an init container that goes on running – takes the
outputs from another one when it has ended. Both get what they need on the command line, the object store included –
unless a secret holds its settings (Flyte 2), which is then mounted into these two and never into the user's container.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.pods import resources

if TYPE_CHECKING:
    from flyteidl.core.interface_pb2 import TypedInterface
    from flyteidl.core.tasks_pb2 import DataLoadingConfig

_DOWNLOADER = "downloader"
_UPLOADER = "uploader"
_LOG_LEVEL = 3
"""Flyte's default, which is information; its section ``logger`` is none of ours."""
_STORE_VOLUME = "flyte-copilot-storage-config"
_STORE_PATH = "/etc/flyte/copilot"
_READABLE_BY_ALL = 0o444
"""Containers may run as any user."""


def data_config(task: TaskContext) -> DataLoadingConfig | None:
    """The data settings of the task's target; None where co-pilot has nothing to do."""
    target = task.template.WhichOneof("target")
    if target not in ("container", "k8s_pod"):
        return None
    data: DataLoadingConfig = getattr(task.template, target).data_config
    return data if data.enabled else None


def with_mounts(container: Mapping[str, Any], data: DataLoadingConfig, task: TaskContext) -> dict[str, Any]:
    """The primary container with the volumes of inputs and outputs.

    It also gets a security context with capabilities, empty if need be – so it counts as having brought its own.
    """
    security = container.get("securityContext") or {}
    result = {
        **container,
        "securityContext": {**security, "capabilities": security.get("capabilities") or {}},
    }
    mounts = [mount for mount in (_input_mount(data, task), _output_mount(data, task)) if mount is not None]
    if mounts:
        result["volumeMounts"] = [*(container.get("volumeMounts") or ()), *mounts]
    return result


def with_copilot(spec: Mapping[str, Any], data: DataLoadingConfig, task: TaskContext) -> tuple[dict[str, Any], str]:
    """A pod spec with volumes, downloader and uploader as far as there are inputs and outputs; the downloader's name.

    The uploader comes first of all init containers, so that it watches before anything runs. Without inputs the name is
    empty. Raises PluginError ``BadTaskSpecification`` if the configured amounts can not be read.
    """
    config, interface = task.config.plugins.k8s.co_pilot, task.template.interface
    result = dict(spec)
    volumes = list(spec.get("volumes") or ())
    init_containers = list(spec.get("initContainers") or ())
    downloader_name = ""
    input_mount, output_mount = _input_mount(data, task), _output_mount(data, task)
    if config.storage_config_secret_name and (input_mount or output_mount):
        secret = {"secretName": config.storage_config_secret_name, "defaultMode": _READABLE_BY_ALL}
        volumes.append({"name": _STORE_VOLUME, "secret": secret})
    if input_mount is not None:
        volumes.append(_volume(config.input_vol_name, task))
        arguments = _download_arguments(input_mount["mountPath"], data, task)
        init_containers.append(_container(_DOWNLOADER, arguments, input_mount, task))
        downloader_name = init_containers[-1]["name"]
    if output_mount is not None:
        volumes.append(_volume(config.output_vol_name, task))
        arguments = _upload_arguments(output_mount["mountPath"], interface, task)
        uploader = {**_container(_UPLOADER, arguments, output_mount, task), "restartPolicy": "Always"}
        init_containers.insert(0, uploader)
        result["terminationGracePeriodSeconds"] = int(config.timeout.seconds)
    if volumes:
        result["volumes"] = volumes
    if init_containers:
        result["initContainers"] = init_containers
    return result, downloader_name


def _input_mount(data: DataLoadingConfig, task: TaskContext) -> dict[str, str] | None:
    config = task.config.plugins.k8s.co_pilot
    if not task.template.interface.inputs.variables:
        return None
    return {"name": config.input_vol_name, "mountPath": data.input_path or config.default_input_path}


def _output_mount(data: DataLoadingConfig, task: TaskContext) -> dict[str, str] | None:
    config = task.config.plugins.k8s.co_pilot
    if not task.template.interface.outputs.variables:
        return None
    return {"name": config.output_vol_name, "mountPath": data.output_path or config.default_output_path}


def _volume(name: str, task: TaskContext) -> dict[str, Any]:
    """As large as the execution's ``storage``, else without a limit."""
    overrides = resources.read(task.metadata.overrides.resources, "overrides.resources")
    limits, requests = overrides.get("limits") or {}, overrides.get("requests") or {}
    size = limits.get(resources.STORAGE, requests.get(resources.STORAGE))
    return {"name": name, "emptyDir": {} if size is None else {"sizeLimit": size}}


def _container(name: str, arguments: list[str], mount: dict[str, str], task: TaskContext) -> dict[str, Any]:
    config = task.config.plugins.k8s.co_pilot
    amounts = {
        resources.CPU: str(resources.parse_quantity(config.cpu, "plugins.k8s.co-pilot.cpu")),
        resources.MEMORY: str(resources.parse_quantity(config.memory, "plugins.k8s.co-pilot.memory")),
    }
    mounts: list[JSON] = [mount]
    if config.storage_config_secret_name:
        mounts.append({"name": _STORE_VOLUME, "mountPath": _STORE_PATH, "readOnly": True})
    return {
        "name": config.name + name,
        "image": config.image,
        "command": _command(task),
        "args": arguments,
        "workingDir": "/",
        "resources": {"limits": amounts, "requests": dict(amounts)},
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "imagePullPolicy": "IfNotPresent",
    }


def _command(task: TaskContext) -> list[str]:
    config = task.config.plugins.k8s.co_pilot
    storage: JSON = task.config.storage if config.storage_config_override is None else config.storage_config_override
    command = [
        "/bin/flyte-copilot",
        "--storage.limits.maxDownloadMBs=0",
        f"--logger.level={_LOG_LEVEL}",
    ]
    if storage.get("enable-multicontainer"):
        command.append("--storage.enable-multicontainer")
    if storage.get("container"):
        command.append(f"--storage.container={storage['container']}")
    command.append(f"--storage.type={storage.get('type', '')}")
    if config.storage_config_secret_name:
        command += ["--config", f"{_STORE_PATH}/*.yaml"]
        if config.storage_config_override is None:
            return command
    return command + _store_arguments(storage)


def _store_arguments(storage: JSON) -> list[str]:
    """Where the store is and how to get in, for all who can read pods to see."""
    stow = storage.get("stow") or {}
    if stow.get("kind") and stow.get("config"):
        settings = [f"{key}={value}" for key, value in sorted(stow["config"].items())]
        arguments = [argument for setting in settings for argument in ("--storage.stow.config", setting)]
        return [*arguments, f"--storage.stow.kind={stow['kind']}"]
    connection = storage.get("connection") or {}
    keys = ("secret-key", "access-key", "auth-type", "region", "endpoint")
    return [f"--storage.connection.{key}={connection.get(key, '')}" for key in keys]


def _download_arguments(path: str, data: DataLoadingConfig, task: TaskContext) -> list[str]:
    formats = data.DESCRIPTOR.fields_by_name["format"].enum_type.values_by_number
    return [
        "download",
        *("--from-remote", task.paths.input_path),
        *("--to-output-prefix", task.paths.output_prefix),
        *("--to-local-dir", path),
        *("--format", formats[data.format].name if data.format in formats else str(data.format)),
        *("--input-interface", _encoded(task.template.interface.inputs)),
    ]


def _upload_arguments(path: str, interface: TypedInterface, task: TaskContext) -> list[str]:
    return [
        "sidecar",
        *("--timeout", str(task.config.plugins.k8s.co_pilot.timeout)),
        *("--to-raw-output", task.paths.raw_output_prefix),
        *("--to-output-prefix", task.paths.output_prefix),
        *("--from-local-dir", path),
        *("--interface", _encoded(interface)),
    ]


def _encoded(message: Any) -> str:
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode("ascii")
