"""Checks of what a plugin builds."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from pluginmachinery.conformance.checks.subjects import Complaint, Subject, as_bytes, spoilt
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods import names

if TYPE_CHECKING:
    from flyteidl.core.tasks_pb2 import TaskTemplate

LONGEST_NAME = "n" + "0123456789" * 25 + "-0"
"""Longer than Kubernetes allows, as a generated name may be."""
UNKNOWN_FIELD = "fieldThatComesWithALaterVersion"

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def builds(subject: Subject) -> Iterator[Complaint]:
    """The example can be built, into a manifest that JSON can express."""
    if subject.kubernetes is None:
        return
    try:
        built = subject.kubernetes.build_resource(subject.task)
    except PluginError as error:
        yield Complaint(f"the example's task can not be built: {error}", "mend the example, or the plugin")
        return
    try:
        as_bytes(built)
    except TypeError as error:
        yield Complaint(f"the object is not plain JSON: {error}", "use dicts with text keys, lists, texts, numbers")


def launches(subject: Subject) -> Iterator[Complaint]:
    """The plugin manager gets it going: nothing fails, nothing is asked for without end."""
    if subject.kubernetes is not None and subject.build() is None:
        return
    transition = subject.life().launch()
    failure = transition.error or transition.phase.error
    if failure is not None:
        yield Complaint(f"launching ends with {failure.code}: {failure.message}", "mend the example, or the plugin")


def same_every_time(subject: Subject) -> Iterator[Complaint]:
    """The same context gives the same bytes."""
    first = subject.build()
    if first is None:
        return
    before = as_bytes(first)
    if as_bytes(subject.build(copy.deepcopy(subject.task))) != before or as_bytes(subject.build()) != before:
        yield Complaint(
            "two builds of the same task differ",
            "use task.now and task.random_seed in place of clocks and random numbers, and sort what comes from sets",
        )


def nothing_changed(subject: Subject) -> Iterator[Complaint]:
    """Building changes neither the task nor the configuration."""
    before = copy.deepcopy(subject.task)
    subject.build()
    changed = [
        field.name
        for field in dataclasses.fields(before)
        if getattr(before, field.name) != getattr(subject.task, field.name)
    ]
    if changed:
        yield Complaint(
            f"build_resource changes task.{', task.'.join(changed)}", "copy what is to be changed: tasks share it"
        )


def names_fit(subject: Subject) -> Iterator[Complaint]:
    """A generated name of any length makes names and labels that Kubernetes takes, within the plugin's own limit."""
    plugin = subject.kubernetes
    if plugin is None:
        return
    metadata = dataclasses.replace(subject.task.metadata, generated_name=LONGEST_NAME)
    life = subject.life(dataclasses.replace(subject.task, metadata=metadata))
    life.launch()
    limit = plugin.properties.generated_name_max_length or names.MAX_SUBDOMAIN_LENGTH
    for ref, manifest in life.cluster.objects.items():
        if len(ref.name) > limit:
            yield Complaint(f"the object's name has {len(ref.name)} characters, the limit is {limit}", _LONG_MEND)
        for path, value in _labels(manifest, ""):
            if not _LABEL_VALUE.fullmatch(value):
                yield Complaint(f"{path} is no label's value: {value!r}", _LONG_MEND)
        for path, name in _container_names(manifest, ""):
            if not names.is_label(name):
                yield Complaint(f"{path} is no container's name: {name!r}", _LONG_MEND)


def unknown_custom(subject: Subject) -> Iterator[Complaint]:
    """A field of custom that the plugin does not know changes nothing: it may come from a newer SDK."""
    built = subject.build()
    if built is None or not subject.task.template.HasField("custom"):
        return
    custom = json_format.MessageToDict(subject.task.template.custom)
    newer = subject.build(_with_custom(subject.task, {**custom, UNKNOWN_FIELD: {"deep": [1, "two"]}}))
    if newer is None or as_bytes(newer) != as_bytes(built):
        yield Complaint(
            f"custom.{UNKNOWN_FIELD} {'is an error' if newer is None else 'changes the object'}",
            "ignore unknown fields: tasks are made by newer SDKs too",
        )


def junk_task(subject: Subject) -> Iterator[Complaint]:
    """Whatever stands in a task, it becomes an object or a PluginError; a core plugin answers it with a transition."""
    for what, task in _spoilt_tasks(subject.task):
        try:
            if subject.kubernetes is None:
                subject.life(task).launch()
            else:
                as_bytes(subject.build(task))
        except PluginError:
            continue
        except Exception as error:
            yield Complaint(
                f"{what}: {type(error).__name__}: {error}",
                "raise PluginError (pluginmachinery.core.errors.bad_task) with the field for what can not be built",
            )
            return


_LONG_MEND = "give generated_name_max_length, and shorten what is made of the name (pluginmachinery.pods.names)"


def _spoilt_tasks(task: TaskContext) -> Iterator[tuple[str, TaskContext]]:
    custom = json_format.MessageToDict(task.template.custom)
    for what, spoiled in spoilt(custom):
        yield f"custom.{what}", _with_custom(task, spoiled)
    yield "custom={}", _with_custom(task, {})
    yield "no custom", _with_template(task, lambda template: template.ClearField("custom"))
    yield "taskTypeVersion=99", _with_template(task, lambda template: setattr(template, "task_type_version", 99))
    for target in ("container", "k8s_pod", "sql"):
        yield f"no {target}", _with_template(task, lambda template, target=target: template.ClearField(target))
        yield f"an empty {target}", _with_template(task, lambda template, target=target: _empty(template, target))
    pod = _with_template(task, lambda template: template.k8s_pod.pod_spec.update({"containers": "junk"}))
    yield "k8sPod.podSpec.containers='junk'", pod


def _empty(template: TaskTemplate, target: str) -> None:
    getattr(template, target).Clear()
    getattr(template, target).SetInParent()


def _with_custom(task: TaskContext, custom: Mapping[str, Any]) -> TaskContext:
    def change(template: TaskTemplate) -> None:
        template.custom.Clear()
        template.custom.update(custom)

    return _with_template(task, change)


def _with_template(task: TaskContext, change: Any) -> TaskContext:
    template = type(task.template)()
    template.CopyFrom(task.template)
    change(template)
    return dataclasses.replace(task, template=template)


def _labels(value: Any, path: str) -> Iterator[tuple[str, str]]:
    for key, child, child_path in _children(value, path):
        if key in ("labels", "matchLabels") and isinstance(child, Mapping):
            yield from ((f"{child_path}[{name}]", str(text)) for name, text in child.items())
        else:
            yield from _labels(child, child_path)


def _container_names(value: Any, path: str) -> Iterator[tuple[str, str]]:
    for key, child, child_path in _children(value, path):
        if key in ("containers", "initContainers") and isinstance(child, list):
            for index, container in enumerate(child):
                if isinstance(container, Mapping):
                    yield f"{child_path}[{index}].name", str(container.get("name"))
        yield from _container_names(child, child_path)


def _children(value: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Mapping):
        yield from ((key, child, f"{path}.{key}" if path else key) for key, child in value.items())
    elif isinstance(value, list | tuple):
        yield from (("", child, f"{path}[{index}]") for index, child in enumerate(value))
