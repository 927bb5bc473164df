"""The story of the demo, chapter by chapter."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pluginmachinery.api import names
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.demo import installs
from tools.demo.installs import Installed
from tools.demo.narration import Narrator
from tools.demo.processes import call
from tools.demo.rows import Row, node, outcome, tolerated

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "examples" / "configuration"
TASKS = REPOSITORY / "examples" / "tasks"
DEV, PROD = "flyte-dev", "flyte-prod"
QUOTA = "team-quota"
ENDED = ("Succeeded", "Failed", "Aborted")
DIFFERS = 1
"""Exit code of ``configgen diff`` where there is a difference."""


class Demo:
    """One run on one cluster; ``folder`` takes what it writes."""

    def __init__(self, cluster: Cluster, folder: Path, data: Path, narrator: Narrator) -> None:
        self.cluster = cluster
        self.folder = folder
        self.data = data
        self.tell = narrator
        self.rows: list[Row] = []

    def play(self) -> list[Row]:
        """Everything, in order; the rows of the table."""
        self.render()
        installed = self.install()
        with ExitStack() as controllers:
            self.run_controllers(installed, controllers)
            self.run_tasks()
        self.check_rights(installed[DEV])
        return self.rows

    # --- chapters --------------------------------------------------------------------------------------------------

    def render(self) -> None:
        self.tell.chapter("Render two environments from one layered source, and see what differs")
        out = self.folder / "rendered"
        source = SOURCE.relative_to(REPOSITORY)
        self.tell.command(["configgen", "-C", source, "render", "--all", "--out", "rendered"])
        told = call("configgen", "-C", SOURCE, "render", "--all", "--out", out).splitlines()
        for folder, files in sorted(Counter(Path(line.split()[-1]).parts[0] for line in told).items()):
            self.tell.output(f"{folder}/  {files} files")
        self.tell.command(["configgen", "-C", source, "diff", "dev", "prod"])
        self.tell.output(call("configgen", "-C", SOURCE, "diff", "dev", "prod", may_exit=[DIFFERS]))

    def install(self) -> dict[str, Installed]:
        self.tell.chapter("Install one with helm, the other with kustomize")
        words = installs.helm_install(DEV, self.folder / "rendered" / "helm" / "dev" / "values.yaml")
        self.tell.command(["helm", *self._shown(words)])
        self.cluster.helm(*words)
        overlay = self.folder / "rendered" / "kustomize" / "overlays" / "prod"
        self.tell.command(
            ["kustomize", "build", *self._shown([overlay])], ["kubectl", "apply", "--server-side", "-f", "-"]
        )
        self._create_namespace(PROD)
        objects = self.cluster.kustomize("build", overlay).stdout
        self.cluster.kubectl("apply", "--server-side", "-f", "-", input=objects)
        # A definition that was just created needs a moment until it is served.
        self.cluster.kubectl(
            "wait", "--for=condition=Established", f"crd/{names.PLURAL}.{names.GROUP}", "--timeout=30s"
        )
        installed = {namespace: installs.read_back(self.cluster, namespace) for namespace in (DEV, PROD)}
        for each in installed.values():
            self.tell.say(f"{each.namespace}: ConfigMap {each.config_map}, service account {each.service_account}")
        return installed

    def run_controllers(self, installed: dict[str, Installed], running: ExitStack) -> None:
        self.tell.chapter("Run both controllers here, with the installed ConfigMap and the account's own rights")
        processes = []
        for namespace, each in installed.items():
            process = installs.controller(self.cluster, each, self.folder / namespace, self.data)
            self.tell.command(["controller", *self._shown(process.arguments)])
            processes.append(running.enter_context(process))
        with self.tell.doing("both ready"):
            for process in processes:
                process.wait_ready()

    def run_tasks(self) -> None:
        self.tell.chapter("Submit tasks")
        self.hello()
        for name in ("flaky", "broken", "gpu", "endless"):
            self.submit(name, DEV)
        for name in ("hello", "gpu"):
            self.submit(name, PROD)
        self.wait_for("endless", DEV, "Running")
        self.hungry()
        self.abort()
        with self.tell.doing("everything else ended"):
            for name, namespace in (("flaky", DEV), ("broken", DEV), ("gpu", DEV), ("hello", PROD), ("gpu", PROD)):
                self.wait_for(name, namespace, *ENDED)
        self.check_outcomes()

    def hello(self) -> None:
        arguments = ["submit", TASKS / "hello.yaml", "--namespace", DEV, "--wait"]
        self.tell.command(["controller", *self._shown(arguments)])
        self.tell.output(self._controller(*arguments))
        outputs = self._controller("get", "hello", "--namespace", DEV, "--outputs")
        self.tell.command(["controller", "get", "hello", "--namespace", DEV, "--outputs"])
        self.tell.output(outputs)
        seen = "greeting and words" if "hello, world" in outputs and "words" in outputs else outputs
        self.check(DEV, "the outputs of hello are printed", "greeting and words", seen)

    def hungry(self) -> None:
        """A task that wants more than is left waits, says for what, and runs when the quota is raised."""
        quotas = f"/api/v1/namespaces/{DEV}/resourcequotas"
        hard = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": QUOTA}}
        self.cluster.api.create(quotas, {**hard, "spec": {"hard": {"requests.cpu": "2"}}})
        self.wait_until_counted(quotas)
        self.submit("hungry", DEV)
        status = self.wait_for("hungry", DEV, "WaitingForResources", *ENDED)["status"]
        self.tell.say(f"hungry waits: {status.get('reason', '')}")
        named = QUOTA if QUOTA in str(status.get("reason")) + str(status.get("waiting")) else str(status)
        self.check(
            DEV, "hungry waits, and says for which quota", f"WaitingForResources {QUOTA}", f"{status['phase']} {named}"
        )
        self.tell.command(["kubectl", "patch", "resourcequota", QUOTA, "-p", '{"spec":{"hard":{"requests.cpu":"8"}}}'])
        self.cluster.api.patch(f"{quotas}/{QUOTA}", {"spec": {"hard": {"requests.cpu": "8"}}})
        with self.tell.doing("hungry ran once there was room"):
            self.wait_for("hungry", DEV, *ENDED)

    def abort(self) -> None:
        arguments = ["abort", "endless", "--namespace", DEV, "--wait"]
        self.tell.command(["controller", *arguments])
        self.tell.output(self._controller(*arguments))
        pods = f"/api/v1/namespaces/{DEV}/pods"
        selector = f"{names.TASK_EXECUTION}=endless"
        wait_until(lambda: not self.cluster.api.items(pods, labelSelector=selector), what="the aborted pod to be gone")

    # --- checks ----------------------------------------------------------------------------------------------------

    def check_outcomes(self) -> None:
        expected = {
            (DEV, "hello"): "Succeeded",
            (DEV, "flaky"): "Succeeded after 2 attempts",
            (DEV, "broken"): "Failed after 2 attempts with USER:ValueError",
            (DEV, "gpu"): "Succeeded",
            (DEV, "hungry"): "Succeeded",
            (DEV, "endless"): "Aborted",
            (PROD, "hello"): "Succeeded",
            (PROD, "gpu"): "Succeeded",
        }
        for (namespace, name), wanted in expected.items():
            self.check(namespace, name, wanted, outcome(self.execution(name, namespace)))
        self.check(DEV, "the node of gpu", "gpu-0", node(self.pod("gpu", DEV)))
        device = "k8s.amazonaws.com/accelerator"
        self.check(DEV, "what gpu tolerates", f"nvidia.com/gpu, {device}", tolerated(self.pod("gpu", DEV)))
        self.check(PROD, "what gpu tolerates", f"nvidia.com/gpu, dedicated, {device}", tolerated(self.pod("gpu", PROD)))
        for namespace in (DEV, PROD):
            limits = self.pod("hello", namespace)["spec"]["containers"][0]["resources"]["limits"]
            seen = ", ".join(f"{name} {limits[name]}" for name in sorted(limits))
            self.check(namespace, "the limits of a task that asks for nothing", "cpu 100m, memory 128Mi", seen)

    def check_rights(self, installed: Installed) -> None:
        """The account that the controller ran with can do its work, and nothing beside it."""
        user = f"system:serviceaccount:{installed.namespace}:{installed.service_account}"
        for verb, what, namespace, wanted in (
            ("create", "pods", DEV, "yes"),
            ("create", "pods", "default", "no"),
            ("get", "secrets", DEV, "no"),
            ("delete", "nodes", DEV, "no"),
        ):
            words = ["auth", "can-i", verb, what, "--namespace", namespace, "--as", user]
            answer = self.cluster.kubectl(*words, check=False).stdout.strip()
            self.check(namespace, f"may the controller of {DEV} {verb} {what}?", wanted, answer)

    def check(self, where: str, what: str, expected: str, seen: str) -> None:
        self.rows.append(Row(where, what, expected, seen))

    # --- what they share -------------------------------------------------------------------------------------------

    def submit(self, name: str, namespace: str) -> None:
        arguments = ["submit", TASKS / f"{name}.yaml", "--namespace", namespace]
        self.tell.command(["controller", *self._shown(arguments)])
        self._controller(*arguments)

    def execution(self, name: str, namespace: str) -> dict[str, Any]:
        return self.cluster.api.get(f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}/{name}")

    def pod(self, name: str, namespace: str) -> dict[str, Any]:
        """The pod of the last attempt."""
        selector = f"{names.TASK_EXECUTION}={name}"
        pods = self.cluster.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        return max(pods, key=lambda pod: int(pod["metadata"]["labels"][names.ATTEMPT]), default={})

    def wait_for(self, name: str, namespace: str, *phases: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            execution = self.execution(name, namespace)
            return execution if (execution.get("status") or {}).get("phase") in phases else None

        return wait_until(reached, timeout=60, what=f"{namespace}/{name} to be {' or '.join(phases)}")

    def wait_until_counted(self, quotas: str) -> None:
        """A new quota refuses nothing until the quota controller has counted what is used."""
        wait_until(
            lambda: (self.cluster.api.get(f"{quotas}/{QUOTA}").get("status") or {}).get("used"),
            what="the quota's count",
        )

    def _controller(self, *arguments: object) -> str:
        return call("controller", *arguments, "--kubeconfig", self.cluster.kubeconfig, env={"NO_COLOR": "1"})

    def _create_namespace(self, name: str) -> None:
        if self.cluster.api.find(f"/api/v1/namespaces/{name}") is None:
            self.cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})

    def _shown(self, words: Any) -> list[str]:
        """Words of a command as a person would type them: without the folders of this run."""
        shown = []
        for word in words:
            text = str(word)
            for folder in (self.folder, self.data, self.cluster.folder, REPOSITORY):
                text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
            shown.append(text)
        return shown
