"""Where pods hide in an object.

Most operators embed a whole PodSpec (``template.spec``, Dask's ``job.spec``); it is known by its ``containers``. Spark
has a driver and an executor whose fields are spread differently and whose volumes are the application's. The walk is
by shape, not by kind, so that an operator of a third-party plugin is covered too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pluginmachinery.core.values import value_class

FREE_FORM = frozenset({"annotations", "labels", "env", "args", "command", "data", "stringData", "status"})
"""Maps and lists of the user's own words; nothing in them configures a pod."""
_SCALARS = frozenset({str, int, float, bool, type(None)})


@value_class
class Container:
    path: str
    spec: Mapping[str, Any]


@value_class
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
    container_contexts: tuple[tuple[str, Mapping[str, Any]], ...]
    """The security context of every container, with its path; an empty one where it has none."""


@value_class
class Places:
    """What an object hides, in the order of the object.

    ``metadata`` is all embedded object metadata (of templates), each with its path; the object's own is not among them.
    """

    pods: list[Pod]
    metadata: list[tuple[str, Mapping[str, Any]]]


def places_in(manifest: Mapping[str, Any]) -> Places:
    """All pods and all embedded metadata of an object."""
    found = Places([], [])
    _look_through(manifest, "", manifest.get("metadata") or {}, "metadata", found)
    if manifest.get("kind") == "SparkApplication":
        found.pods.extend(_spark_pods(manifest.get("spec") or {}))
    return found


def _look_through(
    value: Mapping[str, Any], path: str, metadata: Mapping[str, Any], metadata_path: str, found: Places
) -> None:
    """One walk that appends to ``found``; every object goes through here before it is created, so it has to be fast."""
    containers = value.get("containers")
    if containers is not None and isinstance(containers, Sequence) and not isinstance(containers, str):
        found.pods.append(_pod(value, path, metadata, metadata_path))
    own = value.get("metadata")
    if own is not None and is_mapping(own):
        metadata, metadata_path = own, f"{path}.metadata" if path else "metadata"
    for key, child in value.items():
        if type(child) in _SCALARS or key in FREE_FORM:
            continue
        child_path = f"{path}.{key}" if path else key
        if is_mapping(child):
            if key == "metadata" and path:
                found.metadata.append((child_path, child))
            _look_through(child, child_path, metadata, metadata_path, found)
        elif isinstance(child, list | tuple):
            _look_through_list(child, child_path, metadata, metadata_path, found)


def _look_through_list(
    items: Sequence[Any], path: str, metadata: Mapping[str, Any], metadata_path: str, found: Places
) -> None:
    for index, item in enumerate(items):
        if is_mapping(item):
            _look_through(item, f"{path}[{index}]", metadata, metadata_path, found)
        elif isinstance(item, list | tuple):
            _look_through_list(item, f"{path}[{index}]", metadata, metadata_path, found)


def _pod(spec: Mapping[str, Any], path: str, metadata: Mapping[str, Any], metadata_path: str) -> Pod:
    containers = tuple(
        Container(f"{path}.{group}[{index}]", container)
        for group in ("initContainers", "containers", "ephemeralContainers")
        for index, container in enumerate(spec.get(group) or ())
        if is_mapping(container)
    )
    context = _mapping(spec.get("securityContext"))
    return Pod(
        path, spec, metadata, metadata_path, containers, context, f"{path}.securityContext", _contexts(containers)
    )


def _contexts(containers: Iterable[Container]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return tuple(
        (f"{container.path}.securityContext", _mapping(container.spec.get("securityContext")))
        for container in containers
    )


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
                if is_mapping(container)
            ]
        pod_context = _mapping(role.get("podSecurityContext"))
        context_path = f"{path}.podSecurityContext"
        yield Pod(path, role, role, path, tuple(containers), pod_context, context_path, _contexts(containers))


def is_mapping(value: Any) -> bool:
    """Is it a Mapping? The general question is asked only where the answer is not plain: it is slow."""
    kind = type(value)
    return kind is dict or (kind not in _SCALARS and isinstance(value, Mapping))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if is_mapping(value) else {}
