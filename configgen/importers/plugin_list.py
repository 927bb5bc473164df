"""The enabled plugins of an install in a form that renders: today's names, no plugin that does not exist, and those
that are not implemented here marked as optional."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from configgen.importers.notes import Notes
from configgen.importers.texts import is_template
from configgen.importers.translating import RENAMED, Tree
from configgen.importers.written import Written
from pluginmachinery.config.problems import Path

_ENABLED: Final[Path] = ("tasks", "task-plugins", "enabled-plugins")
_DEFAULTS: Final[Path] = ("tasks", "task-plugins", "default-for-task-types")
_PODS: Final = ("container", "sidecar")


def settle(tree: Tree, written: Written, notes: Notes) -> None:
    """Mend ``tasks.task-plugins`` of a translated tree in place; every change is told."""
    _List(tree, written, notes).settle()


class _List:
    def __init__(self, tree: Tree, written: Written, notes: Notes) -> None:
        self._tree = tree
        self._written = written
        self._notes = notes

    def settle(self) -> None:
        said = self._tree.get("tasks", {}).get("task-plugins", {})
        if not isinstance(said, dict):
            return
        enabled = self._known(said.get("enabled-plugins") or [], _ENABLED)
        defaults = self._routes(said.get("default-for-task-types") or {}, enabled)
        if not enabled:
            enabled = self._all(tuple(defaults.values()))
        task_plugins = self._tree.setdefault("tasks", {}).setdefault("task-plugins", {})
        task_plugins["enabled-plugins"] = enabled
        if "default-for-task-types" in task_plugins:
            task_plugins["default-for-task-types"] = defaults
        self._mark_optional([*enabled, *defaults.values()])

    def _known(self, names: list[Any], path: Path) -> list[str]:
        found = {known: None for name in names if (known := self._name(str(name), path))}
        return list(found)

    def _name(self, written: str, path: Path) -> str:
        """Today's ID of a plugin; empty for one that does not exist."""
        from pluginmachinery.plugins.registry import suggestion

        if is_template(written):
            return written
        name = written.strip().lower()
        if name in RENAMED:
            message = f"the plugin {name} is called {RENAMED[name]} today, and is written so"
            self._notes.note(self._written.place(path), path, message)
            return RENAMED[name]
        if name not in _declared():
            mend = suggestion(name, tuple(_declared()))
            self._notes.warning(self._written.place(path), path, f"there is no plugin {written!r}: left out", mend)
            return ""
        return name

    def _routes(self, defaults: dict[str, Any], enabled: list[str]) -> dict[str, str]:
        routes: dict[str, str] = {}
        for task_type, written in defaults.items():
            path = (*_DEFAULTS, task_type)
            name = self._name(str(written), path)
            if not name:
                continue
            if enabled and name not in enabled and not is_template(name):
                message = f"left out: {name} is not enabled, and Flyte 1 does not start with a route to it"
                self._notes.warning(
                    self._written.place(path), path, message, f"enable {name} in a layer if it is meant"
                )
                continue
            routes[task_type] = name
        return routes

    def _all(self, routed: tuple[str, ...]) -> list[str]:
        enabled = list(dict.fromkeys((*_PODS, *routed)))
        message = "no plugins are named: Flyte would enable all, and container and pod claim the same task types; "
        message += f"written: {', '.join(enabled)}"
        self._notes.warning(self._written.place(_ENABLED), _ENABLED, message, "name the plugins that run in base")
        return enabled

    def _mark_optional(self, names: list[str]) -> None:
        known = _declared()
        missing = [name for name in dict.fromkeys(names) if name in known and not known[name]]
        if missing:
            self._tree.setdefault("plugin-manager", {})["optional-plugins"] = missing
            message = f"not implemented here, and so optional: {', '.join(missing)}"
            self._notes.note(self._written.place(_ENABLED), _ENABLED, message)


@cache
def _declared() -> dict[str, bool]:
    """ID → whether it is implemented, for all plugins that are known."""
    from configgen.layers.plugin_checks import discovered
    from pluginmachinery.plugins.registry import BUILTIN

    return {
        found.id.strip().lower(): found.implementation is not None for found in (*BUILTIN, *discovered().declarations)
    }
