"""What recorded cases have in common: task, plugin and how a phase is written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pluginmachinery.api.contexts import task_context
from pluginmachinery.conformance.replay import configuration
from pluginmachinery.core.phases import Phase, PhaseInfo
from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.plugins.enabling import EnablingError
from pluginmachinery.plugins.registry import Plugin, declaration_of, instance

NOW = datetime(2050, 1, 1, tzinfo=UTC)
"""The time of every case. Those in recorded objects are long before or long after it, so any would do."""


def plugin_of(case: Mapping[str, Any]) -> Plugin:
    """The plugin that a case is about, enabled or not. Raises NotImplementedError."""
    try:
        return instance(declaration_of(case["plugin"]))
    except EnablingError as error:
        raise NotImplementedError(str(error)) from error


def kubernetes_plugin_of(case: Mapping[str, Any]) -> KubernetesPlugin:
    """As :func:`plugin_of`, where the operation is about plugins with one object."""
    plugin = plugin_of(case)
    if not isinstance(plugin, KubernetesPlugin):
        raise NotImplementedError(f"{case['plugin']} does not make a single object")
    return plugin


def task_of(case: Mapping[str, Any]) -> TaskContext:
    """The task of a case. Raises ConfigurationError, and PluginError for a task that can not be read."""
    return task_context(
        case["task"],
        case.get("execution") or {},
        config=configuration(case),
        now=NOW,
        environment=case.get("environment"),
    )


def phase_answer(info: PhaseInfo) -> dict[str, Any]:
    """A phase as recordings have it. A phase that does not say when it was entered was entered now; one that is not
    known was never entered."""
    entered = info.info.occurred_at or (None if info.phase is Phase.UNDEFINED else NOW)
    answer: dict[str, Any] = {
        "phase": str(info.phase),
        "version": info.version,
        "reason": info.reason,
        "cleanupOnFailure": info.cleanup_on_failure,
        "occurredAt": None if entered is None else _time(entered),
        "reportedAt": None if info.info.reported_at is None else _time(info.info.reported_at),
        "logs": [dict(log) for log in info.info.logs],
    }
    if info.info.custom_info is not None:
        answer["customInfo"] = dict(info.info.custom_info)
    if info.error is not None:
        answer["error"] = {"code": info.error.code, "kind": str(info.error.kind), "message": info.error.message}
    return answer


def _time(moment: datetime) -> str:
    return "@now@" if moment == NOW else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
