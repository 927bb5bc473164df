"""Whether the enabled plugins exist and agree: the questions that would stop the controller's start, asked offline."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from configgen.layers.nodes import Listing, Mapping, Path, dotted, lookup, nearest, place_of
from configgen.problems import Problem
from pluginmachinery.config import Configuration
from pluginmachinery.plugins.enabling import EnablingError, cleaned, enabled_plugins, handlers
from pluginmachinery.plugins.registry import BUILTIN, Discovery, PluginDeclaration, discover, suggestion
from pluginmachinery.plugins.scopes import Scopes

_PLUGINS: Path = ("tasks", "task-plugins", "enabled-plugins")
_DEFAULTS: Path = ("tasks", "task-plugins", "default-for-task-types")
_SCOPES: Path = ("plugin-manager", "scopes")


@cache
def discovered() -> Discovery:
    """Plugins of other distributions that are installed beside this one."""
    return discover()


def checked_plugins(
    config: Mapping, configuration: Configuration, problems: list[Problem]
) -> tuple[PluginDeclaration, ...]:
    """The plugins that run, in the order of registration; more ``problems`` where the controller would not start with
    them: unknown and unimplemented plugins, defaults that are not enabled, task types with two takers."""
    known = {cleaned(found.id): found for found in (*BUILTIN, *discovered().declarations)}
    mistakes = [*_unknown(config, configuration, known), *_unimplemented(config, configuration, known)]
    problems += mistakes
    if mistakes:
        return ()
    try:
        enabled = enabled_plugins(configuration.tasks.task_plugins)
        running = tuple(found for found in known.values() if found.implementation and enabled.includes(found.id))
        handlers(running, enabled.defaults)
    except EnablingError as error:
        path = _DEFAULTS if lookup(config, _DEFAULTS) else _PLUGINS
        problems.append(_problem(config, path, error.message, error.mend))
        return ()
    return _with_scopes(running, config, configuration, problems)


def _with_scopes(
    running: tuple[PluginDeclaration, ...], config: Mapping, configuration: Configuration, problems: list[Problem]
) -> tuple[PluginDeclaration, ...]:
    """The plugins that run in general or for some project and domain: the controller needs rights for all of them."""
    try:
        scopes = Scopes.from_config(configuration, discovered(), load=False)
    except EnablingError as error:
        problems.append(_problem(config, _SCOPES, error.message, error.mend))
        return ()
    found = {each.id: each for each in (*running, *scopes.declarations)}
    return tuple(found.values())


def _unknown(config: Mapping, configuration: Configuration, known: dict[str, PluginDeclaration]) -> Iterator[Problem]:
    for path, name in _named(config, configuration):
        if cleaned(name) not in known:
            yield _problem(config, path, f"there is no plugin {name!r}", suggestion(name, tuple(known)))


def _unimplemented(
    config: Mapping, configuration: Configuration, known: dict[str, PluginDeclaration]
) -> Iterator[Problem]:
    optional = {cleaned(name) for name in configuration.plugin_manager.optional_plugins}
    for path, name in _named(config, configuration):
        found = known.get(cleaned(name))
        if found and found.implementation is None and cleaned(name) not in optional:
            mend = "take it out, or list it in plugin-manager.optional-plugins"
            yield _problem(config, path, f"the plugin {name} is known, but not implemented here", mend)


def _named(config: Mapping, configuration: Configuration) -> Iterator[tuple[Path, str]]:
    enabled = lookup(config, _PLUGINS)
    if isinstance(enabled, Listing):
        for index, name in enumerate(configuration.tasks.task_plugins.enabled_plugins):
            yield (*_PLUGINS, index), name
    for task_type, name in configuration.tasks.task_plugins.default_for_task_types.items():
        yield (*_DEFAULTS, task_type), name


def _problem(config: Mapping, path: Path, message: str, mend: str) -> Problem:
    place = place_of(nearest(config, path))
    return Problem(place.file, place.line, place.column, dotted(path), message, mend)
