"""Which plugins run, and which of them runs what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from configgen.importers.texts import is_template
from configgen.layers.plugin_checks import discovered
from configgen.lint.subjects import Hit, Subject
from configgen.migration.facts import GONE_PLUGINS, PLUGIN_SUCCESSORS
from configgen.plugin_releases import LAST_VERSION
from pluginmachinery.config.merging import entries
from pluginmachinery.config.problems import Path, dotted
from pluginmachinery.plugins.enabling import cleaned
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration, suggestion

ENABLED: Final[Path] = ("tasks", "task-plugins", "enabled-plugins")
ROUTES: Final[Path] = ("tasks", "task-plugins", "default-for-task-types")
_CHART_ROUTES: Final = {"container": "container", "sidecar": "sidecar", "container_array": "k8s-array"}
"""Defaults that Flyte's charts bring, below those of the values."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one place says about plugins: the general one, or a scope. ``ids`` is None where nothing is said."""

    place: Path
    ids: tuple[tuple[Path, str], ...] | None
    routes: Mapping[str, tuple[Path, str]]

    @property
    def cleaned(self) -> frozenset[str]:
        return frozenset(cleaned(name) for _, name in self.ids or ())


def choices(subject: Subject) -> Iterator[Choice]:
    """The general choice, then those of scopes."""
    general = Choice(ENABLED, _ids(subject, ENABLED), _routes(subject, ROUTES))
    yield general
    for path, _ in subject.elements("plugin-manager", "scopes"):
        ids = _ids(subject, (*path, "enabled-plugins"))
        routes = {**general.routes, **_routes(subject, (*path, "default-for-task-types"))}
        if ids is not None or len(routes) > len(general.routes):
            yield Choice((*path, "enabled-plugins"), general.ids if ids is None else ids, routes)


def known() -> dict[str, PluginDeclaration]:
    """All plugins by ID, those of other distributions included."""
    return {cleaned(found.id): found for found in (*BUILTIN, *discovered().declarations)}


def empty_list(subject: Subject) -> Iterator[Hit]:
    """``enabled-plugins: []``, or none at all in a source: all plugins run."""
    for choice in choices(subject):
        if choice.ids == () or (choice.ids is None and subject.is_source):
            said = "an empty list" if choice.ids == () else "no list"
            yield Hit(choice.place, f"{said} enables all plugins", "name the plugins that are to run")


def unknown_plugin(subject: Subject) -> Iterator[Hit]:
    """An ID that no plugin has."""
    for path, name in _named(subject):
        if cleaned(name) not in known() and name.strip():
            yield Hit(path, f"there is no plugin {name!r}", suggestion(name, tuple(known())))


def not_implemented(subject: Subject) -> Iterator[Hit]:
    """A plugin of Flyte that our controller does not have (yet)."""
    optional = {cleaned(str(name)) for _, name in subject.elements("plugin-manager", "optional-plugins")}
    listed = subject.at("plugin-manager", "optional-plugins")
    optional |= {cleaned(str(name)) for name in (listed if isinstance(listed, list) else [])}
    for path, name in _named(subject):
        found = known().get(cleaned(name))
        if subject.is_source and found and not found.implementation and cleaned(name) not in optional:
            mend = "take it out, or list it in plugin-manager.optional-plugins"
            yield Hit(path, f"the plugin {name} is known, but not implemented here", mend)


def gone_plugin(subject: Subject) -> Iterator[Hit]:
    """A plugin that Flyte has no more."""
    for path, name in _named(subject):
        if last := LAST_VERSION.get(cleaned(name)):
            yield Hit(path, f"Flyte has no plugin {cleaned(name)} after {last}", "take it out")
        elif "2" in subject.flyte_versions and cleaned(name) in GONE_PLUGINS:
            message = f"Flyte 2 has no plugin {cleaned(name)}: such tasks run as plain containers"
            yield Hit(path, message, _successor(cleaned(name)))


def _successor(name: str) -> str:
    return f"write {PLUGIN_SUCCESSORS[name]}" if name in PLUGIN_SUCCESSORS else "take it out"


def spelling(subject: Subject) -> Iterator[Hit]:
    """An ID with capitals or blanks: Flyte enables the plugin, and it loses its default task types."""
    for path, name in _named(subject):
        if name != cleaned(name) and cleaned(name) in known():
            yield Hit(path, f"{name!r} is not the ID: Flyte may lose its default task types", f"write {cleaned(name)}")


def default_not_enabled(subject: Subject) -> Iterator[Hit]:
    """A default that names a plugin which does not run: neither Flyte 1's engine nor our controller starts."""
    if subject.flyte_versions != {"2"}:
        yield from _disabled_defaults(subject, "nothing starts with such a default")


def default_without_effect(subject: Subject) -> Iterator[Hit]:
    """The same for Flyte 2 alone, which starts and runs such tasks by another plugin."""
    if subject.flyte_versions == {"2"}:
        yield from _disabled_defaults(subject, "Flyte 1 does not start with it, Flyte 2 passes over it")


def _disabled_defaults(subject: Subject, consequence: str) -> Iterator[Hit]:
    for choice in choices(subject):
        for path, name in choice.routes.values():
            if choice.ids and cleaned(name) not in choice.cleaned and not is_template(name):
                mend = f"add {cleaned(name)} to {dotted(choice.place)}, or name an enabled plugin"
                yield Hit(path, f"the plugin {name} is not enabled: {consequence}", mend)


def claimed_twice(subject: Subject) -> Iterator[Hit]:
    """Two enabled plugins for one task type, and no default that decides."""
    for choice in choices(subject):
        if choice.ids is None and not subject.is_source:
            continue
        for takers, types in _clashes(subject, choice).items():
            message = f"{' and '.join(takers)} both run tasks of type {', '.join(types)}"
            yield Hit(choice.place, message, f"choose in default-for-task-types, such as {types[0]}: {takers[0]}")


def default_ignored(subject: Subject) -> Iterator[Hit]:
    """A default for a task type that its plugin does not run: Flyte ignores it."""
    for choice in choices(subject):
        for task_type, (path, name) in choice.routes.items():
            found = known().get(cleaned(name))
            types = [cleaned(one) for one in found.task_types] if found else []
            if found and types and cleaned(task_type) not in types and cleaned(task_type) in _task_types():
                takers = [one.id for one in known().values() if task_type in one.task_types]
                message = f"the plugin {name} does not run tasks of type {task_type}: Flyte ignores this"
                yield Hit(path, message, f"name one that does: {', '.join(takers)}")


def unknown_task_type(subject: Subject) -> Iterator[Hit]:
    """A task type that no plugin knows: such tasks silently run as containers."""
    for choice in choices(subject):
        for task_type, (path, name) in choice.routes.items():
            found = known().get(cleaned(name))
            if found and found.task_types and cleaned(task_type) not in _task_types():
                near = get_close_matches(cleaned(task_type), _task_types(), n=1)
                mend = f"did you mean {near[0]}?" if near else "remove it, or enable the plugin that runs this type"
                message = f"no plugin knows the task type {task_type}: such tasks silently run as containers"
                yield Hit(path, message, mend)


def without_route(subject: Subject) -> Iterator[Hit]:
    """An enabled plugin to which no default leads."""
    for choice in choices(subject):
        routed = {cleaned(name) for _, name in choice.routes.values()}
        for path, name in choice.ids or ():
            found = known().get(cleaned(name))
            if not found or not found.task_types or cleaned(name) in routed:
                continue
            rivals = [other for other in choice.cleaned if other != cleaned(name) and other in known()]
            taken = {task_type for other in rivals for task_type in known()[other].task_types}
            if taken & set(found.task_types):
                types = ", ".join(found.task_types)
                yield Hit(path, f"no task type is given to {name}", f"give it one of {types}, or take it out")


def section_without_plugin(subject: Subject) -> Iterator[Hit]:
    """Settings of a plugin that does not run."""
    general = next(choices(subject))
    if not general.ids:
        return
    enabled = frozenset().union(*(choice.cleaned for choice in choices(subject)))
    by_section: dict[str, list[str]] = {}
    for found in known().values():
        if found.config_section:
            by_section.setdefault(found.config_section, []).append(found.id)
    for section in subject.mapping("plugins"):
        owners = by_section.get(str(section), [])
        if owners and not any(cleaned(owner) in enabled for owner in owners):
            message = f"nothing reads this: {' and '.join(owners)} {'is' if len(owners) == 1 else 'are'} not enabled"
            yield Hit(("plugins", section), message, f"enable {owners[0]}, or remove the section")


def _clashes(subject: Subject, choice: Choice) -> dict[tuple[str, ...], list[str]]:
    """Takers → the task types that they all run without anybody deciding."""
    routes = {cleaned(task_type): cleaned(name) for task_type, (_, name) in choice.routes.items()}
    if subject.is_values and not any(isinstance(_raw(piece.tree), list) for piece in subject.pieces):
        routes = {**_CHART_ROUTES, **routes}
    found: dict[tuple[str, ...], list[str]] = {}
    for task_type in sorted(_task_types()):
        takers = tuple(
            one.id
            for key, one in known().items()
            if task_type in one.task_types
            and (not choice.ids or key in choice.cleaned)
            and (one.implementation or not subject.is_source)
            and key not in LAST_VERSION
        )
        if len(takers) > 1 and routes.get(task_type) not in takers:
            found.setdefault(takers, []).append(task_type)
    return found


def _raw(tree: Mapping[str, Any]) -> Any:
    value: Any = tree
    for step in ROUTES:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _task_types() -> list[str]:
    return sorted({task_type for found in known().values() for task_type in found.task_types})


def _named(subject: Subject) -> Iterator[tuple[Path, str]]:
    seen = set()
    for choice in choices(subject):
        for path, name in (*(choice.ids or ()), *choice.routes.values()):
            if (path, name) not in seen:
                seen.add((path, name))
                yield path, name


def _ids(subject: Subject, path: Path) -> tuple[tuple[Path, str], ...] | None:
    written = subject.at(*path)
    if isinstance(written, str):
        return tuple((path, name) for name in written.split(","))
    if not isinstance(written, Sequence):
        return None
    return tuple(((*path, i), str(name)) for i, name in enumerate(written) if name and not is_template(name))


def _routes(subject: Subject, path: Path) -> dict[str, tuple[Path, str]]:
    said = entries(subject.at(*path), path)
    return {str(one.key).strip(): (one.path, one.value) for one in said if isinstance(one.value, str) and one.value}
