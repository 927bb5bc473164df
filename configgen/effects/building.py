"""What the controller would create for a task: asked of the controller's own life cycle, with a world in memory.

``advance`` is the function that the controller runs; its actions are answered as a cluster without any objects would
answer. So names, labels, secrets and the policy are what they will be, and nothing is copied here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from configgen.effects.representatives import RepresentativeTask
from pluginmachinery.config import Configuration
from pluginmachinery.core.actions import (
    Action,
    Create,
    Done,
    Files,
    Missing,
    Observation,
    Observe,
    Outputs,
    ReadFiles,
    ReadOutputs,
    Result,
    WriteInputs,
)
from pluginmachinery.lifecycle.advance import advance
from pluginmachinery.lifecycle.context_cache import ContextCache
from pluginmachinery.lifecycle.worlds import World
from pluginmachinery.plugins.enabling import cleaned
from pluginmachinery.plugins.registry import BUILTIN, Discovery, PluginRegistry
from pluginmachinery.plugins.scopes import Scopes

DATA_PREFIX: Final = "s3://data"
"""Where tasks that name no paths would have their data."""
_NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
_MOST_TURNS: Final = 50


@dataclass(frozen=True, slots=True)
class Built:
    """What comes of a task: the plugin that takes it, the objects it creates first, or why it fails.

    Map tasks create one object for each sub-task; tasks that need none (echo) end with neither object nor failure.
    ``warning`` is what the policy tells and does not deny.
    """

    plugin: str
    objects: tuple[Mapping[str, Any], ...] = ()
    failure: str = ""
    warning: str = ""


class _ControllersEnvironment(dict[str, str]):
    """The environment of a controller that is not running: every variable is there, its value is its name."""

    def __missing__(self, name: str) -> str:
        return f"$({name})"

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - dict's signature
        return self[name]


def world_of(configuration: Configuration, third_party: Discovery | None = None) -> World:
    """The controller's world under this configuration.

    Plugins that do not run here are left out: a live configuration of Flyte enables some that only Flyte has, and the
    pods of all others can be told. Raises EnablingError where two plugins want one task type.
    """
    configuration = _runnable(configuration, third_party or Discovery())
    registry = PluginRegistry.from_config(configuration, third_party, load=False)
    scopes = Scopes.from_config(configuration, third_party, load=False)
    environment = _ControllersEnvironment()
    return World(configuration, registry, environment=environment, data_prefix=DATA_PREFIX, scopes=scopes)


def _runnable(configuration: Configuration, third_party: Discovery) -> Configuration:
    known = (*BUILTIN, *third_party.declarations)
    runs = {cleaned(one.id) for one in known if one.implementation is not None}
    wanted = configuration.tasks.task_plugins
    enabled = tuple(name for name in wanted.enabled_plugins if cleaned(name) in runs)
    if wanted.enabled_plugins and not enabled:
        return configuration  # an empty list would enable all
    chosen = {
        task_type: name for task_type, name in wanted.default_for_task_types.items() if cleaned(str(name)) in runs
    }
    task_plugins = wanted.model_copy(update={"enabled_plugins": enabled, "default_for_task_types": chosen})
    tasks = configuration.tasks.model_copy(update={"task_plugins": task_plugins})
    return configuration.model_copy(update={"tasks": tasks})


def build(world: World, task: RepresentativeTask) -> Built:
    """Bring a task to the point where its first objects are created."""
    world = dataclasses.replace(world, contexts=ContextCache())  # all tasks have the same UID
    status: Mapping[str, Any] = {}
    results: tuple[tuple[Action, Result], ...] = ()
    objects: list[Mapping[str, Any]] = []
    store: dict[str, bytes] = {}
    for _ in range(_MOST_TURNS):
        decision = advance(world, {**task.execution, "status": status}, Observation(_NOW, {}, results))
        status = decision.status
        if status.get("phase") == "Succeeded":
            break
        if status.get("attempts") or status.get("error"):
            return Built(status.get("plugin", ""), failure=_failure(status))
        created = [action.object for action in decision.actions if isinstance(action, Create)]
        objects += created
        if not decision.actions or (objects and not created):
            break
        results = tuple((action, _answer(action, store)) for action in decision.actions)
    return Built(status.get("plugin", ""), tuple(objects), warning=_warning(status))


def _answer(action: Action, store: dict[str, bytes]) -> Result:
    match action:
        case WriteInputs(files):
            store.update(files)
            return Done()
        case Create(object=manifest):
            return Done(manifest)
        case Observe():
            return Missing()
        case ReadFiles(paths):
            return Files({path: store[path] for path in paths if path in store})
        case ReadOutputs():
            return Outputs()
    return Done(True)


def _failure(status: Mapping[str, Any]) -> str:
    error = status.get("error") or (status.get("attempts") or [{}])[-1].get("error") or {}
    return f"{error.get('code', 'Failed')}: {error.get('message', status.get('reason', ''))}"


def _warning(status: Mapping[str, Any]) -> str:
    _, found, warning = str(status.get("reason", "")).partition("the policy warns of ")
    return warning if found else ""
