"""The targets ``flyte-core``, ``flyte-binary`` and ``flyte2``: values for Flyte's own charts, one file an environment.

They hold what is configured for plugins, and nothing else: an installation has its own values for database, store and
ingress, and is given ours after them. Values of our chart (image, replicas) mean nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from configgen.flyte_charts import binary, core, flyte_2
from configgen.render.output import Rendered
from configgen.render.release import Release
from configgen.render.yaml_text import to_yaml

_VALUES: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "flyte-core": core.values,
    "flyte-binary": binary.values,
    "flyte2": flyte_2.values,
}
_CHARTS: Final = {
    "flyte-core": "flyteorg/flyte-core",
    "flyte-binary": "flyteorg/flyte-binary",
    "flyte2": "charts/flyte-binary of Flyte 2",
}


def render(target: str, environments: Sequence[Release], *, every: bool) -> Rendered:
    """``<target>/<env>/values.yaml`` for each environment."""
    files = {f"{target}/{release.name}/values.yaml": _text(target, release) for release in environments}
    folders = (target,) if every else tuple(f"{target}/{release.name}" for release in environments)
    return Rendered(files, folders)


def rendered_values(target: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a chart for a configuration."""
    return _VALUES[target](tree)


def _text(target: str, release: Release) -> str:
    comment = (
        f"# Values for {_CHARTS[target]}, to be given after those of the installation itself: helm upgrade … --values"
        " values.yaml\n# null takes out what the chart says by itself.\n"
    )
    return release.header() + comment + to_yaml(rendered_values(target, release.tree))
