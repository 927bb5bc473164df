"""What changes for tasks between two configurations: the fields that differ, and tasks that change alike together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from configgen.effects.building import Built, build, world_of
from configgen.effects.fields import Field, Path, fields, roles
from configgen.effects.representatives import RepresentativeTask, built_in, of_type
from pluginmachinery.config import Configuration
from pluginmachinery.core.errors import PluginMachineryError
from pluginmachinery.lifecycle.worlds import World
from pluginmachinery.plugins.registry import Discovery

OUTCOME: Path = ("outcome",)
"""The path of a change of what comes of the task at all: an object, of which kind, a failure."""
WARNING: Path = ("policy warning",)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a pod or an object; None: it is not there."""

    path: Path
    before: Any
    after: Any

    @property
    def key(self) -> bytes:
        """Equal for changes that are the same."""
        return orjson.dumps((self.path, self.before, self.after), option=orjson.OPT_SORT_KEYS, default=str)


@dataclass(frozen=True, slots=True)
class Where:
    """A pod of a task by its role; without a role the only pod, or the object around the pods."""

    task: str
    role: str


@dataclass(frozen=True, slots=True)
class Group:
    """Pods that change alike, and how. ``every``: these are all pods of all tasks."""

    where: tuple[Where, ...]
    changes: tuple[FieldChange, ...]
    every: bool

    @property
    def breaks(self) -> bool:
        """Do tasks fail that did not?"""
        return any(change.path == OUTCOME and is_failure(change.after) for change in self.changes)


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes for the tasks that were compared. ``roles``: the pods of each task, by name of the task."""

    unchanged: tuple[str, ...]
    changed: tuple[str, ...]
    groups: tuple[Group, ...]
    roles: Mapping[str, frozenset[str]]


def is_failure(outcome: Any) -> bool:
    return isinstance(outcome, str) and outcome.startswith("fails")


def effect(
    before: Configuration,
    after: Configuration,
    own: Sequence[RepresentativeTask] = (),
    third_party: Discovery | None = None,
) -> Effect:
    """Compare what the controller would create under both, for the built-in tasks of enabled plugins and for the user's
    ``own``, which take the place of built-in ones of the same name."""
    worlds = (world_of(before, third_party), world_of(after, third_party))
    unchanged, found = [], {}
    pods: dict[str, frozenset[str]] = {}
    for task in _tasks(worlds, own):
        built = (build(worlds[0], task), build(worlds[1], task))
        pods[task.name] = frozenset(_roles(built))
        if changes := differences(*built):
            found[task.name] = changes
        else:
            unchanged.append(task.name)
    return Effect(tuple(unchanged), tuple(found), _grouped(found, pods), pods)


def differences(before: Built, after: Built) -> list[tuple[str, FieldChange]]:
    """The fields that differ, each with the role of its pod, in order and none twice."""
    if outcome(before) != outcome(after):
        return [("", FieldChange(OUTCOME, outcome(before), outcome(after)))]
    found = []
    if before.warning != after.warning:
        found.append(("", FieldChange(WARNING, before.warning or None, after.warning or None)))
    known = set()
    for old, new in zip(before.objects, after.objects, strict=True):
        for role, change in _field_changes(fields(old), fields(new)):
            if (role, change.key) not in known:
                known.add((role, change.key))
                found.append((role, change))
    return found


def outcome(built: Built) -> str:
    """``Pod``, ``2 Pods``, ``nothing to create``, ``fails: PolicyDenied: …``."""
    if built.failure:
        return f"fails: {_in_short(built.failure)}"
    kinds = [str(manifest.get("kind")) for manifest in built.objects]
    if not kinds:
        return "nothing to create"
    return kinds[0] if len(kinds) == 1 else f"{len(kinds)} {kinds[0]}s"


def _in_short(failure: str) -> str:
    """A failure in a line; of a policy's many findings the names, since each task has them at other places."""
    first, *findings = failure.splitlines()
    checks = dict.fromkeys(finding.rpartition("(")[2].rstrip(")") for finding in findings)
    return f"{first} {', '.join(checks)}" if checks else first


def _field_changes(before: Mapping[Field, Any], after: Mapping[Field, Any]) -> Iterable[tuple[str, FieldChange]]:
    for field in sorted({**before, **after}):
        old, new = before.get(field), after.get(field)
        if old != new:
            yield field.role, FieldChange(field.path, old, new)


def _roles(built: Iterable[Built]) -> set[str]:
    """The roles of all pods; a task that fails has one pod for us, a task that needs no pod none."""
    found = {role for one in built for manifest in one.objects for role in roles(manifest)}
    return found or ({""} if any(one.failure for one in built) else set())


def _tasks(worlds: Sequence[World], own: Sequence[RepresentativeTask]) -> list[RepresentativeTask]:
    """The tasks that say something here: those whose type is one of an enabled plugin's, on either side."""
    types: set[str] = set()
    for world in worlds:
        for declaration in world.registry.declarations:
            types |= {type_ for type_ in declaration.task_types if _runs(world, type_, declaration.id)}
    mine = {task.name for task in own}
    ours = [task for task in built_in() if task.type in types and task.name not in mine]
    covered = {task.type for task in (*built_in(), *own)} | {"container"}
    others = [of_type(type_) for type_ in sorted(types - covered)]
    return sorted((*ours, *others, *own), key=lambda task: task.name)


def _runs(world: World, task_type: str, plugin: str) -> bool:
    try:
        return world.registry.resolve(task_type).id == plugin
    except PluginMachineryError:
        return False


def _grouped(
    found: Mapping[str, list[tuple[str, FieldChange]]], pods: Mapping[str, frozenset[str]]
) -> tuple[Group, ...]:
    """Changes that the same pods have, together; those of most pods first."""
    changes: dict[bytes, FieldChange] = {}
    where: dict[bytes, list[Where]] = {}
    for task, task_changes in found.items():
        for role, change in task_changes:
            changes[change.key] = change
            where.setdefault(change.key, []).append(Where(task, role))
    alike: dict[tuple[Where, ...], list[FieldChange]] = {}
    for key, places in where.items():
        alike.setdefault(tuple(places), []).append(changes[key])
    everything = {Where(task, role) for task, task_roles in pods.items() for role in task_roles}
    groups = [
        Group(
            places, tuple(sorted(several, key=lambda change: change.path)), len(pods) > 1 and everything <= set(places)
        )
        for places, several in alike.items()
    ]
    return tuple(sorted(groups, key=lambda group: (not group.breaks, -len(group.where), str(group.where))))
