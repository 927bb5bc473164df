"""Where pods hide in an object.

Most operators embed a whole PodSpec (``template.spec``, Dask's ``job.spec``); it is known by its ``containers``. Spark
has a driver and an executor whose fields are spread differently and whose volumes are the application's. The walk is
by shape, not by kind, so that an operator of a third-party plugin is covered too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FREE_FORM = frozenset({"annotations", "labels", "env", "args", "command", "data", "stringData", "status"})
"""Maps and lists of the user's own words; nothing in them configures a pod."""


@dataclass(frozen=True, slots=True)
class Container:
    path: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that will run: its spec (or what stands for one), its metadata and its containers, each with its path."""

    path: str
    spec: Mapping[str, Any]
    metadata: Mapping[str, Any]
    metadata_path: str
    containers: tuple[Container, ...]
    security_context: Mapping[str, Any]
    """The pod's security context, whatever the operator calls it."""
    security_context_path: str


def pods_in(manifest: Mapping[str, Any]) -> Iterator[Pod]:
    """All pods of an object, in the order of the object."""
    yield from _walk(manifest, "", manifest.get("metadata") or {}, "metadata")
    if manifest.get("kind") == "SparkApplication":
        yield from _spark_pods(manifest.get("spec") or {})


def metadata_in(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All embedded object metadata (of templates), each with its path; the object's own is not among them."""

    def walk(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for key, child, child_path in _children(value, path):
            if key == "metadata" and isinstance(child, Mapping) and path:
                yield child_path, child
            yield from walk(child, child_path)

    yield from walk(manifest, "")


def _walk(value: Any, path: str, metadata: Mapping[str, Any], metadata_path: str) -> Iterator[Pod]:
    if isinstance(value, Mapping):
        if isinstance(value.get("containers"), Sequence) and not isinstance(value.get("containers"), str):
            yield _pod(value, path, metadata, metadata_path)
        own = value.get("metadata")
        if isinstance(own, Mapping):
            metadata, metadata_path = own, _join(path, "metadata")
    for _, child, child_path in _children(value, path):
        yield from _walk(child, child_path, metadata, metadata_path)


def _pod(spec: Mapping[str, Any], path: str, metadata: Mapping[str, Any], metadata_path: str) -> Pod:
    containers = tuple(
        Container(f"{path}.{group}[{index}]", container)
        for group in ("initContainers", "containers", "ephemeralContainers")
        for index, container in enumerate(spec.get(group) or ())
        if isinstance(container, Mapping)
    )
    context = _mapping(spec.get("securityContext"))
    return Pod(path, spec, metadata, metadata_path, containers, context, f"{path}.securityContext")


def _spark_pods(spec: Mapping[str, Any]) -> Iterator[Pod]:
    """Driver and executor: the role is pod and container at once, beside its sidecars."""
    for role_name in ("driver", "executor"):
        role = _mapping(spec.get(role_name))
        path = f"spec.{role_name}"
        containers = [Container(path, role)]
        for group in ("initContainers", "sidecars"):
            containers += [
                Container(f"{path}.{group}[{index}]", container)
                for index, container in enumerate(role.get(group) or ())
                if isinstance(container, Mapping)
            ]
        pod_context = _mapping(role.get("podSecurityContext"))
        yield Pod(path, role, role, path, tuple(containers), pod_context or {}, f"{path}.podSecurityContext")


def _children(value: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key not in FREE_FORM and isinstance(child, Mapping | list | tuple):
                yield key, child, _join(path, key)
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            if isinstance(child, Mapping | list | tuple):
                yield "", child, f"{path}[{index}]"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
