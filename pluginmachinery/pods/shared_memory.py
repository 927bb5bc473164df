"""Stage *shared memory*: a volume in memory for the primary container, such as ``/dev/shm`` for data loaders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON
from pluginmachinery.pods.resources import parse_quantity

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import SharedMemory

_FIELD = "extendedResources.sharedMemory"


def with_shared_memory(spec: Mapping[str, Any], memory: SharedMemory, primary_container_name: str) -> dict[str, Any]:
    """A pod spec with the volume and its mount; a size limit that is not given is zero, which is none.

    Raises PluginError ``BadTaskSpecification``: name or path missing or taken, bad size, no primary container.
    """
    if not memory.mount_name:
        raise bad_task("shared memory needs a name", field=f"{_FIELD}.mountName")
    if not memory.mount_path:
        raise bad_task("shared memory needs a path", field=f"{_FIELD}.mountPath")
    containers = list(spec.get("containers") or ())
    indexes = [index for index, each in enumerate(containers) if each.get("name") == primary_container_name]
    if not indexes:
        raise bad_task(f"there is no container {primary_container_name!r} to mount shared memory in", field=_FIELD)
    volumes = list(spec.get("volumes") or ())
    primary = containers[indexes[-1]]
    _check_is_free(memory, volumes, primary.get("volumeMounts") or ())
    size = parse_quantity(memory.size_limit, f"{_FIELD}.sizeLimit") if memory.size_limit else "0"
    volumes.append({"name": memory.mount_name, "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}})
    mount = {"name": memory.mount_name, "mountPath": memory.mount_path}
    containers[indexes[-1]] = {**primary, "volumeMounts": [*(primary.get("volumeMounts") or ()), mount]}
    return {**spec, "containers": containers, "volumes": volumes}


def _check_is_free(memory: SharedMemory, volumes: Sequence[JSON], mounts: Sequence[JSON]) -> None:
    if any(volume.get("name") == memory.mount_name for volume in volumes):
        raise bad_task(f"the pod already has a volume {memory.mount_name!r}", field=f"{_FIELD}.mountName")
    for mount in mounts:
        if mount.get("name") == memory.mount_name:
            raise bad_task(f"the container already mounts {memory.mount_name!r}", field=f"{_FIELD}.mountName")
        if mount.get("mountPath") == memory.mount_path:
            raise bad_task(
                f"the container already mounts something at {memory.mount_path}", field=f"{_FIELD}.mountPath"
            )
