"""The catalogue: every plugin there is, with what one has to know to configure it – read off the registry's
declarations, so that finding an ID needs no source code.

*Implemented* plugins run in our controller; *known* ones are Flyte's, their IDs and sections are no mistakes, and
enabling one is refused here. Plugins of other distributions that are installed beside this one are part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from configgen.operators import BY_NAME
from configgen.plugin_releases import RELEASES, FlyteReleases
from pluginmachinery.api.rbac import OUR_DISTRIBUTION, plugin_rules
from pluginmachinery.plugins.registry import BUILTIN, PluginDeclaration

_NOTES: Final[Mapping[str, str]] = {
    "agent-service": "the former name of connector-service",
    "connector-service": "task types are what its services announce",
    "presto": "in Flyte's source, but no release loads it",
    "pod": "the same code as container and sidecar",
    "echo": "for tests: hands its input back",
}


@dataclass(frozen=True, slots=True)
class CreatedKind:
    """A kind of objects that a plugin creates and watches. ``crd`` is the name of its custom resource definition, empty
    for kinds that every cluster has; ``served`` are the versions that the operator's pinned release serves, none where
    it is not known; ``verbs`` are what the controller may do with them."""

    kind: str
    api_version: str
    resource: str
    crd: str
    version: str
    served: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One plugin. ``config_section`` is its key path, empty where it has none. Of the operator that it needs
    ``operator_version`` is the pinned release and ``operator_install`` a command that installs it. ``flyte`` is what
    ``flyte_versions`` says in words, None for plugins of others. ``enabled`` is None where no environment was asked
    for."""

    id: str
    task_types: tuple[str, ...]
    fallback: bool
    implemented: bool
    objects: tuple[CreatedKind, ...]
    config_section: str
    operator_component: str
    operator_version: str
    operator_install: str
    flyte_versions: str
    flyte: FlyteReleases | None
    distribution: str
    note: str
    enabled: bool | None = None


def catalog(word: str = "", enabled: Collection[str] | None = None) -> list[Entry]:
    """All plugins by ID; with ``word`` those that mention it, with ``enabled`` IDs told which of them run."""
    from configgen.layers.plugin_checks import discovered

    found = [_entry(declaration, enabled) for declaration in (*BUILTIN, *discovered().declarations)]
    wanted = word.strip().lower()
    return sorted((entry for entry in found if wanted in _searched(entry)), key=lambda entry: entry.id)


def _searched(entry: Entry) -> str:
    """Everything that a person may know of a plugin, in lower case."""
    kinds = [text for one in entry.objects for text in (one.kind, one.api_version, one.resource)]
    texts = (entry.id, *entry.task_types, *kinds, entry.config_section, entry.operator_component, entry.note)
    return " ".join(texts).lower()


def _entry(declaration: PluginDeclaration, enabled: Collection[str] | None) -> Entry:
    own = declaration in BUILTIN
    releases = RELEASES.get(declaration.id) if own else None
    operator = BY_NAME.get(declaration.operator_component or "")
    return Entry(
        id=declaration.id,
        task_types=declaration.task_types,
        fallback=declaration.is_default,
        implemented=declaration.implementation is not None,
        objects=tuple(_created(declaration)),
        config_section=f"plugins.{declaration.config_section}" if declaration.config_section else "",
        operator_component=declaration.operator_component or "",
        operator_version=operator.tag if operator else "",
        operator_install=operator.install_command if operator else "",
        flyte_versions=str(releases or ""),
        flyte=releases,
        distribution=declaration.distribution,
        note=_NOTES.get(declaration.id, "") if own else "",
        enabled=None if enabled is None else declaration.id in enabled,
    )


def _created(declaration: PluginDeclaration) -> Iterable[CreatedKind]:
    operator = BY_NAME.get(declaration.operator_component or "")
    for kind, rule in zip(declaration.resources, plugin_rules(declaration), strict=True):
        crd = f"{kind.plural}.{kind.group}" if kind.group else ""
        yield CreatedKind(
            kind=kind.kind,
            api_version=kind.api_version,
            resource=kind.plural,
            crd=crd,
            version=kind.api_version.rpartition("/")[2],
            served=operator.crds.get(crd, ()) if operator else (),
            verbs=tuple(rule["verbs"]),
        )


def as_json(entries: Iterable[Entry]) -> str:
    """A list of objects with the members of :class:`Entry`; ``enabled`` only where an environment was asked for."""
    import orjson

    return orjson.dumps([_mapping(entry) for entry in entries], option=orjson.OPT_INDENT_2).decode()


def _mapping(entry: Entry) -> dict[str, Any]:
    from dataclasses import asdict

    content = asdict(entry)
    if entry.enabled is None:
        del content["enabled"]
    return content


def as_text(entries: Sequence[Entry]) -> str:
    """One plugin a paragraph."""
    import click

    lines = []
    for entry in entries:
        lines.append(f"{click.style(entry.id, bold=True)}  ({', '.join(_states(entry))})")
        lines += [f"  {name:<11}{value}" for name, value in facts(entry) if value]
    return "\n".join([*lines, f"{len(entries)} plugin{'' if len(entries) == 1 else 's'}"])


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What is known of a plugin besides its ID and state, as names and texts; a text may be empty."""
    return [
        ("task types", ", ".join(entry.task_types) + (" (and unknown ones)" if entry.fallback else "")),
        ("objects", "; ".join(f"{one.kind} ({one.api_version})" for one in entry.objects)),
        ("CRDs", "; ".join(_crd(one) for one in entry.objects if one.crd)),
        ("rights", "; ".join(f"{one.resource}: {', '.join(one.verbs)}" for one in entry.objects)),
        ("section", entry.config_section),
        ("operator", f"{entry.operator_component} {entry.operator_version}".strip()),
        ("Flyte", entry.flyte_versions),
        ("from", "" if entry.distribution == OUR_DISTRIBUTION else entry.distribution),
        ("note", entry.note),
    ]


def _crd(created: CreatedKind) -> str:
    others = [version for version in created.served if version != created.version]
    return f"{created.crd} {created.version}" + (f" (served besides: {', '.join(others)})" if others else "")


def _states(entry: Entry) -> list[str]:
    states = ["implemented" if entry.implemented else "known, not implemented"]
    if entry.enabled is not None:
        states.append("enabled" if entry.enabled else "not enabled")
    return states


def as_markdown(entries: Iterable[Entry]) -> str:
    """A table."""
    lines = [
        "| ID | task types | objects | CRD | rights | section | operator | Flyte | state |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        told = dict(facts(entry))
        cells = [
            f"`{entry.id}`",
            *(told[name] for name in ("task types", "objects", "CRDs", "rights", "section", "operator", "Flyte")),
            ", ".join(_states(entry)),
        ]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)
