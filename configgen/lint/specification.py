"""The specification: every rule in its order, with its ID and severity.

IDs are stable: waivers and reports name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from configgen.lint.findings import Severity
from configgen.lint.rules import amounts, charts, contents, keys, maps, plugins, reading, scheduling, security
from configgen.lint.subjects import DISAGREEMENT, PASSED_OVER, RELEASE, UNREADABLE, Hit, Subject

Check = Callable[[Subject], Iterable[Hit]]
_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class Rule:
    """``whole``: it judges by what is missing, so it is left out where something could not be read."""

    id: str
    severity: Severity
    check: Check
    whole: bool = False

    @property
    def summary(self) -> str:
        """What it finds and why that is bad: the check's docstring."""
        return " ".join((self.check.__doc__ or "").split())


RULES: Final[tuple[Rule, ...]] = (
    # Reading
    Rule(UNREADABLE, _ERROR, reading.unreadable),
    Rule(DISAGREEMENT, _ERROR, reading.disagreement),
    Rule(RELEASE, _ERROR, reading.release),
    Rule(PASSED_OVER, _INFO, reading.nothing_here),
    # Keys
    Rule("unknown-key", _ERROR, keys.unknown),
    Rule("misplaced-key", _ERROR, keys.misplaced),
    Rule("other-chart", _WARNING, keys.other_chart),
    Rule("key-in-other-case", _WARNING, keys.other_case),
    Rule("invalid-value", _ERROR, keys.invalid),
    Rule("loose-value", _WARNING, keys.loose),
    Rule("deprecated-key", _WARNING, keys.deprecated),
    Rule("dead-key", _WARNING, keys.gone),
    Rule("renamed-key", _WARNING, keys.renamed),
    Rule("key-of-other-version", _WARNING, keys.other_version),
    # Maps and lists
    Rule("lower-cased-key", _ERROR, maps.lower_cased_keys),
    Rule("list-over-map", _ERROR, maps.list_over_map),
    Rule("replaced-list", _WARNING, maps.replaced_lists),
    Rule("helm-replaces-list", _WARNING, maps.helm_replaces),
    Rule("platform-variables-lost", _ERROR, maps.platform_variables),
    Rule("annotation-lost", _WARNING, maps.lost_annotation, whole=True),
    Rule("empty-map", _INFO, maps.empty_maps),
    # Plugins
    Rule("all-plugins-enabled", _WARNING, plugins.empty_list, whole=True),
    Rule("unknown-plugin", _ERROR, plugins.unknown_plugin),
    Rule("plugin-not-implemented", _ERROR, plugins.not_implemented),
    Rule("plugin-gone", _WARNING, plugins.gone_plugin),
    Rule("plugin-id-spelling", _WARNING, plugins.spelling),
    Rule("default-not-enabled", _ERROR, plugins.default_not_enabled, whole=True),
    Rule("default-without-effect", _WARNING, plugins.default_without_effect, whole=True),
    Rule("task-type-claimed-twice", _ERROR, plugins.claimed_twice, whole=True),
    Rule("default-ignored", _WARNING, plugins.default_ignored),
    Rule("unknown-task-type", _WARNING, plugins.unknown_task_type),
    Rule("plugin-without-route", _INFO, plugins.without_route, whole=True),
    Rule("section-without-plugin", _INFO, plugins.section_without_plugin, whole=True),
    # Charts and targets
    Rule("operator-not-enabled", _ERROR, charts.operator_missing),
    Rule("unknown-operator", _WARNING, charts.unknown_operator),
    Rule("gated-off", _WARNING, charts.gated_off),
    Rule("no-chart-section", _ERROR, charts.no_chart_section),
    Rule("scopes-not-expressible", _ERROR, charts.unexpressed_scopes),
    Rule("store-not-rendered", _WARNING, charts.store_elsewhere),
    # Amounts
    Rule("default-above-limit", _ERROR, amounts.default_above_limit, whole=True),
    Rule("request-above-limit", _ERROR, amounts.request_above_limit, whole=True),
    Rule("partial-limits", _WARNING, amounts.partial_limits),
    Rule("zero-limit", _INFO, amounts.zero_limit),
    Rule("mixed-units", _INFO, amounts.mixed_units),
    Rule("code-defaults", _INFO, amounts.differing_defaults, whole=True),
    Rule("duration-without-unit", _WARNING, amounts.unitless_duration),
    # Scheduling
    Rule("conflicting-tolerations", _WARNING, scheduling.conflicting_tolerations),
    Rule("gpu-toleration", _WARNING, scheduling.gpu_toleration, whole=True),
    Rule("gpu-resource-name", _INFO, scheduling.gpu_resource),
    Rule("gpu-label", _WARNING, scheduling.gpu_label, whole=True),
    Rule("contrary-selectors", _WARNING, scheduling.contrary_selectors),
    Rule("selector-without-nodes", _WARNING, scheduling.selector_without_nodes),
    Rule("selector-requirement", _ERROR, scheduling.requirement_shape),
    # Security
    Rule("weak-security-context", _WARNING, security.weak_context),
    Rule("not-restricted", _INFO, security.lacking_context, whole=True),
    Rule("host-network", _WARNING, security.host_network),
    Rule("floating-image", _WARNING, security.floating_image),
    Rule("secret-in-plain-text", _ERROR, security.secrets),
    # Contents
    Rule("placeholder", _WARNING, contents.placeholders),
    Rule("sandbox-endpoint", _WARNING, contents.sandbox_endpoint),
    Rule("local-log-links", _INFO, contents.dashboard_links),
    Rule("boolean-as-text", _WARNING, contents.booleans_as_text),
)

WAIVER_RULES: Final = {
    "waiver-expired": (_ERROR, "A waiver whose date has passed; what it waived is told again."),
    "waiver-invalid": (_ERROR, "A waiver without rule, reason or date, or for a rule that does not exist."),
    "waiver-unused": (_INFO, "A waiver for something that is not there any more."),
}
"""Findings about waivers themselves; they can not be waived."""
