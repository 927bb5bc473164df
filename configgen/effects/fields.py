"""An object taken apart: which field of which pod has which value.

Objects of different operators say the same things at different places. So that a toleration that all pods gain is one
change and not twenty, a field is known by the *role* of its pod (``executor``, ``worker``; empty for a task that is a
single pod) and by its path inside the pod, wherever the pod hides in the object. Fields of the main container lose the
container's name, which is another one in each task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pluginmachinery.policy.places import Pod, places_in

Path = tuple[str, ...]
_GROUPS: Final = ("initContainers", "containers", "ephemeralContainers", "sidecars")
_WHOLE: Final = frozenset({"tolerations", "matchExpressions", "matchFields", "envFrom", "topologySpreadConstraints"})
"""Lists whose elements have no name: an element is there, or it is not."""
_IDENTITY: Final = {"volumeMounts": "mountPath", "ports": "containerPort"}
_FRAMES: Final = re.compile(r"\[\d+\]|(Group|Replica)?Specs?$|PodTemplate$")
_SPARK: Final = {"securityContext": "container securityContext", "podSecurityContext": "securityContext"}


@dataclass(frozen=True, order=True, slots=True)
class Field:
    """``role`` of the pod, empty for the only one; ``path`` inside of it. Fields of the object around the pods have no
    role either."""

    role: str
    path: Path


def fields(manifest: Mapping[str, Any]) -> dict[Field, Any]:
    """Every field of an object. Empty mappings and lists hold nothing and are left out."""
    found: dict[Field, Any] = {}
    pods = {pod.path: pod for pod in places_in(manifest).pods}
    metadata = {pod.metadata_path: pod.path for pod in pods.values()}
    places = _Places(pods, metadata)
    for key, value in manifest.items():
        _walk(value, str(key), () if key in ("metadata", "spec") else (str(key),), places, found)
    return found


def roles(manifest: Mapping[str, Any]) -> set[str]:
    """The roles of the pods of an object."""
    return {_role(path) for path in (pod.path for pod in places_in(manifest).pods)}


@dataclass(frozen=True, slots=True)
class _Places:
    pods: Mapping[str, Pod]
    metadata: Mapping[str, str]


def _walk(value: Any, at: str, path: Path, places: _Places, found: dict[Field, Any]) -> None:
    """``at`` is where the value stands in the object, ``path`` what it is called."""
    if at in places.pods:
        pod = places.pods[at]
        for name, member in _members(pod):
            _leaves(member, _role(at), name, found)
    elif at in places.metadata and (places.metadata[at] == "spec" or at != "metadata"):
        _leaves(value, _role(places.metadata[at]), (), found)
    elif isinstance(value, Mapping):
        for key, child in value.items():
            _walk(child, f"{at}.{key}", (*path, str(key)), places, found)
    elif any(place.startswith(f"{at}[") for place in places.pods):
        for index, child in enumerate(value):
            _walk(child, f"{at}[{index}]", (*path, str(index)), places, found)
    else:
        _leaves(value, "", path, found)


def _members(pod: Pod) -> Iterator[tuple[Path, Any]]:
    """The members of a pod, containers apart; where the pod is the container at once (Spark), by a container's
    names."""
    is_container = "containers" not in pod.spec
    main = _main(pod)
    for key, value in pod.spec.items():
        if is_container and key in ("labels", "annotations", "env", "resources"):
            yield (key,), value
        elif key in _GROUPS and isinstance(value, Sequence):
            for container in value:
                yield from _container(container, key, main)
        else:
            yield (_SPARK.get(key, key) if is_container else key,), value


def _container(container: Mapping[str, Any], group: str, main: str) -> Iterator[tuple[Path, Any]]:
    name = str(container.get("name", ""))
    if group != "containers" or name != main:
        yield (group, name), {key: value for key, value in container.items() if key != "name"}
        return
    for key, value in container.items():
        if key != "name":
            yield ("container securityContext" if key == "securityContext" else key,), value


def _main(pod: Pod) -> str:
    containers = [str(container.get("name", "")) for container in pod.spec.get("containers") or ()]
    named = (pod.metadata.get("annotations") or {}).get("primary_container_name")
    return named if named in containers else next(iter(containers), "")


def _role(path: str) -> str:
    """``spec.pytorchReplicaSpecs.Worker.template.spec`` → worker."""
    steps = [step for step in path.split(".") if step not in ("spec", "template", "cluster")]
    return _FRAMES.sub("", _FRAMES.sub("", steps[-1])).lower() if steps else ""


def _leaves(value: Any, role: str, path: Path, found: dict[Field, Any]) -> None:
    if isinstance(value, Mapping):
        for key, member in value.items():
            _leaves(member, role, (*path, str(key)), found)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(element, Mapping) for element in value):
            _elements(value, role, path, found)
        else:
            found[Field(role, path)] = list(value)
    elif (value is not None and not isinstance(value, Sequence | Mapping)) or isinstance(value, str):
        found[Field(role, path)] = value


def _elements(elements: Sequence[Mapping[str, Any]], role: str, path: Path, found: dict[Field, Any]) -> None:
    list_name = path[-1] if path else ""
    if list_name not in _WHOLE:
        names = [element.get(_IDENTITY.get(list_name, "name")) for element in elements]
        if None not in names and len(set(names)) == len(names):
            for name, element in zip(names, elements, strict=True):
                found.update(_element(element, role, (*path, str(name))))
            return
        if list_name == "nodeSelectorTerms" or len({_text(one) for one in elements}) < len(elements):
            for index, element in enumerate(elements):
                _leaves(element, role, path if len(elements) == 1 else (*path, str(index)), found)
            return
    for element in elements:
        found[Field(role, (*path, _text(element)))] = element


def _element(element: Mapping[str, Any], role: str, path: Path) -> Iterator[tuple[Field, Any]]:
    """A named element: a variable is its value, anything else is taken apart no further than people think of it."""
    rest = {key: value for key, value in element.items() if key != "name"}
    if path[-2:-1] == ("env",):
        yield Field(role, path), rest["value"] if set(rest) == {"value"} else (rest or "")
    elif path[-2:-1] in (("volumes",), ("volumeMounts",), ("ports",)):
        yield Field(role, path), dict(element)
    else:
        inner: dict[Field, Any] = {}
        _leaves(rest, role, path, inner)
        yield from (inner or {Field(role, path): dict(element)}).items()


def _text(element: Mapping[str, Any]) -> str:
    return json.dumps(element, sort_keys=True, default=str)
