"""Plugins of others that can not run: each stops the start with its name and the reason, unless it is optional."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from controller.services.configuration import StartError, load
from pluginmachinery.plugins.registry import declaration_of, instance
from tests.thirdparty.packages import make_package

DECLARATION = (
    "from pluginmachinery.plugins.registry import PluginDeclaration\n"
    "PLUGIN = PluginDeclaration({id!r}, ({type!r},), {implementation!r}, api_version={version})\n"
)
DASK = "pluginmachinery.plugins.dask:DaskPlugin"

FAILING = [
    pytest.param(
        "clash",
        {"id": "spark", "type": "spark", "implementation": DASK, "version": 1},
        ("PluginClash", "spark", "flyte-plugin-manager", "{package}"),
        id="an ID that is taken",
    ),
    pytest.param(
        "old",
        {"id": "old", "type": "old", "implementation": DASK, "version": 99},
        ("PluginApiVersion", "old", "{package}", "version 99"),
        id="made for another version of the contract",
    ),
    pytest.param(
        "gone", None, ("PluginNotLoaded", "gone", "{package}", "boom"), id="its declaration can not be imported"
    ),
    pytest.param(
        "hollow",
        {"id": "hollow", "type": "hollow", "implementation": "no.such.module:Plugin", "version": 1},
        ("PluginNotLoaded", "hollow", "{package}", "no.such.module"),
        id="its code can not be imported",
    ),
    pytest.param(
        "elsewhere",
        {"id": "elsewhere", "type": "x", "implementation": f"{DASK}Nowhere", "version": 1},
        ("PluginNotLoaded", "elsewhere", "{package}", "DaskPluginNowhere"),
        id="its class is not there",
    ),
]
_numbers = itertools.count()


def failing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, given: dict[str, object] | None
) -> tuple[str, str]:
    """Install a package with such a plugin; its name, and the plugin's ID. Modules are remembered: no name twice."""
    package = f"a-{name}-package-{next(_numbers)}"
    plugin = str(given["id"]) if given else name
    module = DECLARATION.format(**given) if given else "raise RuntimeError('boom')\n"
    monkeypatch.syspath_prepend(str(make_package(tmp_path / "site", package, module, plugin=plugin)))
    return package, plugin


def configuration(tmp_path: Path, plugin: str, **settings: object) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    tasks = {"task-plugins": {"enabled-plugins": sorted({"container", "spark", plugin})}}
    document = {"tasks": tasks, "plugins": {plugin: {}}, "plugin-manager": settings}
    (folder / "config.yaml").write_text(yaml.safe_dump(document if plugin == "gone" else {**document, "plugins": {}}))
    return folder


@pytest.mark.parametrize(("name", "given", "told"), FAILING)
def test_it_stops_the_start(
    name: str, given: dict[str, object] | None, told: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, plugin = failing(monkeypatch, tmp_path, name, given)
    with pytest.raises(StartError) as refused:
        load(configuration(tmp_path, plugin))
    (line,) = refused.value.lines
    for word in told:
        assert word.format(package=package) in line


@pytest.mark.parametrize(("name", "given", "told"), FAILING)
def test_an_optional_one_is_reported_and_the_rest_runs(
    name: str, given: dict[str, object] | None, told: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plugin = failing(monkeypatch, tmp_path, name, given)
    registry = load(configuration(tmp_path, plugin, **{"optional-plugins": [plugin]})).registry
    (failed,) = registry.failed
    assert (failed.id, failed.reason.code) == (plugin, told[0])
    assert registry.resolve("container").id == "container"
    assert registry.load("spark") is instance(declaration_of("spark"))


def test_one_that_is_not_enabled_bothers_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, tmp_path, "gone", None)
    assert load(configuration(tmp_path, "container")).registry.failed == ()
