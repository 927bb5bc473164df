"""`configgen simulate`: the object that the controller would create."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from configgen.effects.representatives import built_in
from tests.configgen.conftest import EXAMPLE, Configgen, tree

ALL = "container, sidecar, spark, ray, dask, pytorch, mpi, tensorflow, k8s-array, echo"
EVERYTHING = f"tasks: {{task-plugins: {{enabled-plugins: [{ALL}]}}}}\n"
KINDS = {
    "spark": "SparkApplication",
    "ray": "RayJob",
    "dask": "DaskJob",
    "pytorch": "PyTorchJob",
    "mpi": "MPIJob",
    "tensorflow": "TFJob",
    "container_array": "List",
}
DENIES = EVERYTHING + "plugin-manager: {policy: {deny: restricted}}\n"


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING)
    return path


@pytest.mark.parametrize("task", [task for task in built_in() if task.type != "echo"], ids=lambda task: task.name)
def test_every_built_in_task_comes_to_an_object_of_its_plugin(
    task: object, everything: Path, configgen: Configgen
) -> None:
    name, kind = task.name, KINDS.get(task.type, "Pod")  # type: ignore[attr-defined]
    result = configgen("simulate", "--task", name, "--file", everything, "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["kind"] == kind


def test_a_task_that_needs_no_object(everything: Path, configgen: Configgen) -> None:
    result = configgen("simulate", "--task", "echo", "--file", everything)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "the plugin echo creates no object for this task\n"


def test_yaml_is_what_kubectl_would_take(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "simulate", "--task", "gpu", "--env", "prod")
    pod = yaml.safe_load(result.stdout)
    assert result.exit_code == 0
    assert pod["spec"]["tolerations"][1] == {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
    assert pod["metadata"]["labels"]["plugins.flyte.org/managed"] == "true"


def test_against_another_environment(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "simulate", "--task", "gpu", "--env", "dev", "--against", "prod")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "gpu under dev → prod:",
        "  gains node affinity karpenter.sh/capacity-type NotIn [spot]",
        "  env LOG_LEVEL: debug → info",
        "  label environment: dev → prod",
        "  gains toleration dedicated gpu NoSchedule",
    ]


def test_against_itself(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "simulate", "--task", "gpu", "--env", "dev", "--against", "dev")
    assert (result.exit_code, result.stdout) == (0, "gpu comes to the same under dev and dev.\n")


TEMPLATE = "type: python-task\ncontainer: {image: mine:1, args: [run]}\n"
EXECUTION = (
    '{"apiVersion": "plugins.flyte.org/v1alpha1", "kind": "TaskExecution", "metadata": {"name": "mine"},'
    ' "spec": {"template": {"type": "python-task", "container": {"image": "mine:1"}}}}'
)


@pytest.mark.parametrize(
    ("name", "text"), [("task.yaml", TEMPLATE), ("task.json", EXECUTION)], ids=["a template", "a TaskExecution"]
)
def test_a_task_of_ones_own(name: str, text: str, tmp_path: Path, configgen: Configgen) -> None:
    (tmp_path / name).write_text(text)
    result = configgen("-C", EXAMPLE, "simulate", "--task", tmp_path / name, "--env", "dev", "-o", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["spec"]["containers"][0]["image"] == "mine:1"


def test_a_denial_is_shown_with_all_its_fields(tmp_path: Path, configgen: Configgen) -> None:
    (tmp_path / "c.yaml").write_text(DENIES)
    result = configgen("simulate", "--task", "container", "--file", tmp_path / "c.yaml", "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failure"].startswith("PolicyDenied")
    assert "spec.containers[0].securityContext.runAsNonRoot: must be true (run-as-non-root)" in result.stderr


def test_a_task_that_nobody_runs(everything: Path, tmp_path: Path, configgen: Configgen) -> None:
    (tmp_path / "bad.yaml").write_text("type: spark\ncontainer: {image: x}\n")
    result = configgen("simulate", "--task", tmp_path / "bad.yaml", "--file", everything)
    assert result.exit_code == 1
    assert "FailedToBuildResource" in result.stderr


def test_secrets_of_the_storage_do_not_come_back_in_arguments(tmp_path: Path, configgen: Configgen) -> None:
    storage = "storage: {type: minio, connection: {auth-type: accesskey, access-key: someone, secret-key: hunter2}}\n"
    variable = "plugins: {k8s: {default-env-vars: [{DB_PASSWORD: pw}, {URL: 'http://u:geheim@h'}]}}\n"
    (tmp_path / "c.yaml").write_text(EVERYTHING + storage + variable)
    result = configgen("simulate", "--task", "raw-container", "--file", tmp_path / "c.yaml")
    assert "--storage.connection.secret-key=******" in result.stdout
    assert "http://u:******@h" in result.stdout
    assert not [secret for secret in ("hunter2", "someone", "value: pw", "geheim") if secret in result.output]


WRONG = {
    "no YAML": ("a: [", "this is not valid YAML"),
    "a list": ("[1]", "is no task"),
    "another kind": ("kind: Pod", "'Pod' is not TaskExecution"),
    "no type": ("container: {image: x}", "type: is missing"),
    "a key that is no text": ("type: x\ncustom: {1: 2}", "is not to be had in JSON"),
    "a member of a wrong type": (
        "kind: TaskExecution\nspec: {template: {type: x}, overrides: 3, maxAttempts: many}",
        "spec.overrides: ",
    ),
    "labels that are none": (
        "kind: TaskExecution\nmetadata: {labels: 3}\nspec: {template: {type: x}}",
        "metadata.labels: has a wrong type",
    ),
    "binary": ("a\0b", "is a binary file"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_task_and_environment_is_told_at_once(
    text: str, message: str, tmp_path: Path, configgen: Configgen
) -> None:
    (tmp_path / "task.yaml").write_text(text)
    before = tree(EXAMPLE)
    result = configgen("-C", EXAMPLE, "simulate", "--task", tmp_path / "task.yaml", "--env", "prood")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "did you mean prod?" in result.stderr
    assert " problems" in result.stderr
    assert tree(EXAMPLE) == before


def test_a_misspelt_name(configgen: Configgen) -> None:
    result = configgen("-C", EXAMPLE, "simulate", "--task", "gpuu", "--env", "dev")
    assert result.exit_code == 2
    assert "there is no task 'gpuu'; did you mean gpu?" in result.stderr


def test_the_folder_tasks_of_the_source(make_source: Callable[..., Path], configgen: Configgen) -> None:
    source = make_source({"base": {"config/a.yaml": EVERYTHING}})
    (source / "tasks").mkdir()
    (source / "tasks/nightly.yaml").write_text(TEMPLATE)
    result = configgen("-C", source, "simulate", "--task", "nightly", "--env", "test", "-o", "json")
    assert json.loads(result.stdout)["metadata"]["name"] == "nightly-0"


UNREACHABLE = {
    "a name too long": ("./" + "x" * 300 + ".yaml", "is a name too long"),
    "missing": ("./missing.yaml", "does not exist"),
    "a loop of links": ("./loop.yaml", "symbolic link that leads back to itself"),
    "too big": ("./big.yaml", "more than the limit of 2 MiB"),
    "binary": ("./binary.yaml", "is a binary file"),
    "no YAML": ("./broken.yaml", "this is not valid YAML"),
    "unreadable": ("./unreadable.yaml", "permission denied"),
    "in a closed folder": ("./closed/a.yaml", "permission denied"),
}


@pytest.mark.parametrize(("name", "message"), UNREACHABLE.values(), ids=UNREACHABLE)
@pytest.mark.parametrize("option", ["--task", "--file", "--against"])
def test_files_that_can_not_be_read(
    option: str, name: str, message: str, nobodys_folder: Path, configgen: Configgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nobodys_folder)
    Path("loop.yaml").symlink_to("loop.yaml")
    Path("big.yaml").write_bytes(b"#" * (2 * 1024 * 1024 + 1))
    Path("binary.yaml").write_bytes(b"a\0b")
    Path("broken.yaml").write_text("a: [")
    Path("good.yaml").write_text(EVERYTHING)
    Path("unreadable.yaml").touch(mode=0)
    Path("closed").mkdir(mode=0)
    arguments = {"--task": "gpu", "--file": "./good.yaml"} | {option: name}
    result = configgen("simulate", *(part for pair in arguments.items() for part in pair))
    Path("closed").chmod(0o700)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(("project", "tolerated"), [("ml", ["ml-only"]), ("web", [])])
def test_what_holds_for_the_task_s_project_counts(
    project: str, tolerated: list[str], tmp_path: Path, configgen: Configgen
) -> None:
    config, task = tmp_path / "config.yaml", tmp_path / "task.yaml"
    scope = {"project": "ml", "k8s": {"default-tolerations": [{"key": "ml-only", "operator": "Exists"}]}}
    plugins = {"enabled-plugins": ["container"]}
    config.write_text(yaml.safe_dump({"tasks": {"task-plugins": plugins}, "plugin-manager": {"scopes": [scope]}}))
    task.write_text(yaml.safe_dump({"type": "container", "id": {"project": project}, "container": {"image": "i"}}))
    result = configgen("simulate", "--task", task, "--file", config, "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert [each["key"] for each in json.loads(result.stdout)["spec"].get("tolerations", [])] == tolerated
