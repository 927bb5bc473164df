"""Stage *templates*: the pod template of the cluster under the task's pod.

Platform teams keep PodTemplate objects in the cluster. A task names one in its metadata, otherwise the configured
default is taken; it is looked up in the execution's namespace, then in the default one. The template is the base, the
task's pod is laid over it (:mod:`.merging`), and four names of containers in a template are special:

- ``default`` and ``default-init`` are the base of all containers, of all init containers;
- ``primary`` is the base of the primary container, ``primary-init`` of the co-pilot downloader, after the default.

Other containers of the template are the base of the task's container of the same name – except the primary one.
Containers that the task does not have are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pluginmachinery.config.kubernetes_schema import SchemaError, coerce
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.pods.merging import copied, merged
from pluginmachinery.pods.raw import PodBuild

_MOST_DECODED = 1024


@dataclass(frozen=True, slots=True)
class SpecialNames:
    """The names of a template's special containers."""

    default: str
    primary: str


CONTAINERS = SpecialNames("default", "primary")
INIT_CONTAINERS = SpecialNames("default-init", "primary-init")


@dataclass(frozen=True, slots=True)
class BaseTemplate:
    """What a PodTemplate object gives to a pod: PodSpec and ObjectMeta, to be read only."""

    spec: JSON
    metadata: JSON

    def resources_of(self, name: str, special: SpecialNames = CONTAINERS) -> JSON:
        """The resources that the template gives a container of this name.

        Of its namesake, else of the primary, else of the default one – whether or not the container is the primary.
        """
        containers = self.spec.get("containers" if special is CONTAINERS else "initContainers") or ()
        for wanted in (name, special.primary, special.default):
            for container in containers:
                if container.get("name") == wanted:
                    resources: JSON = container.get("resources") or {}
                    return resources
        return {}


def base_template(task: TaskContext) -> BaseTemplate | None:
    """The pod template of this task; None if there is none.

    Raises PluginError ``BadTaskSpecification`` if the task names one that is not there; a missing default is no error.
    """
    named = task.template.metadata.pod_template_name
    name = named or task.config.plugins.k8s.default_pod_template_name
    template = task.pod_templates.find(task.metadata.namespace, name) if name else None
    if template is not None:
        return _decoded(template)
    if named:
        raise bad_task(
            f"there is no PodTemplate {named!r} in {task.metadata.namespace!r}", field="metadata.podTemplateName"
        )
    return None


def laid_over_template(pod: PodBuild, template: BaseTemplate, downloader_name: str = "") -> PodBuild:
    """The pod with the template as its base; ``downloader_name`` is the init container that ``primary-init`` is for.

    The reference's ``MergeWithBasePodTemplate``.
    """
    spec = spec_over_template(template.spec, pod.spec, pod.primary_container_name, downloader_name)
    metadata = {key: value for key, value in template.metadata.items() if key != "creationTimestamp"}
    return PodBuild(spec, merged("ObjectMeta", metadata, pod.metadata), pod.primary_container_name)


def spec_over_template(
    template: JSON, spec: JSON, primary_container_name: str, primary_init_container_name: str = ""
) -> dict[str, Any]:
    """A PodSpec laid over a template's PodSpec. The reference's ``MergeBasePodSpecOntoTemplate``."""
    result = merged("PodSpec", _without_containers(template), _without_containers(spec))
    for key, primary, special in (
        ("containers", primary_container_name, CONTAINERS),
        ("initContainers", primary_init_container_name, INIT_CONTAINERS),
    ):
        bases = template.get(key) or ()
        containers = [_over_bases(container, bases, primary, special) for container in spec.get(key) or ()]
        if containers:
            result[key] = containers
    return result


def overlay_spec(base: JSON, overlay: JSON) -> dict[str, Any]:
    """A PodSpec with a custom one laid over it, container by container of the same name.

    For custom pods of drivers, executors and replicas; containers of the overlay without a counterpart are left out.
    The reference's ``MergeOverlayPodSpecOntoBase``.
    """
    result = merged("PodSpec", _without_containers(base), _without_containers(overlay))
    for key in ("containers", "initContainers"):
        overlays = overlay.get(key) or ()
        containers = [_overlaid(container, overlays) for container in base.get(key) or ()]
        if containers:
            result[key] = containers
    return result


def _without_containers(spec: JSON) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in ("containers", "initContainers")}


def _over_bases(container: JSON, bases: Sequence[JSON], primary: str, special: SpecialNames) -> dict[str, Any]:
    name = container.get("name", "")
    chain = _last(bases, special.default)
    if name == primary:
        chain += _last(bases, special.primary)
    elif name != special.default:
        chain += [base for base in bases if base.get("name") == name]
    return _chained([*chain, container])


def _last(bases: Sequence[JSON], name: str) -> list[JSON]:
    return [base for base in bases if base.get("name") == name][-1:]


def _overlaid(container: JSON, overlays: Sequence[JSON]) -> dict[str, Any]:
    name = container.get("name", "")
    return _chained([container, *(overlay for overlay in overlays if overlay.get("name", "") == name)])


def _chained(containers: Iterable[JSON]) -> dict[str, Any]:
    first, *rest = containers
    result: dict[str, Any] = copied(first)
    for container in rest:
        result = merged("Container", result, container)
    return result


# A template serves many pods, so it is decoded once. Keeping the object itself keeps its id from being given again.
_known: dict[int, tuple[Mapping[str, Any], BaseTemplate]] = {}


def _decoded(template: JSON) -> BaseTemplate:
    known = _known.get(id(template))
    if known is not None and known[0] is template:
        return known[1]
    try:
        content = coerce("PodTemplate", template).get("template") or {}
    except SchemaError as error:
        name = (template.get("metadata") or {}).get("name")
        raise bad_task(f"the PodTemplate {name!r} is malformed: {error.message}", field=error.path) from error
    if len(_known) >= _MOST_DECODED:
        _known.clear()
    base = BaseTemplate(content.get("spec") or {}, content.get("metadata") or {})
    _known[id(template)] = (template, base)
    return base
