"""Values of flyte-binary for Flyte 1: which plugins run in ``enabled_plugins``, everything else in
``configuration.inline``, the document that Flyte reads last.

What the chart itself would write into an earlier document about logs and the data sidecar is taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configgen.flyte_charts.laying import Tree, escaped, laid_over, routes
from configgen.flyte_charts.sections import flyte_sections
from configgen.importers.chart_defaults import chart_defaults
from configgen.importers.forms import Form


def values(tree: Mapping[str, Any]) -> Tree:
    """The chart's values for the effective configuration of an environment."""
    inline = flyte_sections(tree)
    chosen = taken_out(inline)
    known = chart_defaults(Form.FLYTE_BINARY).tree["enabled_plugins"]["tasks"]
    return {
        "enabled_plugins": {"tasks": laid_over(known, {"task-plugins": chosen} if chosen else {})},
        "configuration": {"logging": {"plugins": None}, "co-pilot": {"image": None}, "inline": escaped(inline)},
    }


def taken_out(sections: Tree) -> Tree:
    """Take which plugins run out of the sections, as far as the chart has a place for it."""
    tasks = dict(sections.pop("tasks", None) or {})
    chosen = dict(tasks.pop("task-plugins", None) or {})
    in_place, listed = routes(chosen)
    chosen.pop("default-for-task-types", None)
    if in_place:
        chosen["default-for-task-types"] = in_place
    if listed:
        tasks["task-plugins"] = {"default-for-task-types": listed}
    if tasks:
        sections["tasks"] = tasks
    return chosen
