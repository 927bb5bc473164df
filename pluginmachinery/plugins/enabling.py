"""Enabling: which plugins run, and which of them runs a task type.

Three steps, each a pure function: :func:`enabled_plugins` reads the configuration, :func:`handlers` gives every task
type that an enabled plugin knows to one of them, :func:`resolve` answers for one task. IDs and task types are compared
trimmed of blanks and in lower case, as the reference does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pluginmachinery.config.tasks import TaskPluginConfig
from pluginmachinery.core.errors import PluginMachineryError


class EnablingError(PluginMachineryError):
    """The plugins can not be set up as configured; ``code`` is stable, ``mend`` says what to write."""

    def __init__(self, code: str, message: str, mend: str = "") -> None:
        super().__init__(f"{message}; {mend}" if mend else message)
        self.code = code
        self.message = message
        self.mend = mend


ENABLED_PLUGINS_ERROR = "EnabledPluginsError"
AMBIGUOUS_TASK_TYPE = "AmbiguousTaskType"
NO_PLUGIN_FOR_TASK_TYPE = "NoPluginForTaskType"


class Declared(Protocol):
    """What enabling needs to know of a plugin."""

    @property
    def id(self) -> str: ...
    @property
    def task_types(self) -> Sequence[str]: ...
    @property
    def is_default(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class EnabledPlugins:
    """What the configuration says: the IDs that run, and the defaults (plugin → the task types it is chosen for).

    ``ids`` is None where the list is empty, which means all.
    """

    ids: frozenset[str] | None
    defaults: Mapping[str, tuple[str, ...]]

    def includes(self, plugin_id: str) -> bool:
        return self.ids is None or plugin_id.lower() in self.ids


def cleaned(name: str) -> str:
    """An ID or a task type as it is compared: without blanks around it (no other white space), in lower case."""
    return name.strip(" ").lower()


def enabled_plugins(config: TaskPluginConfig) -> EnabledPlugins:
    """Read ``tasks.task-plugins``.

    Raises EnablingError ``EnabledPluginsError`` where a default names a plugin that is not in the list; with an empty
    list nothing is checked.
    """
    ids = frozenset(cleaned(name) for name in config.enabled_plugins)
    defaults: dict[str, list[str]] = {}
    for task_type, plugin in config.default_for_task_types.items():
        defaults.setdefault(cleaned(plugin), []).append(cleaned(task_type))
    for plugin, task_types in sorted(defaults.items()):
        if ids and plugin not in ids:
            raise EnablingError(
                ENABLED_PLUGINS_ERROR,
                f"tasks.task-plugins.default-for-task-types gives {', '.join(sorted(task_types))} to the plugin"
                f" {plugin!r}, which is not enabled",
                f"add {plugin} to tasks.task-plugins.enabled-plugins, or name an enabled plugin",
            )
    return EnabledPlugins(ids or None, {plugin: tuple(types) for plugin, types in defaults.items()})


def handlers(plugins: Iterable[Declared], defaults: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Task type → ID of the plugin that runs it, for the enabled plugins in the order of their registration.

    A default counts only if its plugin knows the type. Raises EnablingError ``AmbiguousTaskType`` where two plugins are
    chosen for one type, or none is and several know it.
    """
    plugins = tuple(plugins)
    candidates: dict[str, list[str]] = {}
    chosen: dict[str, list[str]] = {}
    for plugin in plugins:
        wanted = frozenset(defaults.get(cleaned(plugin.id), ()))
        for task_type in plugin.task_types:
            candidates.setdefault(task_type, []).append(plugin.id)
            if cleaned(task_type) in wanted:
                chosen.setdefault(task_type, []).append(plugin.id)
    return {task_type: _only(task_type, chosen.get(task_type) or known) for task_type, known in candidates.items()}


def _only(task_type: str, plugins: list[str]) -> str:
    if len(plugins) > 1:
        raise EnablingError(
            AMBIGUOUS_TASK_TYPE,
            f"tasks of type {task_type} could run by {', '.join(plugins)}",
            f"choose one in tasks.task-plugins.default-for-task-types: {task_type}: {plugins[0]}",
        )
    return plugins[0]


def fallback(plugins: Iterable[Declared]) -> str | None:
    """The plugin for task types that nobody knows: the first that is made for that."""
    return next((plugin.id for plugin in plugins if plugin.is_default), None)


def resolve(
    task_type: str,
    plugins: Sequence[Declared],
    handler_of: Mapping[str, str],
    override: Sequence[str] = (),
) -> str:
    """The ID of the plugin that runs a task: the first override that is enabled and knows the type, else the default
    for the type, else the only plugin that knows it, else the fallback.

    Raises EnablingError ``NoPluginForTaskType`` where there is none.
    """
    knowing = {cleaned(plugin.id): plugin.id for plugin in plugins if task_type in plugin.task_types}
    for wanted in override:
        if cleaned(wanted) in knowing:
            return knowing[cleaned(wanted)]
    found = handler_of.get(task_type) or fallback(plugins)
    if found is None:
        raise EnablingError(
            NO_PLUGIN_FOR_TASK_TYPE,
            f"no enabled plugin runs tasks of type {task_type!r}",
            "enable one that does in tasks.task-plugins.enabled-plugins, or container, which takes all types",
        )
    return found
