"""The target ``helm``: values for our chart, and the charts of operators, a folder an environment.

The values file holds what differs from the chart's defaults. Helm merges values over defaults and never removes, so a
key that an environment does not have is written as null, which is Helm's word for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from configgen.release.rights import foreign_rules
from configgen.release.values import NAME, ControllerValues, ReleaseValues
from configgen.render import operators
from configgen.render.output import Rendered
from configgen.render.release import Release
from configgen.render.yaml_text import to_yaml
from pluginmachinery.api.rbac import OUR_DISTRIBUTION

FOLDER: Final = "helm"


def render(environments: Sequence[Release], *, every: bool) -> Rendered:
    """``helm/<env>/values.yaml`` for each environment, and ``operators.yaml`` where plugins need operators."""
    files = {f"{FOLDER}/{release.name}/values.yaml": _text(release) for release in environments}
    for release in environments:
        if charts := operators.helmfile(release):
            files[f"{FOLDER}/{release.name}/operators.yaml"] = charts
    folders = (FOLDER,) if every else tuple(f"{FOLDER}/{release.name}" for release in environments)
    return Rendered(files, folders)


def _text(release: Release) -> str:
    command = (
        f"# helm upgrade --install {NAME} charts/{NAME} --namespace {release.namespace} --create-namespace"
        " --values values.yaml\n"
    )
    return release.header() + command + to_yaml(values(release))


def values(release: Release) -> dict[str, Any]:
    """The chart's values for a release."""
    changed = overrides(as_plain(ReleaseValues()), as_plain(release.values))
    rbac: dict[str, Any] = changed.pop("rbac", {})
    known = [plugin.id for plugin in release.plugins if plugin.distribution == OUR_DISTRIBUTION]
    rbac = {**rbac, "plugins": known}
    if foreign := foreign_rules(release.plugins):
        rbac["extraRules"] = [*foreign, *rbac.get("extraRules", [])]
    return {**changed, "rbac": rbac, "shippedConfig": False, "config": dict(release.documents)}


def as_plain(values: ReleaseValues) -> dict[str, Any]:
    """What the chart takes of a release's values."""
    fields = set(ControllerValues.model_fields)
    return values.model_dump(by_alias=True, mode="json", exclude_none=True, include=fields)


def overrides(default: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be merged over ``default`` to get ``wanted``, in Helm's way of merging."""
    changed: dict[str, Any] = {key: None for key in default if key not in wanted}
    for key, value in wanted.items():
        if key not in default:
            changed[key] = value
        elif isinstance(value, Mapping) and isinstance(default[key], Mapping):
            if inner := overrides(default[key], value):
                changed[key] = inner
        elif value != default[key]:
            changed[key] = value
    return changed
