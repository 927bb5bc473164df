"""Keys: unknown, in the wrong place, of another chart or version, renamed, without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.flyte_charts.unexpressed import dropped_by_flyte_2
from configgen.importers.charts import CORE_COMPONENTS, CORE_DOCUMENTS
from configgen.importers.forms import Form
from configgen.importers.texts import is_template
from configgen.importers.translating import RENAMED
from configgen.layers.plugin_checks import discovered
from configgen.lint.subjects import Hit, Piece, Subject
from configgen.lint.walking import kind_at, steps
from pluginmachinery.config import documents, kinds
from pluginmachinery.config.problems import Path, Problem
from pluginmachinery.config.weak_scalars import DecodeError, weak_scalar
from pluginmachinery.plugins.enabling import cleaned
from pluginmachinery.plugins.registry import known_sections

_MISPLACED: Final[Mapping[Path, str]] = {
    ("plugins", "enabled-plugins"): "tasks.task-plugins.enabled-plugins",
    ("plugins", "k8s", "enabled-plugins"): "tasks.task-plugins.enabled-plugins",
    ("plugins", "k8s", "enabled_plugins"): "tasks.task-plugins.enabled-plugins",
    ("plugins", "default-for-task-types"): "tasks.task-plugins.default-for-task-types",
    ("plugins", "k8s", "default-for-task-types"): "tasks.task-plugins.default-for-task-types",
    ("tasks", "enabled-plugins"): "tasks.task-plugins.enabled-plugins",
    ("tasks", "default-for-task-types"): "tasks.task-plugins.default-for-task-types",
    ("enabled-plugins",): "tasks.task-plugins.enabled-plugins",
    ("task-plugins",): "tasks.task-plugins",
    ("agent-service",): "plugins.connector-service",
    ("connector-service",): "plugins.connector-service",
    ("k8s",): "plugins.k8s",
    ("co-pilot",): "plugins.k8s.co-pilot",
    ("plugins", "co-pilot"): "plugins.k8s.co-pilot",
    ("tasks", "task_resources"): "task_resources",
}
"""Keys that are right under another parent, as seen in the wild, and where they belong."""
_CONNECTORS: Final[Path] = ("plugins", "connector-service")
_RENAMED: Final[Mapping[Path, str]] = {("plugins", "agent-service"): "connector-service"}
_RENAMED_VALUES: Final[Mapping[Path, str]] = {
    ("configuration", "agentService"): "configuration.connectorService",
    ("flyteagent",): "flyteconnector",
}
_ENABLED: Final[Path] = ("tasks", "task-plugins", "enabled-plugins")
_OURS: Final = frozenset({"plugins", "tasks", "task_resources", "plugin-manager"})
_OF_CORE: Final = ("configmap", "sparkoperator", "flytepropeller", "workflow_scheduler", "cluster_resource_manager")
_OF_BINARY: Final = ("configuration", "flyte-core-components")


def misplaced(subject: Subject) -> Iterator[Hit]:
    """A key that is right under another parent: Flyte ignores it where it stands."""
    for piece in subject.pieces:
        for path, home in _MISPLACED.items():
            if _has(piece.tree, path):
                yield Hit(path, f"Flyte ignores {path[-1]} here", f"it belongs under {home}", piece.locate(path))
    yield from _misplaced_values(subject)


_CORE_ROOTS: Final[tuple[Path, ...]] = (("plugins",), ("tasks",), ("task_resources",), ("enabled_plugins",))
_CORE_NESTED: Final[tuple[Path, ...]] = (
    ("configmap", "configmap"),
    ("configmap", "core", "enabled_plugins"),
    ("configmap", "core", "k8s"),
)
_BINARY_ROOTS: Final[tuple[Path, ...]] = (
    ("plugins",),
    ("tasks",),
    ("task_resources",),
    ("inline",),
    ("configuration", "plugins"),
    ("configuration", "tasks"),
    ("configuration", "task_resources"),
)


def _misplaced_values(subject: Subject) -> Iterator[Hit]:
    if subject.form is Form.FLYTE_CORE:
        mend = "put it into the member of configmap that holds it, such as configmap.k8s"
        for path in _CORE_ROOTS:
            if _has(subject.values, path):
                yield _value(subject, path, "the chart flyte-core reads nothing here", mend)
        for path in _CORE_NESTED:
            if _has(subject.values, path):
                yield _value(subject, path, "one level too deep", f"it belongs under configmap{_tail(path)}")
        for component in CORE_COMPONENTS:
            if _has(subject.values, ("configmap", component, "plugin_config")):
                mend = f"{component} stands beside configmap, not in it"
                yield _value(subject, ("configmap", component), "one level too deep", mend)
    if subject.form in (Form.FLYTE_BINARY, Form.FLYTE_2):
        for path in _BINARY_ROOTS:
            if _has(subject.values, path):
                yield _value(subject, path, "the chart flyte-binary reads nothing here", _inline(path))


def _tail(path: Path) -> str:
    return "" if path[-1] == "configmap" else f".{path[-1]}"


def _inline(path: Path) -> str:
    home = "configuration.inline" if path[-1] == "inline" else f"configuration.inline.{path[-1]}"
    return f"it belongs under {home}"


def unknown(subject: Subject) -> Iterator[Hit]:
    """A key that nobody reads: Flyte ignores it without a word."""
    for piece, problem in _refusals(subject):
        path = problem.key_path
        if len(path) == 1 and not _OURS & piece.tree.keys():
            continue  # a file of another part of Flyte, which happens to have a section of a name that we know
        if _is_unknown(path) and not _told_elsewhere(path):
            yield Hit(problem.key_path, problem.message, problem.mend, piece.locate(problem.key_path))


def other_case(subject: Subject) -> Iterator[Hit]:
    """A key in capitals that it does not have: Flyte takes it for the same, strict reading does not."""
    for piece in subject.pieces:
        for path, written in piece.spellings.items():
            if path[0] not in _OURS:
                continue  # sections of other parts of Flyte, which our strict reading does not look at
            yield Hit(path, f"{written} is called {path[-1]}", f"write {path[-1]}", piece.locate(path))


def invalid(subject: Subject) -> Iterator[Hit]:
    """A value that Flyte can not take: it does not start."""
    for piece, problem in _refusals(subject):
        if _is_unknown(problem.key_path) or _taken_weakly(subject, piece, problem.key_path):
            continue
        if not is_template(_lookup(piece.tree, problem.key_path)) and not _has_own_rule(piece, problem.key_path):
            yield Hit(problem.key_path, problem.message, problem.mend, piece.locate(problem.key_path))


def loose(subject: Subject) -> Iterator[Hit]:
    """A value of another type that Flyte converts silently, and that strict reading refuses."""
    for piece, problem in _refusals(subject):
        if _has_own_rule(piece, problem.key_path):
            continue
        if not _is_unknown(problem.key_path) and _taken_weakly(subject, piece, problem.key_path):
            message = f"{problem.message}; Flyte converts it without a word"
            yield Hit(problem.key_path, message, problem.mend, piece.locate(problem.key_path))


def deprecated(subject: Subject) -> Iterator[Hit]:
    """A key that Flyte still reads, but that has a successor, or none."""
    for piece in subject.pieces:
        for step in steps(piece.tree):
            if step.member and step.member.instead and not step.member.gone and step.value not in (None, "", {}, []):
                mend = f"use {step.member.instead}"
                yield Hit(step.path, f"{step.member.key} is deprecated", mend, piece.locate(step.path))


def gone(subject: Subject) -> Iterator[Hit]:
    """A key that people still write and that Flyte no longer reads."""
    for piece in subject.pieces:
        for step in steps(piece.tree):
            if step.member and step.member.gone and step.value is not None:
                mend = f"use {step.member.instead}" if step.member.instead else "remove it"
                yield Hit(step.path, f"{step.member.key} has no effect any more", mend, piece.locate(step.path))
        for path in _connector_timeouts(piece.tree):
            if _has(piece.tree, path):
                mend = "write ListConnectors, which the code reads"
                yield Hit(path, f"{path[-1]} has no effect", mend, piece.locate(path))


def _connector_timeouts(tree: Mapping[str, Any]) -> Iterator[Path]:
    """Where the connectors of a configuration may have the time span that agents had under this name. The section
    agent-service still reads it."""
    named = _lookup(tree, (*_CONNECTORS, "connectors"))
    homes: list[Path] = [(), ("defaultConnector",)]
    homes += [("connectors", str(name)) for name in named] if isinstance(named, Mapping) else []
    return ((*_CONNECTORS, *home, "timeouts", "ListAgents") for home in homes)


def other_version(subject: Subject) -> Iterator[Hit]:
    """A key that the version of Flyte which is to read it does not know."""
    for piece in subject.pieces:
        for step in steps(piece.tree):
            member = step.member
            if member is None or step.value is None:
                continue
            if member.since and "1" in subject.flyte_versions:
                message = f"{member.key} exists only from Flyte {member.since} on; Flyte 1 ignores it"
                yield Hit(step.path, message, "remove it for Flyte 1", piece.locate(step.path))
        if "2" in subject.flyte_versions:
            for path, fact in dropped_by_flyte_2(piece.tree, in_source=subject.is_source):
                yield Hit(path, fact.message, fact.mend, piece.locate(path))


def renamed(subject: Subject) -> Iterator[Hit]:
    """A section under its former name."""
    for piece in subject.pieces:
        for path, name in _RENAMED.items():
            if _has(piece.tree, path) and piece.prefix[-1:] != ("agentService",):
                both = _has(piece.tree, (*path[:-1], name))
                message = f"{path[-1]} is now called {name}" + (", which is set as well" if both else "")
                yield Hit(path, message, f"rename it to {name}", piece.locate(path))
    for path, element in () if subject.is_source else subject.elements(*_ENABLED):
        if isinstance(element, str) and (name := RENAMED.get(cleaned(element), "")):
            yield Hit(path, f"the plugin {element} is now called {name}", f"write {name}, in its routes as well")
    for path, name in _RENAMED_VALUES.items():
        if _has(subject.values, path):
            yield _value(subject, path, f"{path[-1]} is now called {name.rpartition('.')[2]}", f"rename it to {name}")


def other_chart(subject: Subject) -> Iterator[Hit]:
    """A key of another of Flyte's charts: Helm takes any value and this chart reads nothing there."""
    foreign = {Form.FLYTE_CORE: _OF_BINARY, Form.FLYTE_BINARY: _OF_CORE, Form.FLYTE_2: _OF_CORE}
    for key in foreign.get(subject.form, ()) if subject.form else ():
        if _has(subject.values, (key,)):
            other = "flyte-binary" if subject.form is Form.FLYTE_CORE else "flyte-core"
            yield _value(subject, (key,), f"{key} is a value of the chart {other}", "this chart ignores it: remove it")


def _refusals(subject: Subject) -> Iterator[tuple[Piece, Problem]]:
    """What strict reading refuses, piece by piece; pieces that are none of ours (admin, catalogue) are left alone."""
    sections = known_sections(discovered())
    for piece in subject.pieces:
        if subject.form is Form.FLYTE_CORE and "configmap" in piece.prefix and piece.prefix[-1] not in CORE_DOCUMENTS:
            continue
        tree = {key: value for key, value in piece.tree.items() if (key,) not in _MISPLACED}
        for problem in documents.validate(tree, piece.locate, known_sections=sections):
            yield piece, problem


def _is_unknown(path: Path) -> bool:
    around = kind_at(path[:-1])
    return isinstance(around, kinds.Struct) and bool(path) and str(path[-1]) not in around.by_key


def _told_elsewhere(path: Path) -> bool:
    return path in _MISPLACED or path in _RENAMED or path == ("enabled_plugins",)


def _taken_weakly(subject: Subject, piece: Piece, path: Path) -> bool:
    """Would Flyte convert the single value that strict reading refuses? In a source nothing is loose."""
    value, kind = _lookup(piece.tree, path), kind_at(path)
    if subject.is_source or kind is None or value is None:
        return False
    if isinstance(kind, kinds.ListOf):
        # Flyte takes one element for a list of one.
        return not isinstance(value, list)
    if isinstance(value, dict | list):
        return False
    try:
        weak_scalar(kind, value)
    except (DecodeError, ValueError, TypeError):
        return False
    return True


def _has_own_rule(piece: Piece, path: Path) -> bool:
    """Rules of their own tell of booleans that become texts and of time spans without a unit."""
    kind, value = kind_at(path), _lookup(piece.tree, path)
    if isinstance(value, bool):
        return isinstance(kind, kinds.Text)
    return isinstance(kind, kinds.DurationKind) and isinstance(value, int | float)


def _lookup(tree: Any, path: Path) -> Any:
    for step in path:
        if isinstance(tree, Mapping) or (isinstance(tree, list) and isinstance(step, int) and step < len(tree)):
            tree = tree.get(step) if isinstance(tree, Mapping) else tree[int(step)]
        else:
            return None
    return tree


def _has(tree: Any, path: Path) -> bool:
    return _lookup(tree, path) is not None


def _value(subject: Subject, path: Path, message: str, mend: str) -> Hit:
    return Hit(path, message, mend, subject.locate_value(path))
