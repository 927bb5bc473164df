"""IDs of plugins, brought into one spelling: no white space around them, lower case, no repetition.

Flyte compares them so in most places and forgets it in others: an ID with a capital is enabled, but loses the task
types that it was made the default for. Strict reading normalises them before anybody compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pluginmachinery.config.root import Configuration


def with_normal_identifiers(config: Configuration) -> Configuration:
    task_plugins = config.tasks.task_plugins
    manager = config.plugin_manager
    tasks = config.tasks.model_copy(
        update={
            "task_plugins": task_plugins.model_copy(
                update={
                    "enabled_plugins": _all(task_plugins.enabled_plugins),
                    "default_for_task_types": _values(task_plugins.default_for_task_types),
                }
            )
        }
    )
    scopes = tuple(
        scope.model_copy(
            update={
                "enabled_plugins": None if scope.enabled_plugins is None else _all(scope.enabled_plugins),
                "default_for_task_types": None
                if scope.default_for_task_types is None
                else _values(scope.default_for_task_types),
            }
        )
        for scope in manager.scopes
    )
    update = {"optional_plugins": _all(manager.optional_plugins), "scopes": scopes}
    return config.model_copy(update={"tasks": tasks, "plugin_manager": manager.model_copy(update=update)})


def normal(identifier: str) -> str:
    return identifier.strip().lower()


def _all(identifiers: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normal(identifier) for identifier in identifiers))


def _values(defaults: Mapping[str, str]) -> dict[str, str]:
    return {task_type.strip(): normal(plugin) for task_type, plugin in defaults.items()}
