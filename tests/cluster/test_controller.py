"""The controller on a real API server: tasks live, fail, are tried again, are aborted; none is lost or done twice."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from google.protobuf.json_format import ParseDict

from pluginmachinery.api.rbac import controller_rules, leader_rules
from pluginmachinery.plugins.registry import declaration_of
from tests.cluster.controllers import CONFIG, Controller, Tasks
from tools.controlplane.api import wait_until
from tools.controlplane.controlplanes import ControlPlane

Run = Callable[..., Controller]

FAILS = [{"after": 0.1, "phase": "Running"}, {"after": 0.1, "phase": "Failed", "containers": {"*": {"exitCode": 3}}}]
SUCCEEDS = [{"after": 0.1, "phase": "Running"}, {"after": 0.1, "phase": "Succeeded"}]
RUNS_ON = [{"after": 0.1, "phase": "Running"}, {"hang": True}]
RUNS_A_WHILE = [{"after": 0.3, "phase": "Running"}, {"after": 1.0, "phase": "Succeeded"}]


def attempts(status: dict[str, object]) -> list[str]:
    return [attempt["phase"] for attempt in status["attempts"]]  # type: ignore[attr-defined]


def test_tasks_succeed_and_fail_and_are_tried_again(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("good")
    tasks.submit("better-the-second-time", [FAILS, SUCCEEDS])
    tasks.submit("never-good", FAILS, maxAttempts=1)
    tasks.submit("of-no-plugin", template={"type": "spark"})
    assert tasks.ended() == {
        "good": "Succeeded",
        "better-the-second-time": "Succeeded",
        "never-good": "Failed",
        "of-no-plugin": "Succeeded",
    }
    assert attempts(tasks.status("good")) == ["Succeeded"]
    assert attempts(tasks.status("better-the-second-time")) == ["Failed", "Succeeded"]
    failed = tasks.status("never-good")
    assert failed["error"]["code"]
    assert set(attempts(failed)) == {"Failed"}


def test_inputs_are_there_before_the_pod_and_success_is_what_was_left(
    run: Run, tasks: Tasks, own_control_plane: ControlPlane
) -> None:
    root = own_control_plane.output_root
    assert root is not None
    run("--data-root", str(root)).ready()
    integer = {"scalar": {"primitive": {"integer": "42"}}}
    outputs = LiteralMap(literals={"answer": ParseDict(integer, Literal())}).SerializeToString()
    error = ErrorDocument(error=ContainerError(code="BadWeather", message="it rains")).SerializeToString()
    container = {"image": "x", "args": ["run", "--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"]}
    for name, file, content in (("good", "outputs.pb", outputs), ("bad", "error.pb", error)):
        ends = {"after": 0.1, "phase": "Succeeded", "writes": {file: base64.b64encode(content).decode()}}
        script = [{"after": 0.1, "phase": "Running"}, ends]
        tasks.submit(name, script, template={"container": container}, inputs={"literals": {"question": integer}})
    assert tasks.ended() == {"good": "Succeeded", "bad": "Failed"}
    assert tasks.status("good")["outputs"]["literals"] == {"answer": integer}
    assert tasks.status("bad")["error"]["code"] == "BadWeather"
    (command,) = [pod["spec"]["containers"][0]["args"] for name, pod in tasks.pods().items() if name == "good-0"]
    written = LiteralMap.FromString(Path(command[2]).read_bytes())
    assert list(written.literals) == ["question"]


def test_a_task_that_can_not_be_built_fails_with_a_code_and_creates_nothing(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit(
        "bad", template={"container": {"image": "x", "resources": {"limits": [{"name": "CPU", "value": "nope"}]}}}
    )
    assert tasks.ended() == {"bad": "Failed"}
    assert tasks.status("bad")["error"]["code"]
    assert tasks.pods() == {}


def test_kill_9_in_the_middle_of_many_tasks_loses_nothing_and_makes_nothing_twice(run: Run, tasks: Tasks) -> None:
    names = [f"t{number}" for number in range(40)]
    first = run().ready()
    seen: dict[str, set[str]] = {}

    def look() -> None:
        for name, pod in tasks.pods().items():
            seen.setdefault(name, set()).add(pod["metadata"]["uid"])

    for name in names[:20]:
        tasks.submit(name, RUNS_A_WHILE)
    for name in names[20:]:
        if name == "t25":
            first.kill()
        tasks.submit(name, RUNS_A_WHILE)
    look()
    second = run().ready()
    wait_until(lambda: look() or len(seen) == len(names), timeout=60, what="a pod for each task")
    second.kill()
    run().ready()
    ended = tasks.ended(timeout=90)
    look()
    assert ended == dict.fromkeys(names, "Succeeded")
    assert {name: len(uids) for name, uids in seen.items()} == {f"{name}-0": 1 for name in names}
    assert all(attempts(item["status"]) == ["Succeeded"] for item in tasks.all().values())


def test_a_deleted_task_takes_its_pod_with_it(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("t", RUNS_ON)
    tasks.until("t", "Running")
    assert len(tasks.pods()) == 1
    tasks.api.delete(f"{tasks.path}/t")
    wait_until(lambda: not tasks.all() and not tasks.pods(), timeout=40, what="task and pod to be gone")


def test_an_aborted_task_is_kept_and_its_pod_is_not(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("t", RUNS_ON)
    tasks.until("t", "Running")
    tasks.api.patch(f"{tasks.path}/t", {"spec": {"abort": True}})
    tasks.until("t", "Aborted")
    wait_until(lambda: not tasks.pods(), what="the pod to be gone")


def test_a_pod_that_somebody_deletes_is_made_again(run: Run, tasks: Tasks) -> None:
    run().ready()
    tasks.submit("t", [RUNS_ON, SUCCEEDS])
    tasks.until("t", "Running")
    (name,) = tasks.pods()
    tasks.api.delete(f"{tasks.pods_path}/{name}", gracePeriodSeconds=0)
    assert tasks.ended() == {"t": "Succeeded"}
    assert attempts(tasks.status("t")) == ["Failed", "Succeeded"]


def test_a_pod_of_somebody_else_is_left_alone(run: Run, tasks: Tasks) -> None:
    theirs = {"metadata": {"name": "t-0"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    uid = tasks.api.create(tasks.pods_path, theirs)["metadata"]["uid"]
    run().ready()
    tasks.submit("t", maxAttempts=1)
    tasks.ended()
    assert tasks.pods()["t-0"]["metadata"]["uid"] == uid


def test_a_gpu_task_without_the_toleration_stays_pending(run: Run, tasks: Tasks) -> None:
    gpus = {"resources": {"requests": [{"name": "GPU", "value": "1"}], "limits": [{"name": "GPU", "value": "1"}]}}
    template = {"container": {"image": "x", "command": ["true"], **gpus}}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    tolerated = {**CONFIG, "plugins": {"k8s": {"resource-tolerations": [{"nvidia.com/gpu": [toleration]}]}}}
    limits = {"task_resources": {"limits": {"gpu": 8}}}
    without = run(config={**CONFIG, **limits}, folder="without").ready()
    tasks.submit("unwanted", template=template)
    pod = wait_until(lambda: next(iter(tasks.pods().values()), None), what="the pod")
    wait_until(lambda: _unschedulable(tasks), what="the scheduler to find no node")
    assert pod["spec"].get("nodeName") is None
    without.terminate()
    run(config={**tolerated, **limits}, folder="with").ready()
    tasks.submit("wanted", template=template)
    assert tasks.ended("wanted") == {"wanted": "Succeeded"}
    assert tasks.phase("unwanted") not in ("Succeeded", "Running")


def _unschedulable(tasks: Tasks) -> bool:
    conditions = [each for pod in tasks.pods().values() for each in (pod["status"].get("conditions") or [])]
    return any(each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable" for each in conditions)


def test_writes_for_one_successful_task(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    account = _account(own_control_plane, tasks.namespace)
    run(kubeconfig=own_control_plane.kubeconfig_for("controller", tasks.namespace)).ready()
    for number in range(10):
        tasks.submit(f"t{number}", RUNS_A_WHILE)
        time.sleep(0.05)
    assert set(tasks.ended().values()) == {"Succeeded"}
    counts = own_control_plane.audit_counts(user=account)
    writes = {request: count for request, count in counts.items() if request.verb not in ("get", "list", "watch")}
    print("writes per task:", {f"{verb} {resource}": count / 10 for (verb, resource), count in writes.items()})
    assert counts["create", "pods"] == 10
    assert sum(writes.values()) <= 40
    assert counts["get", "pods"] + counts["get", "taskexecutions"] == 0


def _account(cluster: ControlPlane, namespace: str) -> str:
    """A service account with just the rights that the controller is installed with."""
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [*controller_rules(plugins=[declaration_of("container")]), *leader_rules()]
    cluster.api.create(f"{core}/serviceaccounts", {"metadata": {"name": "controller"}})
    cluster.api.create(f"{rbac}/roles", {"metadata": {"name": "controller"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "controller", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "controller"}
    cluster.api.create(
        f"{rbac}/rolebindings", {"metadata": {"name": "controller"}, "roleRef": role, "subjects": [subject]}
    )
    return f"system:serviceaccount:{namespace}:controller"


def test_its_own_rights_are_enough_and_no_more(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    account = _account(own_control_plane, tasks.namespace)
    kubeconfig = own_control_plane.kubeconfig_for("controller", tasks.namespace)
    controller = run("--leader-elect", kubeconfig=kubeconfig).ready()
    tasks.submit("t", [FAILS, SUCCEEDS])
    tasks.submit("aborted", RUNS_ON)
    tasks.until("aborted", "Running")
    tasks.api.patch(f"{tasks.path}/aborted", {"spec": {"abort": True}})
    assert tasks.ended() == {"t": "Succeeded", "aborted": "Aborted"}
    denied = [line["message"] for line in controller.lines() if "orbidden" in line["message"]]
    assert denied == []
    may = [f"--as={account}", f"--namespace={tasks.namespace}"]
    for right in (
        "get secrets",
        "create pods --subresource=exec",
        "update pods",
        "create taskexecutions",
        "create roles",
    ):
        answer = own_control_plane.kubectl("auth", "can-i", *right.split(), *may, check=False)
        assert answer.stdout.strip() == "no", right
    other = own_control_plane.kubectl("auth", "can-i", "create", "pods", f"--as={account}", "-n=default", check=False)
    assert other.stdout.strip() == "no"


def test_without_rights_it_is_not_ready_and_says_why(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    own_control_plane.api.create(
        f"/api/v1/namespaces/{tasks.namespace}/serviceaccounts", {"metadata": {"name": "nobody"}}
    )
    controller = run(kubeconfig=own_control_plane.kubeconfig_for("nobody", tasks.namespace))
    wait_until(lambda: "cannot list resource" in controller.get("/readyz")[1], what="the reason")
    assert controller.get("/readyz")[0] == 503
    assert controller.get("/healthz")[0] == 200


def test_the_api_server_is_killed_while_tasks_run(run: Run, tasks: Tasks, own_control_plane: ControlPlane) -> None:
    controller = run().ready()
    names = [f"t{number}" for number in range(20)]
    for name in names:
        tasks.submit(name, RUNS_A_WHILE)
    wait_until(lambda: len(tasks.pods()) >= 10, what="some pods")
    own_control_plane.kill("kube-apiserver")
    time.sleep(1)
    own_control_plane.restart("kube-apiserver")
    assert tasks.ended(timeout=90) == dict.fromkeys(names, "Succeeded")
    assert sorted(tasks.pods()) == sorted(f"{name}-0" for name in names)
    assert all(attempts(item["status"]) == ["Succeeded"] for item in tasks.all().values())
    controller.ready()
    assert Counter(line["level"] for line in controller.lines())["error"] == 0


def test_a_second_replica_takes_over(run: Run, tasks: Tasks) -> None:
    first = run("--leader-elect", "--leader-elect-namespace", tasks.namespace, folder="first").ready()
    second = run("--leader-elect", "--leader-elect-namespace", tasks.namespace, folder="second").ready()
    assert "leading" in first.get("/readyz")[1]
    assert "standing by" in second.get("/readyz")[1]
    tasks.submit("before", RUNS_ON)
    tasks.until("before", "Running")
    assert first.terminate() == 0
    tasks.submit("after")
    assert tasks.ended("after") == {"after": "Succeeded"}
    assert tasks.phase("before") == "Running"
    assert len(tasks.pods()) == 2


def test_it_ends_when_asked_to(run: Run, tasks: Tasks) -> None:
    controller = run().ready()
    tasks.submit("t", RUNS_ON)
    tasks.until("t", "Running")
    started = time.monotonic()
    assert controller.terminate() == 0
    assert time.monotonic() - started < 5
    text = controller.log.read_text()
    assert "Traceback" not in text
    assert [line["message"] for line in controller.lines() if line["level"] == "error"] == []
    assert json.loads(text.splitlines()[0])["message"].startswith("configuration ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("plugins:\n  k8s:\n    default-cpuz: 1\n", "plugins.yaml:3:5: plugins.k8s.default-cpuz"),
        ("tasks:\n  task-plugins:\n    enabled-plugins: [containr]\n", "UnknownPlugin"),
        ("plugins: [\n", "plugins.yaml"),
    ],
    ids=["unknown key", "unknown plugin", "no YAML"],
)
def test_a_configuration_error_stops_the_start_with_one_clear_line(
    run: Run, tmp_path: Path, text: str, complaint: str
) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / "plugins.yaml").write_text(text)
    controller = run("--config", str(folder))
    assert controller.process.wait(timeout=20) == 2
    (line,) = controller.log.read_text().splitlines()
    assert line.startswith("controller run: ")
    assert complaint in line
