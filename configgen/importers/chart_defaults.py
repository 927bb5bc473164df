"""Helm's merge: a chart's defaults, then the values files in their order. It comes before Flyte's own merge.

Mappings merge, everything else is replaced by the later file, null takes a key out. Places follow: of every value that
came out, the file that said it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from configgen.importers.forms import Form, Values
from pluginmachinery.config import yaml_text
from pluginmachinery.config.problems import Location, Path
from pluginmachinery.config.yaml_text import key_text

VERSION: Final = "1.16.8"
"""The Flyte version whose charts' defaults are known."""
_CHARTS: Final = {Form.FLYTE_CORE: "flyte-core", Form.FLYTE_BINARY: "flyte-binary", Form.FLYTE_2: "flyte2"}
_TITLES: Final = {"flyte2": "flyte-binary of Flyte 2", "flyte-devbox": "flyte-devbox of Flyte 2"}


def chart_name(form: Form, umbrella: str = "") -> str:
    """The chart whose defaults are known for the form; empty where none are."""
    return umbrella or _CHARTS.get(form, "")


def chart_title(name: str) -> str:
    """A chart with its version, for people."""
    return _TITLES.get(name) or f"{name} {VERSION}"


def chart_defaults(form: Form, umbrella: str = "") -> Values:
    """What the chart says where the user says nothing; only what touches plugins. An umbrella chart's own values lie
    over those of the chart in it."""
    name = chart_name(form)
    if not name:
        return Values(form, {}, (), {})
    if not umbrella:
        return _shipped(form, name)
    result = _Merge()
    for values in (_shipped(form, name), _shipped(form, umbrella)):
        result.lay(values)
    return Values(form, result.tree, (), result.locations)


@cache
def _shipped(form: Form, name: str) -> Values:
    text = files("configgen.importers").joinpath("defaults", f"{name}.yaml").read_text("utf-8")
    parsed = yaml_text.parse(chart_title(name), text)
    here = Location(chart_title(name))
    return Values(form, parsed.tree, (), dict.fromkeys(parsed.locations, here))


def merged(form: Form, layers: list[Values], umbrella: str = "") -> Values:
    """The chart's defaults with the values laid over, one after the other."""
    umbrella = next((values.umbrella for values in layers if values.umbrella), umbrella)
    result = _Merge()
    for values in (chart_defaults(form, umbrella), *layers):
        result.lay(values)
    return Values(form, result.tree, (), result.locations, umbrella=umbrella)


@dataclass
class _Merge:
    tree: dict[str, Any] = field(default_factory=dict)
    locations: dict[Path, Location] = field(default_factory=dict)

    def lay(self, values: Values) -> None:
        depth = len(values.prefix)
        locations = {path[depth:]: place for path, place in values.locations.items() if path[:depth] == values.prefix}
        self._lay(self.tree, values.tree, (), locations)

    def _lay(
        self, target: dict[str, Any], source: Mapping[Any, Any], path: Path, locations: Mapping[Path, Location]
    ) -> None:
        for key, value in source.items():
            here = (*path, key_text(key))
            below = target.get(key)
            if isinstance(below, dict) and isinstance(value, Mapping):
                self._lay(below, value, here, locations)
                self._place(here, locations, whole=False)
                continue
            self.locations = {at: place for at, place in self.locations.items() if at[: len(here)] != here}
            if value is None:
                target.pop(key, None)
                continue
            target[key] = _copy(value)
            self._place(here, locations, whole=True)

    def _place(self, path: Path, locations: Mapping[Path, Location], *, whole: bool) -> None:
        if whole:
            self.locations |= {at: place for at, place in locations.items() if at[: len(path)] == path}
        elif path in locations:
            self.locations[path] = locations[path]


def _copy(value: Any) -> Any:
    """Mappings are merged into later: the file's own must not change. Nulls inside are no values for Helm."""
    if isinstance(value, Mapping):
        return {key: _copy(member) for key, member in value.items() if member is not None}
    return value
