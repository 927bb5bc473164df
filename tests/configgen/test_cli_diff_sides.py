"""What `configgen diff` compares: environments, git revisions, rendered folders, ConfigMaps."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.configgen.conftest import EXAMPLE, PLUGINS, Configgen, tree

FLYTE = "plugins: {k8s: {default-cpus: 1000m}}\n" + PLUGINS


@pytest.fixture
def rendered(tmp_path: Path, configgen: Configgen) -> Path:
    out = tmp_path / "deploy"
    assert configgen("-C", EXAMPLE, "render", "--all", "--out", out).exit_code == 0
    return out


@pytest.mark.parametrize(
    "name",
    [
        "",
        "configmap",
        "configmap/prod",
        "configmap/prod/config",
        "configmap/prod/configmap.yaml",
        "helm/prod",
        "helm/prod/values.yaml",
        "kustomize/overlays/prod",
    ],
)
def test_what_was_rendered_comes_to_the_same(name: str, rendered: Path, configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "diff", "prod", rendered / name)
    assert result.exit_code == 0, result.output


def test_a_live_dump_of_several_config_maps(rendered: Path, tmp_path: Path, configgen: Configgen) -> None:
    ours = yaml.safe_load((rendered / "configmap/dev/configmap.yaml").read_text())
    ours["metadata"] |= {"resourceVersion": "12", "uid": "x", "creationTimestamp": "2024-01-01T00:00:00Z"}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": "x"}}
    dump = tmp_path / "live.yaml"
    dump.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [other, ours]}))
    result = configgen("-C", EXAMPLE, "diff", dump, "prod", "-o", "json")
    assert result.exit_code == 1
    changes = {change["path"]: change for change in json.loads(result.stdout)["changes"]}
    assert changes["plugins.k8s.default-env-vars.LOG_LEVEL"]["before"]["value"] == "debug"
    assert changes["plugins.k8s.default-env-vars.LOG_LEVEL"]["before"]["origins"][0]["file"] == f"{dump}#k8s.yaml"


def test_a_file_that_only_flyte_reads_is_read_as_flyte_does(tmp_path: Path, configgen: Configgen) -> None:
    (tmp_path / "a.yaml").write_text("plugins: {k8s: {default-cpus: 2, no-such-key: 1}}\n" + PLUGINS)
    (tmp_path / "b.yaml").write_text(FLYTE)
    result = configgen("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert result.exit_code == 1
    assert "a.yaml:1:" in result.stderr
    assert "no-such-key" in result.stderr
    assert "plugins.k8s.default-cpus" in result.stdout


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(make_source: Callable[..., Path], tmp_path: Path) -> Path:
    """A repository whose source, in a folder of it, was committed and then changed."""
    layers = {
        "base": {"config/a.yaml": PLUGINS},
        "more": {"config/b.yaml": "plugins: {k8s: {default-env-vars: {A: x}}}"},
    }
    source = make_source(layers, one=["base", "more"], two=["base"], old=["base"])
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "source")
    git(tmp_path, "commit", "-q", "-m", "first")
    (source / "more/config/b.yaml").write_text("plugins: {k8s: {default-env-vars: {A: y}}}")
    text = (source / "configgen.yaml").read_text()
    (source / "configgen.yaml").write_text(text.replace("old:", "new:"))
    return source


def test_an_environment_at_a_revision(repository: Path, configgen: Configgen) -> None:
    before = tree(repository)
    result = configgen("-C", repository, "diff", "main:one", "one", "-o", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [change["path"] for change in found["changes"]] == ["plugins.k8s.default-env-vars.A"]
    assert found["effect"]["groups"][0]["subject"] == "every pod"
    assert tree(repository) == before


def test_all_environments_against_a_base(repository: Path, configgen: Configgen) -> None:
    result = configgen("-C", repository, "diff", "--base", "HEAD", "-o", "json")
    assert result.exit_code == 1
    found = {one["after"]: one for one in json.loads(result.stdout)["comparisons"]}
    assert len(found["one"]["changes"]) == 1
    assert found["two"]["changes"] == []
    assert found["new"]["remark"] == "The environment new is new."
    assert found["old"]["remark"] == "The environment old is gone."


def test_one_environment_against_a_base_that_is_the_same(repository: Path, configgen: Configgen) -> None:
    result = configgen("-C", repository, "diff", "--base", "HEAD", "two")
    assert (result.exit_code, result.stdout) == (0, "HEAD:two and two come to the same.\n")


ERRORS = {
    "no such revision": (["nowhere:one", "one"], "nowhere: is no revision of this repository"),
    "an option as revision": (["--", "--output=x:one", "one"], "is no revision"),
    "no such environment there": (["main:onee", "one"], "main:configgen.yaml: environments: no environment 'onee'"),
    "no such file": (["./missing.yaml", "one"], "./missing.yaml: does not exist"),
    "both are wrong": (["onee", "twoo"], "2 problems"),
    "a folder without configuration": (["./", "one"], "holds no configuration"),
}


@pytest.mark.parametrize(("names", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(
    names: list[str], message: str, repository: Path, configgen: Configgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "empty").mkdir()
    monkeypatch.chdir(repository / "empty")
    result = configgen("-C", repository, "diff", *names)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_several_config_maps_that_could_be_meant(rendered: Path, tmp_path: Path, configgen: Configgen) -> None:
    texts = [(rendered / f"configmap/{name}/configmap.yaml").read_text() for name in ("dev", "prod")]
    (tmp_path / "two.yaml").write_text("---\n".join(texts))
    result = configgen("-C", EXAMPLE, "diff", tmp_path / "two.yaml", "prod")
    assert result.exit_code == 2
    assert "holds several ConfigMaps: flyte-plugin-manager-config-" in result.stderr


def test_outside_of_a_repository(make_source: Callable[..., Path], configgen: Configgen) -> None:
    source = make_source({"base": {"config/a.yaml": PLUGINS}})
    result = configgen("-C", source, "diff", "main:test", "test")
    assert result.exit_code == 2
    assert "main: git says: not a git repository" in result.stderr


def test_values_of_flytes_charts_count_with_the_charts_defaults(tmp_path: Path, configgen: Configgen) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("configmap: {k8s: {plugins: {k8s: {default-cpus: 500m}}}}\n")
    # 100m is what the chart says by itself; a component that is off has no say.
    new.write_text(
        "configmap: {k8s: {plugins: {k8s: {default-cpus: 0.1}}}}\n"
        "sparkoperator: {enabled: false, plugin_config: {plugins: {spark: {spark-config-default: [{a: b}]}}}}\n"
    )
    result = configgen("diff", old, new, "-o", "json")
    assert result.exit_code == 1, result.output
    (change,) = json.loads(result.stdout)["changes"]
    assert change["path"] == "plugins.k8s.default-cpus"
    assert (change["before"]["value"], change["after"]["value"]) == ("500m", "100m")
    assert change["before"]["origins"][0]["line"] == 1
    assert configgen("diff", new, new).exit_code == 0


def test_values_of_flytes_chart_and_what_was_imported_of_them(tmp_path: Path, configgen: Configgen) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(
        "configmap:\n"
        "  k8s: {plugins: {k8s: {default-cpus: 500m, default-env-vars: [{A: b}]}}}\n"
        "  core: {propeller: {literal-offloading-config: {Enabled: true}}}\n"
    )
    assert configgen("import", values, "--into", tmp_path / "source").exit_code == 0
    result = configgen("-C", tmp_path / "source", "diff", values, "main", "-o", "json")
    # The import adds a setting of our own: the chart's connector-service is not implemented here.
    assert [change["path"] for change in json.loads(result.stdout)["changes"]] == ["plugin-manager.optional-plugins"]


def test_what_a_revision_holds_is_bounded_like_a_checkout(configgen: Configgen, repository: Path) -> None:
    layer = repository / "base/config"
    with layer.joinpath("big.yaml").open("wb") as file:
        file.truncate(3 << 20)
    layer.joinpath("loop.yaml").symlink_to("loop.yaml")
    layer.joinpath("away.yaml").symlink_to("/etc/hostname")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "too much")
    result = configgen("-C", repository, "diff", "HEAD:one", "HEAD~1:one")
    assert result.exit_code == 2
    assert [line.split("; ")[0] for line in result.stderr.splitlines()] == [
        "error: HEAD:base/config/away.yaml: does not exist",
        "error: HEAD:base/config/big.yaml: has 3.0 MiB, more than the limit of 2 MiB",
        "error: HEAD:base/config/loop.yaml: is a symbolic link that leads back to itself",
        "3 problems",
    ]
