"""Sources that are wrong: one clear message each with its place, exit code 2, and nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configgen.conftest import PLUGINS, Configgen

GOOD = {"config/a.yaml": PLUGINS}
LONG = "x: " + "y" * (2 * 1024 * 1024)

LAYERS: dict[str, tuple[dict[str, str], str]] = {
    "an unknown key": (
        {"config/a.yaml": PLUGINS + "plugins:\n  k8s:\n    default-cpu: 1\n"},
        "layer/config/a.yaml:4:5: plugins.k8s.default-cpu: there is no key default-cpu here; did you mean default-cpus",
    ),
    "a bad quantity": (
        {"config/a.yaml": PLUGINS + "plugins:\n  k8s:\n    default-memory: 1GB\n"},
        "layer/config/a.yaml:4:5: plugins.k8s.default-memory:",
    ),
    "a bad duration": (
        {"config/a.yaml": PLUGINS + "plugins:\n  k8s:\n    image-pull-backoff-grace-period: 3 days\n"},
        "layer/config/a.yaml:4:5: plugins.k8s.image-pull-backoff-grace-period:",
    ),
    "a value of a wrong type, in an element of a list": (
        {"config/a.yaml": PLUGINS + "plugins:\n  k8s:\n    default-tolerations:\n      - key: [a]\n"},
        "layer/config/a.yaml:5:9: plugins.k8s.default-tolerations[0].key:",
    ),
    "a plugin that does not exist": (
        {"config/a.yaml": "tasks:\n  task-plugins:\n    enabled-plugins:\n      - container\n      - sprak\n"},
        "layer/config/a.yaml:5:9: tasks.task-plugins.enabled-plugins[1]: there is no plugin 'sprak'; "
        "did you mean spark?",
    ),
    "a plugin that is not implemented": (
        {"config/a.yaml": "tasks: {task-plugins: {enabled-plugins: [container, snowflake]}}"},
        "layer/config/a.yaml:1:53: tasks.task-plugins.enabled-plugins[1]: the plugin snowflake is known, but not",
    ),
    "a default that is not enabled": (
        {"config/a.yaml": PLUGINS[:-3] + ", default-for-task-types: {spark: spark}}}\n"},
        "tasks.task-plugins.default-for-task-types gives spark to the plugin 'spark', which is not enabled",
    ),
    "two plugins for one task type": (
        {"config/a.yaml": "tasks: {task-plugins: {enabled-plugins: [container, pod]}}"},
        "tasks of type container could run by container, pod; choose one in",
    ),
    "an unknown value of the release": (
        {**GOOD, "release.yaml": "replicas: 1\nimage:\n  tagg: v1\n"},
        "layer/release.yaml:3:3: image.tagg: there is no key tagg here; did you mean tag?",
    ),
    "a number where the release wants a text": (
        {**GOOD, "release.yaml": "image: {tag: 1.10}\n"},
        "layer/release.yaml:1:9: image.tag: a text is needed, not a number; put it in quotes",
    ),
    "a value of the chart that is derived": (
        {**GOOD, "release.yaml": "config: {}\n"},
        "layer/release.yaml:1:1: config: there is no key config here",
    ),
    "a file over the limit": (
        {"config/a.yaml": LONG},
        "layer/config/a.yaml: has 2.0 MiB, more than the limit of 2 MiB",
    ),
    "a binary file": (
        {"config/a.yaml": "\0\1\2"},
        "layer/config/a.yaml: is a binary file; only YAML files belong here",
    ),
    "a file with another ending": ({**GOOD, "config/b.yml": "a: 1"}, "layer/config/b.yml: is not read; name it .yaml"),
    "a folder inside config": (
        {**GOOD, "config/more/b.yaml": "a: 1"},
        "layer/config/more: is a folder; only files are read here; move its files up, or make it a layer",
    ),
    "YAML beside config": ({**GOOD, "k8s.yaml": "a: 1"}, "layer/k8s.yaml: is not read; move it to layer/config/"),
    "a layer that says nothing": (
        {"README.md": "hello"},
        "layer: is no layer: it says nothing; give it a folder config/",
    ),
}


@pytest.mark.parametrize(("files", "message"), LAYERS.values(), ids=LAYERS)
def test_a_layer_that_is_wrong(
    files: dict[str, str], message: str, configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    result = configgen("-C", make_source({"layer": files}), "render", "--all", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_layer_that_set_a_bad_value_is_named_not_the_one_beneath(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    good = PLUGINS + "plugins: {k8s: {default-cpus: 1}}\n"
    source = make_source(
        {"base": {"config/a.yaml": good}, "top": {"config/b.yaml": "plugins: {k8s: {default-cpus: x}}"}}
    )
    result = configgen("render", "-C", source, "--all", "--out", tmp_path / "out")
    assert "error: top/config/b.yaml:1:17: plugins.k8s.default-cpus:" in result.stderr


def test_all_problems_of_all_environments_are_told_at_once_and_each_once(
    configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source(
        {
            "base": {"config/a.yaml": PLUGINS + "plugins: {k8s: {nonsense: 1}}\n"},
            "dev": {"config/b.yaml": "task_resources: {limits: {memroy: 1Gi}}\n"},
        },
        dev=["base", "dev"],
        prod=["base", "gone"],
    )
    result = configgen("render", "-C", source, "--all", "--out", tmp_path / "out")
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == [
        "base/config/a.yaml:2:17",
        "configgen.yaml:10:7",
        "dev/config/b.yaml:1:27",
    ]
    assert lines[-1] == "3 problems"


SOURCES = {
    "an unknown key": (
        "environments: {dev: {layer: [base], namespace: n}}",
        "1:22: environments.dev.layer: unknown key; did you mean layers?",
    ),
    "no namespace": ("environments: {dev: {layers: [base]}}", "environments.dev.namespace: no namespace; name where"),
    "a namespace that is none": ("environments: {dev: {layers: [base], namespace: A_b}}", "is no name for a namespace"),
    "no layers": (
        "environments: {dev: {namespace: n}}",
        "environments.dev.layers: no layers; name at least one folder",
    ),
    "a layer twice": ("environments: {dev: {layers: [a, b, a], namespace: n}}", "the layer 'a' twice; it is in line 1"),
    "a layer outside": ("environments: {dev: {layers: [../x], namespace: n}}", "'../x' is no folder below the source"),
    "a layer that is missing": (
        "environments: {dev: {layers: [gone], namespace: n}}",
        "configgen.yaml:1:31: environments.dev.layers: the layer 'gone' is no",
    ),
    "an unknown target": (
        "environments: {dev: {layers: [base], namespace: n, targets: [hlem]}}",
        "no target 'hlem'; did you mean helm?",
    ),
    "a name for an environment that is none": (
        "environments: {Dev_1: {layers: [base], namespace: n}}",
        "'Dev_1' is no name for an environment",
    ),
    "no environments": ("environments: {}", "no environment is defined; name one"),
    "an empty file": ("", "no mapping; start with environments:"),
}


@pytest.mark.parametrize(("text", "message"), SOURCES.values(), ids=SOURCES)
def test_a_configgen_yaml_that_is_wrong(text: str, message: str, configgen: Configgen, tmp_path: Path) -> None:
    (tmp_path / "base/config").mkdir(parents=True)
    (tmp_path / "base/config/a.yaml").write_text(PLUGINS)
    (tmp_path / "configgen.yaml").write_text(text)
    result = configgen("-C", tmp_path, "render", "--all", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "configgen.yaml" in result.stderr


def test_a_folder_without_configgen_yaml(configgen: Configgen, tmp_path: Path) -> None:
    result = configgen("-C", tmp_path, "render", "--all", "--out", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: {tmp_path}/configgen.yaml: does not exist; name the folder that has configgen.yaml with -C\n",
    )


LINKS = {
    "a layer that is a link to itself": ("layer", "layer"),
    "a document that is a link to itself": ("layer/config/a.yaml", "a.yaml"),
    "a folder of documents that is a link to itself": ("layer/config", "config"),
}


@pytest.mark.parametrize(("link", "target"), LINKS.values(), ids=LINKS)
def test_a_link_that_leads_back_to_itself(
    link: str, target: str, configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_source({}, test=["layer"])
    (source / link).parent.mkdir(parents=True, exist_ok=True)
    (source / link).symlink_to(target)
    result = configgen("-C", source, "render", "--all", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert f"{link}: is a symbolic link that leads back to itself" in result.stderr


def test_a_pipe_is_not_waited_for(configgen: Configgen, make_source: Callable[..., Path], tmp_path: Path) -> None:
    source = make_source({"layer": GOOD})
    os.mkfifo(source / "layer/config/b.yaml")
    result = configgen("-C", source, "render", "--all", "--out", tmp_path / "out")
    assert "layer/config/b.yaml: is no regular file; a file is expected here" in result.stderr


def test_a_file_that_may_not_be_read(configgen: Configgen, nobodys_folder: Path) -> None:
    (nobodys_folder / "layer/config").mkdir(parents=True)
    (nobodys_folder / "configgen.yaml").write_text("environments: {dev: {layers: [layer], namespace: n}}")
    document = nobodys_folder / "layer/config/a.yaml"
    document.write_text(PLUGINS)
    document.chmod(0)
    result = configgen("-C", nobodys_folder, "render", "--all", "--out", nobodys_folder / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: layer/config/a.yaml: may not be read: permission denied; check the owner")
