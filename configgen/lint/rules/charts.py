"""What is installed: operators that are off or that nobody installs, sections of Flyte's charts that no value leads to,
settings that stop at a gate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from configgen.flyte_charts.unexpressed import Unexpressed, of_our_controller, of_the_store
from configgen.importers.charts import CORE_COMPONENTS
from configgen.importers.forms import Form
from configgen.lint.rules.plugins import choices, known
from configgen.lint.subjects import Hit, Subject
from configgen.operators import BY_NAME
from pluginmachinery.config.problems import Path, dotted
from pluginmachinery.plugins.enabling import cleaned

_COMPONENT: Final = {"spark": "sparkoperator", "databricks": "databricks"}
_INSTALLING: Final = frozenset({"helm", "kustomize"})
"""Targets that render what installs operators."""
_WITHOUT_SECTION: Final = ("ray", "dask", "pytorch", "mpi", "tensorflow", "kf-operator", "kubeflow", "rayoperator")
"""Names under which people put settings for which the charts have no place."""


def operator_missing(subject: Subject) -> Iterator[Hit]:
    """A plugin that is enabled while nothing installs the operator it needs, or the chart has it off."""
    if subject.is_source:
        yield from _operators_nobody_installs(subject)
    if subject.form is not Form.FLYTE_CORE:
        return
    enabled = frozenset().union(*(choice.cleaned for choice in choices(subject)))
    for plugin, component in _COMPONENT.items():
        if plugin in enabled and subject.value(component, "enabled") is False:
            path = (component, "enabled")
            message = f"the plugin {plugin} is enabled, its component {component} is not"
            yield Hit(path, message, f"set {component}.enabled: true, or disable {plugin}", subject.locate_value(path))


def _operators_nobody_installs(subject: Subject) -> Iterator[Hit]:
    """Of an environment: what is rendered installs no operator, or does not know this one."""
    installed = frozenset(_installed(subject))
    installs = not _INSTALLING.isdisjoint(subject.targets)
    enabled = {path: name for choice in choices(subject) for path, name in choice.ids or ()}
    for path, name in enabled.items():
        plugin = known().get(cleaned(name))
        operator = plugin.operator_component if plugin and plugin.implementation else None
        if not operator or operator in installed or (installs and operator in BY_NAME):
            continue
        why = "no target of the environment installs" if operator in BY_NAME else "configgen does not know"
        mend = f"list {operator} in operators.installed of release.yaml if the cluster has it"
        if operator in BY_NAME:
            mend += f", or add one of the targets {', '.join(sorted(_INSTALLING))}"
        yield Hit(path, f"the plugin {name} needs the operator {operator}, which {why}", mend)


def unknown_operator(subject: Subject) -> Iterator[Hit]:
    """An operator in ``operators.installed`` that no plugin needs: probably a typing error."""
    needed = sorted({plugin.operator_component for plugin in known().values() if plugin.operator_component})
    for index, name in enumerate(_installed(subject) if subject.is_source else ()):
        if name not in needed:
            near = get_close_matches(name, needed, n=1)
            mend = f"did you mean {near[0]}?" if near else f"operators are {', '.join(needed)}"
            path = ("operators", "installed", index)
            yield Hit(path, f"no plugin needs an operator {name!r}", mend, subject.locate_value(path))


def _installed(subject: Subject) -> list[str]:
    listed = subject.value("operators", "installed")
    return [str(name) for name in listed] if isinstance(listed, list) else []


def gated_off(subject: Subject) -> Iterator[Hit]:
    """Settings of a component that is not enabled: the chart does not render them."""
    for piece in subject.pieces:
        if piece.gate is not None and piece.gate != piece.prefix:
            message = f"the chart renders this only where {dotted(piece.gate)} is true"
            yield Hit(piece.prefix, message, f"set {dotted(piece.gate)}: true, or remove it", piece.locate(()))


def no_chart_section(subject: Subject) -> Iterator[Hit]:
    """Settings of a plugin for which the chart has no place of its own."""
    if not subject.is_values:
        return
    for piece in subject.pieces:
        if piece.gate == piece.prefix:
            yield Hit(piece.prefix, "the chart renders this nowhere", _home(subject), piece.locate(()))
    for name in _WITHOUT_SECTION:
        places: list[Path] = [(name,)]
        if subject.form is Form.FLYTE_BINARY:
            places.append(("configuration", name))
        for path in places:
            if isinstance(subject.value(*map(str, path)), Mapping):
                message = f"the chart has no values for {name}: they are ignored"
                yield Hit(path, message, _home(subject), subject.locate_value(path))
    if subject.form in (Form.FLYTE_BINARY, Form.FLYTE_2):
        for component in CORE_COMPONENTS:
            path = (component, "plugin_config")
            if isinstance(subject.value(*path), Mapping):
                message = "the chart flyte-binary takes settings of plugins only through configuration.inline"
                yield Hit(path, message, "move it to configuration.inline", subject.locate_value(path))


def _home(subject: Subject) -> str:
    if subject.form is Form.FLYTE_CORE:
        return "put them beside the section k8s: configmap.k8s: {plugins: {k8s: …, ray: …}}"
    return "put them into configuration.inline.plugins"


def unexpressed_scopes(subject: Subject) -> Iterator[Hit]:
    """Settings of our controller, such as overrides per project and domain, for something that can not express them."""
    yield from _lost(of_our_controller(subject.tree, subject.targets))
    if subject.is_values and subject.mapping("plugin-manager"):
        message = "Flyte ignores this section; only our controller reads it"
        yield Hit(("plugin-manager",), message, "remove it from the values of Flyte's chart")


def store_elsewhere(subject: Subject) -> Iterator[Hit]:
    """The section storage for a target that leaves the store to the installation's own values."""
    yield from _lost(of_the_store(subject.tree, subject.targets))


def _lost(losses: Iterable[Unexpressed]) -> Iterator[Hit]:
    for loss in losses:
        yield Hit(loss.path, f"the target {' and '.join(loss.targets)} {loss.message}", loss.mend)
