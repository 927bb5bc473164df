"""The commands on a real API server; the controller's part is played by the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller.cli import main
from pluginmachinery.api import names
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster

Tree = dict[str, Any]
PACKAGE = Path(__file__).parent / "flytekit/package.tgz"
OUTPUTS = {
    "prefix": "s3://b/out",
    "literals": {
        "count": {"scalar": {"primitive": {"integer": "5"}}},
        "model": {"scalar": {"blob": {"uri": "s3://b/m"}}},
    },
}


class Commands:
    """``controller …`` for one namespace of the cluster."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.path = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}"
        self._folder = folder

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        options = ["--kubeconfig", str(self.cluster.kubeconfig)]
        if not {"-n", "-A"} & set(arguments):
            options += ["-n", self.namespace]
        done = CliRunner().invoke(main, [*arguments, *options], input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    def file(self, *manifests: Mapping[str, Any], name: str = "tasks.yaml") -> str:
        path = self._folder / name
        path.write_text("\n---\n".join(json.dumps(manifest) for manifest in manifests))
        return str(path)

    def create(self, name: str = "train", **spec: Any) -> Tree:
        return self.cluster.api.create(self.path, task(name, **spec))

    def get(self, name: str) -> Tree:
        return self.cluster.api.get(f"{self.path}/{name}")

    def set_status(self, name: str, **status: Any) -> None:
        self.cluster.api.patch(f"{self.path}/{name}/status", {"status": status})


def task(name: str = "train", **spec: Any) -> Tree:
    template = {"type": "container", "container": {"image": "busybox"}}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": {"template": template} | spec,
    }


@pytest.fixture
def run(cluster: Cluster, namespace: str, tmp_path: Path) -> Commands:
    return Commands(cluster, namespace, tmp_path)


@pytest.fixture
def play(run: Commands) -> Iterator[Callable[..., None]]:
    """Let these statuses happen to a task, as soon as it is there."""
    threads: list[threading.Thread] = []

    def play(name: str, *statuses: Tree) -> None:
        def happen() -> None:
            wait_until(lambda: run.cluster.api.find(f"{run.path}/{name}"), what=name)
            for status in statuses:
                time.sleep(0.2)
                run.set_status(name, **status)

        threads.append(threading.Thread(target=happen))
        threads[-1].start()

    yield play
    for thread in threads:
        thread.join()


# --- submit ----------------------------------------------------------------------------------------------------------


def test_submit_prints_phases_as_they_happen_and_the_outputs(run: Commands, play: Callable[..., None]) -> None:
    play(
        "train",
        {"phase": "Queued", "attempt": 0, "reason": "task submitted to K8s"},
        {"phase": "Retrying", "attempt": 1, "reason": "attempt 0 failed: Error: exit 1"},
        {"phase": "Succeeded", "attempt": 1, "reason": "", "outputs": OUTPUTS},
    )
    done = run("submit", run.file(task()), "--wait", "--timeout", "30s")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == f"taskexecution train created in namespace {run.namespace}"
    assert [line.split()[1] for line in lines[1:5]] == ["Pending", "Queued", "Retrying", "Succeeded"]
    assert "attempt 1: attempt 0 failed: Error: exit 1" in lines[3]
    assert lines[5:] == ["  count = 5  (integer)", '  model = "s3://b/m"  (blob)']


def test_on_a_terminal_a_line_tells_meanwhile_that_it_waits(run: Commands, play: Callable[..., None]) -> None:
    import pty

    shown, terminal = pty.openpty()
    command = [sys.executable, "-m", "controller", "submit", run.file(task()), "--wait", "-n", run.namespace]
    command += ["--kubeconfig", str(run.cluster.kubeconfig)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=terminal, env=environment) as process:
        os.close(terminal)
        output = b""
        while b"waiting for train" not in output:
            output += os.read(shown, 4096)
        play("train", {"phase": "Succeeded", "attempt": 0})
        try:
            while more := os.read(shown, 4096):
                output += more
        except OSError:  # Linux' word for the end of a terminal
            pass
    os.close(shown)
    assert process.returncode == 0
    assert b"\x1b[2K" in output.rpartition(b"Succeeded")[0], "the line is wiped before anything else is printed"


def test_submit_of_a_task_that_fails_exits_with_1_and_says_why(run: Commands, play: Callable[..., None]) -> None:
    error = {"kind": "USER", "code": "Error", "message": "Traceback\n  line 3\nValueError: no"}
    play("train", {"phase": "Failed", "attempt": 0, "reason": "Error: Traceback", "error": error})
    done = run("submit", run.file(task()), "--wait")
    assert done.exit_code == 1
    assert "Failed" in done.output
    assert "    ValueError: no\n" in done.output


def test_submit_waits_no_longer_than_it_is_told(run: Commands) -> None:
    done = run("submit", run.file(task()), "--timeout", "1")
    assert done.exit_code == 3
    assert "not ended in time: train; the tasks go on" in done.output


def test_submit_notices_a_deletion(run: Commands) -> None:
    def delete() -> None:
        wait_until(lambda: run.cluster.api.find(f"{run.path}/train"), what="the task")
        time.sleep(0.3)
        run.cluster.api.delete(f"{run.path}/train")

    thread = threading.Thread(target=delete)
    thread.start()
    done = run("submit", run.file(task()), "--wait", "--timeout", "20s")
    thread.join()
    assert done.exit_code == 1
    assert "Deleted" in done.output


def test_submit_several_tasks_fails_when_one_does(run: Commands, play: Callable[..., None]) -> None:
    play("a", {"phase": "Succeeded", "attempt": 0})
    play("b", {"phase": "Aborted", "attempt": 0})
    done = run("submit", run.file(task("a"), task("b")), "--wait")
    assert done.exit_code == 1
    assert {line.split()[1] for line in done.output.splitlines()[2:]} == {"a", "b"}


def test_submit_a_bare_template_from_standard_input(run: Commands) -> None:
    done = run("submit", "-", "--quiet", stdin="type: container\nid: {name: flows.fit}\ncontainer: {image: busybox}\n")
    assert done.exit_code == 0, done.output
    name = done.output.strip()
    assert name.startswith("fit-")
    assert run.get(name)["spec"]["template"]["container"] == {"image": "busybox"}


def test_options_of_submit_end_up_in_spec(run: Commands) -> None:
    file = run.file(task(interruptible=False))
    done = run("submit", file, "--interruptible", "--output-prefix", "s3://b/o", "--suspend")
    assert done.exit_code == 0, done.output
    spec = run.get("train")["spec"]
    assert (spec["interruptible"], spec["outputPrefix"], spec["suspend"]) == (True, "s3://b/o", True)


def test_plain_pods_get_no_finalizer(run: Commands) -> None:
    run("submit", run.file(task()))
    assert "finalizers" not in run.get("train")["metadata"]


def test_a_mistake_in_one_file_keeps_all_from_being_submitted(run: Commands, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: TaskExecution\n")
    done = run("submit", run.file(task()), str(bad))
    assert done.exit_code == 2
    assert f"{bad}:1: metadata: give a name" in done.output
    assert "nothing was submitted" in done.output
    assert run.cluster.api.find(f"{run.path}/train") is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["submit", "nowhere.yaml"], 2, "nowhere.yaml can not be read: No such file", id="no such file"),
        pytest.param(["submit", "{file}", "--timeout", "1d"], 2, "'d' is no unit", id="a bad time"),
        pytest.param(["submit"], 2, "Missing argument", id="no file"),
        pytest.param(["sumbit"], 2, "Did you mean submit?", id="a misspelt command"),
        pytest.param(["get", "nobody"], 4, "TaskExecution nobody in namespace", id="a name that is not there"),
        pytest.param(["get", "--outputs", "--watch", "x"], 2, "do not go together", id="outputs that are watched"),
        pytest.param(["retry", "nobody"], 4, "not found", id="retry of nobody"),
        pytest.param(["submit", "{file}", "-i", "rows=3"], 2, "the task has no input rows", id="an unknown input"),
        pytest.param(["get", "--outputs"], 2, "--outputs needs the NAME", id="outputs of nothing"),
        pytest.param(["logs", "nobody"], 4, "not found", id="logs of nobody"),
        pytest.param(["abort", "nobody"], 4, "not found", id="abort of nobody"),
    ],
)
def test_mistakes_end_in_one_line(run: Commands, arguments: list[str], code: int, message: str) -> None:
    done = run(*(argument.format(file=run.file(task())) for argument in arguments))
    assert done.exit_code == code
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_name_that_is_taken(run: Commands) -> None:
    run.create()
    done = run("submit", run.file(task()))
    assert done.exit_code == 4
    assert "is there already: choose another name, or use metadata.generateName" in done.output


def test_a_namespace_that_is_not_there(run: Commands) -> None:
    done = run("submit", run.file(task()), "-n", "nowhere")
    assert done.exit_code == 4
    assert "nowhere" in done.output


def test_a_namespace_that_contradicts_the_file(run: Commands) -> None:
    manifest = task()
    manifest["metadata"]["namespace"] = "other"
    done = run("submit", run.file(manifest))
    assert done.exit_code == 2
    assert "metadata.namespace: is other, but --namespace says" in done.output


# --- get, describe, abort, logs --------------------------------------------------------------------------------------


def test_get_lists_what_there_is(run: Commands) -> None:
    run.create("one")
    run.create("two")
    run.set_status("two", phase="WaitingForResources", attempt=1, reason="quota q: cpu 3 of 2")
    header, one, two = run("get").output.splitlines()
    assert header.split() == ["NAME", "TYPE", "PHASE", "ATTEMPT", "AGE", "REASON"]
    assert one.split()[:3] == ["one", "container", "Pending"]
    assert two.split()[:4] == ["two", "container", "WaitingForResources", "1"]
    assert two.endswith("quota q: cpu 3 of 2")
    assert run("get", "-o", "name").output.split() == ["one", "two"]
    assert [item["metadata"]["name"] for item in json.loads(run("get", "-o", "json").output)["items"]] == ["one", "two"]
    assert run.namespace in run("get", "-A").output


def test_get_wide_and_by_labels(run: Commands) -> None:
    run.create("one")
    run.cluster.api.patch(f"{run.path}/one", {"metadata": {"labels": {"team": "ml", names.RETRY_OF: "zero"}}})
    run.create("two")
    times = {"acceptedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:30Z"}
    run.set_status("one", phase="Failed", attempt=1, plugin="container", failures={"user": 2}, **times)
    header, one = run("get", "-o", "wide", "-l", "team=ml").output.splitlines()
    assert header.split()[5:] == ["PLUGIN", "FAILURES", "TOOK", "RETRY", "OF", "REASON"]
    assert one.split()[5:] == ["container", "user:2", "1m30s", "zero"]
    assert one.split()[:4] == ["one", "container", "Failed", "1"]


def test_get_watches_until_it_is_interrupted(run: Commands) -> None:
    run.create("one")
    command = [sys.executable, "-m", "controller", "get", "--watch", "-n", run.namespace]
    command += ["--kubeconfig", str(run.cluster.kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[0] == "NAME"
        assert process.stdout.readline().split()[:3] == ["one", "container", "Pending"]
        run.set_status("one", phase="Running", attempt=0)
        assert process.stdout.readline().split()[:3] == ["one", "container", "Running"]
        run.create("two")
        assert process.stdout.readline().split()[:3] == ["two", "container", "Pending"]
        run.cluster.api.delete(f"{run.path}/one")
        assert process.stdout.readline().split()[:3] == ["one", "container", "Deleted"]
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert rest == ("", "")


def test_a_reader_that_goes_away_is_no_error(run: Commands) -> None:
    run.create("one")
    command = [sys.executable, "-m", "controller", "get", "--watch", "-n", run.namespace]
    command += ["--kubeconfig", str(run.cluster.kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        run.set_status("one", phase="Running", attempt=0)
        process.wait(timeout=20)
        assert process.stderr.read() == ""


def test_a_name_that_is_nearly_right(run: Commands) -> None:
    run.create("train-large")
    done = run("describe", "trian-large")
    assert done.exit_code == 4
    assert "did you mean train-large?" in done.output


def test_retry_makes_a_new_task_of_one_that_has_failed(run: Commands, play: Callable[..., None]) -> None:
    run.create(priority=2)
    refused = run("retry", "train")
    assert refused.exit_code == 2
    assert "train is Pending and goes on: abort it first, or give --force" in refused.output
    run.set_status("train", phase="Failed", attempt=0)
    play("train-retry-1", {"phase": "Succeeded", "attempt": 0})
    done = run("retry", "train", "--wait", "--timeout", "30s")
    assert done.exit_code == 0, done.output
    made = run.get("train-retry-1")
    assert made["metadata"]["labels"][names.RETRY_OF] == "train"
    assert made["spec"]["priority"] == 2
    assert "Retry of:  train" in run("describe", "train-retry-1").output
    succeeded = run("retry", "train-retry-1")
    assert succeeded.exit_code == 2
    assert "has succeeded: give --force" in succeeded.output
    assert run("retry", "train-retry-1", "--force", "-q").output == "train-retry-2\n"


def test_a_task_of_a_package_is_submitted_with_its_inputs(run: Commands) -> None:
    values = ["rows=3", "rate=0.5", "name=m", "tags=[a]", "options={k: 1}", "dry=no"]
    options = [part for value in values for part in ("-i", value)]
    done = run("submit", str(PACKAGE), "--task", "train", "--quiet", *options)
    assert done.exit_code == 0, done.output
    spec = run.get(done.output.strip())["spec"]
    assert spec["template"]["type"] == "python-task"
    assert spec["inputs"]["literals"]["rows"] == {"scalar": {"primitive": {"integer": "3"}}}


def test_a_task_of_a_package_without_its_inputs_is_not_submitted(run: Commands) -> None:
    done = run("submit", str(PACKAGE), "--task", "report")
    assert done.exit_code == 2
    assert "input loss (float) is missing: give --input loss=…" in done.output
    assert run("get", "-o", "name").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outputs"], "--outputs needs the NAME of a task"),
        (["train", "-l", "a=b"], "NAME does not go together with --all-namespaces or --selector"),
        (["train", "--outputs", "--watch"], "--outputs and --watch do not go together"),
    ],
    ids=["outputs of what", "a name and labels", "outputs do not change"],
)
def test_options_of_get_that_do_not_go_together(run: Commands, arguments: list[str], message: str) -> None:
    done = run("get", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_get_in_an_empty_namespace(run: Commands) -> None:
    done = run("get")
    assert done.exit_code == 0
    assert done.output == f"no tasks in namespace {run.namespace}\n"


def test_get_prints_outputs_as_plain_values(run: Commands) -> None:
    run.create()
    assert "is Pending and has no outputs" in run("get", "train", "--outputs").output
    run.set_status("train", phase="Succeeded", outputs=OUTPUTS)
    table = [line.split() for line in run("get", "train", "--outputs").output.splitlines()]
    assert table == [["NAME", "TYPE", "VALUE"], ["count", "integer", "5"], ["model", "blob", "s3://b/m"]]
    assert json.loads(run("get", "train", "--outputs", "-o", "json").output) == {"count": 5, "model": "s3://b/m"}
    run.set_status("train", outputs={"literals": None, "omitted": True})
    assert "read s3://b/out/outputs.pb" in run("get", "train", "--outputs").output


def test_describe_tells_the_story(run: Commands) -> None:
    run.create()
    assert "no controller has seen it yet" in run("describe", "train").output
    error = {"kind": "USER", "code": "Error", "message": "exit 1"}
    run.set_status(
        "train",
        phase="WaitingForResources",
        attempt=1,
        plugin="container",
        acceptedAt="2026-01-01T00:00:00Z",
        failures={"user": 1},
        attempts=[
            {
                "attempt": 0,
                "phase": "Failed",
                "startedAt": "2026-01-01T00:00:01Z",
                "runningAt": "2026-01-01T00:00:02Z",
                "endedAt": "2026-01-01T00:00:03Z",
                "error": error,
                "budget": "user",
            }
        ],
        startedAt="2026-01-01T00:00:04Z",
        waiting={
            "reason": "quota q: cpu 3 of 2",
            "since": "2026-01-01T00:00:05Z",
            "resources": [{"quota": "q", "resource": "cpu", "requested": "3", "hard": "2"}],
        },
        error=error,
        logs=[{"name": "Kubernetes", "uri": "https://logs/train-0"}],
    )
    told = run("describe", "train").output
    expected = [
        f"train (namespace {run.namespace})",
        "Plugin:    container",
        "Failures:  1 user",
        "quota q: cpu 3 of 2",
        "attempt 0 started",
        "attempt 0 runs",
        "attempt 0 failed, spent a user retry: Error: exit 1",
        "attempt 1 started",
        "Kubernetes: https://logs/train-0",
        f"kubectl describe resourcequota q -n {run.namespace} shows what is used",
        "controller abort train",
    ]
    positions = [told.find(text) for text in expected]
    assert -1 not in positions, (expected[positions.index(-1)], told)
    assert positions == sorted(positions)


STANDINGS: dict[str, tuple[Tree, list[str]]] = {
    "it failed": (
        {"phase": "Failed", "error": {"kind": "USER", "code": "OOMKilled", "message": "too much"}},
        ["OOMKilled (USER): too much", "controller logs train shows what it wrote, controller retry train runs it"],
    ),
    "it was aborted": ({"phase": "Aborted", "reason": "asked for"}, ["asked for", "controller retry train runs it"]),
    "it is held": (
        {"phase": "Suspended"},
        ['kubectl patch texec train --type merge -p \'{"spec":{"suspend":false}}\''],
    ),
    "it runs": ({"phase": "Running"}, ["controller logs train --follow"]),
    "it is queued": ({"phase": "Queued"}, ["controller abort train gives up waiting"]),
    "the store does not answer": (
        {
            "phase": "Running",
            "systemErrors": {
                "count": 2,
                "code": "OutputsNotReadable",
                "message": "503",
                "nextTryAt": "2026-01-01T00:00:00Z",
            },
        },
        ["2 errors in a row, next try at ", "OutputsNotReadable: 503"],
    ),
    "its pod has to go first": (
        {"phase": "Aborting", "pending": {"step": "Abort", "outcome": "Aborted"}},
        ["still to be done: Abort, then Aborted"],
    ),
    "it made a page": ({"phase": "Succeeded", "deck": "s3://b/deck.html"}, ["Deck", "s3://b/deck.html"]),
}


@pytest.mark.parametrize(("status", "told"), STANDINGS.values(), ids=STANDINGS)
def test_describe_says_why_and_what_to_do(run: Commands, status: Tree, told: list[str]) -> None:
    run.create()
    run.set_status("train", **status)
    output = run("describe", "train").output
    assert [text for text in told if text not in output] == []


def test_describe_shows_pods_and_events(run: Commands) -> None:
    created = run.create()
    labels = names.object_labels("train", 0)
    pod = {"metadata": {"name": "train-0", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    api, core = run.cluster.api, f"/api/v1/namespaces/{run.namespace}"
    api.create(f"{core}/pods", pod)
    about = {"kind": names.KIND, "name": "train", "uid": created["metadata"]["uid"], "namespace": run.namespace}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Queued", "message": "waits for a node"}
    api.create(f"{core}/events", event | {"lastTimestamp": "2026-01-01T00:00:00Z", "count": 3})
    told = run("describe", "train").output
    assert "TaskExecution train: Queued: waits for a node (x3)" in told
    assert "train-0: " in told


def test_abort_asks_and_waits(run: Commands, play: Callable[..., None]) -> None:
    run.create()
    play("train", {"phase": "Aborting"}, {"phase": "Aborted", "reason": "aborted by spec.abort"})
    done = run("abort", "train", "--wait")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("aborting train\n")
    assert "aborted by spec.abort" in done.output
    assert run.get("train")["spec"]["abort"] is True
    assert run("abort", "train").output == "train has ended already: Aborted\n"


def test_abort_without_a_controller_times_out(run: Commands) -> None:
    run.create()
    done = run("abort", "train", "--timeout", "1s")
    assert done.exit_code == 3
    assert "is the controller running?" in done.output


def test_logs_of_a_task_without_a_pod_point_elsewhere(run: Commands) -> None:
    run.create()
    assert "attempt 0 has no pod: the task is not accepted yet" in run("logs", "train").output
    run.set_status("train", phase="Running", logs=[{"name": "Kibana", "uri": "https://kibana/x"}])
    done = run("logs", "train")
    assert done.exit_code == 4
    assert "Kibana: https://kibana/x" in done.output


def test_logs_that_the_node_does_not_give_end_in_one_line(run: Commands) -> None:
    run.create()
    labels = names.object_labels("train", 0)
    annotations = {"primary_container_name": "main"}
    containers = [{"name": "side", "image": "i"}, {"name": "main", "image": "i"}]
    metadata = {"name": "train-0", "labels": labels, "annotations": annotations}
    pods = f"/api/v1/namespaces/{run.namespace}/pods"
    run.cluster.api.create(pods, {"metadata": metadata, "spec": {"containers": containers, "schedulerName": "nobody"}})
    done = run("logs", "train", "--tail", "5")
    assert done.exit_code in (0, 4)  # a pod that nobody schedules has no log: an empty one, or a refusal
    assert "Traceback" not in done.output
    refused = run("logs", "train", "-c", "nobody")
    assert refused.exit_code == 4
    assert "container nobody" in refused.output
    assert "train-0: Pending" in run("describe", "train").output


# --- The cluster is the trouble --------------------------------------------------------------------------------------


def kubeconfig(folder: Path, server: str, **user: str) -> str:
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return str(path)


def alone(*arguments: str, **environment: str) -> Result:
    clean = {name: None for name in os.environ if name.startswith("KUBE")}
    return CliRunner().invoke(main, list(arguments), env=clean | environment)


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    done = alone("get", "--kubeconfig", kubeconfig(tmp_path, "http://127.0.0.1:1"))
    assert done.exit_code == 4
    assert "http://127.0.0.1:1 can not be reached" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no usable kubeconfig"),
        ("{", "no usable kubeconfig"),
        ("a: [1", "kubeconfig is no YAML"),
        ("apiVersion: v1", "no usable kubeconfig"),
    ],
    ids=["missing", "broken off", "no YAML", "empty"],
)
def test_kubeconfigs_that_can_not_be_used(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    done = alone("get", "--kubeconfig", str(path))
    assert done.exit_code == 4
    assert message in done.output or "kubeconfig is no YAML" in done.output
    assert "Traceback" not in done.output


def test_a_context_that_is_not_there(run: Commands) -> None:
    done = run("get", "--context", "nobody")
    assert done.exit_code == 4
    assert "nobody" in done.output


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_credentials_that_are_not_accepted(run: Commands, tmp_path: Path) -> None:
    wrong = kubeconfig(tmp_path, run.cluster.server, token="nobody")
    done = alone("get", "--kubeconfig", wrong)
    assert done.exit_code == 4
    assert "does not accept these credentials" in done.output


def test_rights_that_are_missing(run: Commands) -> None:
    weak = run.cluster.kubeconfig_for("default", run.namespace)
    done = alone("get", "--kubeconfig", str(weak))
    assert done.exit_code == 4
    assert "not allowed: " in done.output
    assert "ask for the right" in done.output


def test_a_cluster_without_the_definition(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "GROUP", "not-installed.flyte.org")
    done = run("get")
    assert done.exit_code == 4
    assert "this cluster does not know TaskExecutions: install the chart" in done.output
