"""The webhook on a real API server, by real admission, with the rights that the chart gives it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from flyteidl.core.security_pb2 import Secret

from configgen.release.values import ReleaseValues, WebhookValues
from configgen.release.webhook import PATH, WEBHOOK, webhook_objects
from controller.admission import keeping
from controller.admission.certificates import renewed
from controller.admission.registrations import Registration
from controller.admission.serving import Settings, Webhook
from controller.admission.stores import SecretStore
from controller.kube.client import ApiServer
from controller.kube.credentials import find
from controller.services.probes import bind
from pluginmachinery.config.webhook import SecretManagerType
from pluginmachinery.pods.secrets import describing_annotations
from tests.cluster.controllers import CONFIG, Controller, Tasks, Tree
from tools.controlplane.api import wait_until
from tools.controlplane.clusters import Cluster
from tools.controlplane.errors import ApiError
from tools.controlplane.ports import free_ports

FILE, VARIABLE = 2, 1
REGISTRATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{WEBHOOK}"
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}


class Installation:
    """What the chart installs, but for pods and their service: here the API server calls processes by their port."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.api, self.namespace = cluster, cluster.api, namespace
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self.secret = f"/api/v1/namespaces/{namespace}/secrets/{WEBHOOK}"

    def install(self, values: WebhookValues) -> None:
        release = ReleaseValues(webhook=values, watch_namespaces=(self.namespace,))
        for manifest in webhook_objects(release, self.namespace, "1", named_home=True):
            path = PATHS.get(manifest["kind"])
            if path is not None:
                self.api.create(path.format(self.namespace), manifest)
        self.call(1)

    def call(self, port: int) -> None:
        """Have the API server call this port."""
        wait_until(lambda: self._called(port), what="the registration to be left alone for a moment")

    def _called(self, port: int) -> bool:
        registration = self.api.get(REGISTRATION)
        for webhook in registration["webhooks"]:
            bundle = {key: value for key, value in webhook["clientConfig"].items() if key == "caBundle"}
            webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{PATH}", **bundle}
        version = {"resourceVersion": registration["metadata"]["resourceVersion"]}
        try:
            self.api.patch(REGISTRATION, {"metadata": version, "webhooks": registration["webhooks"]})
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True

    def remove(self) -> None:
        for kind in ("MutatingWebhookConfiguration", "ClusterRole", "ClusterRoleBinding"):
            self.api.delete(f"{PATHS[kind]}/{WEBHOOK}")

    def create_pod(self, name: str, *secrets: Secret, **spec: Any) -> Tree:
        metadata = {"name": name, "annotations": describing_annotations(secrets)}
        metadata["labels"] = {"inject-flyte-secrets": "true"} if secrets else {}
        body = {"metadata": metadata, "spec": {"containers": [{"name": "main", "image": "busybox"}], **spec}}
        return self.api.create(self.pods, {"apiVersion": "v1", "kind": "Pod", **body})

    def admitted(self, name: str, *secrets: Secret) -> Tree:
        """A pod that was changed, once the API server has heard of webhook and authority."""
        attempts = iter(range(10_000))

        def create() -> Tree | None:
            try:
                return self.create_pod(f"{name}-{next(attempts)}", *secrets)
            except ApiError as error:
                if "failed calling webhook" not in str(error):
                    raise
                return None

        return wait_until(create, timeout=30, what="the webhook to be called")


@pytest.fixture
def installation(cluster: Cluster, namespace: str) -> Iterator[Installation]:
    installed = Installation(cluster, namespace)
    installed.install(WebhookValues(enabled=True))
    yield installed
    installed.remove()


Start = Callable[..., tuple[Controller, int]]


@pytest.fixture
def start(installation: Installation, tmp_path: Path) -> Iterator[Start]:
    """Starts replicas with the webhook's own rights; answers the process and the port that reviews go to."""
    kubeconfig = installation.cluster.kubeconfig_for(WEBHOOK, installation.namespace)
    with ExitStack() as processes:

        def start(config: Tree = CONFIG) -> tuple[Controller, int]:
            (port,) = free_ports(1)
            names = ("--service", WEBHOOK, "--secret", WEBHOOK, "--registration", WEBHOOK)
            where = ("--namespace", installation.namespace, "--serve", f"127.0.0.1:{port}", "--hostname", "127.0.0.1")
            folder = tmp_path / f"webhook-{port}"
            process = Controller(folder, kubeconfig, config, (*names, *where), command="webhook")
            return processes.enter_context(process).ready(), port

        yield start


def env(pod: Tree) -> Tree:
    return {item["name"]: item.get("value") or item.get("valueFrom") for item in pod["spec"]["containers"][0]["env"]}


def test_a_pod_gets_its_secrets(start: Start, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_SECRET_OWN_TOKEN", "of-the-webhook")
    _, port = start()
    installation.call(port)
    pod = installation.admitted(
        "pod",
        Secret(group="g", key="File", mount_requirement=FILE, env_var="WHERE"),
        Secret(group="g", key="v", mount_requirement=VARIABLE),
        Secret(group="own", key="token"),
    )
    found = env(pod)
    assert found["WHERE"] == "/etc/flyte/secrets/g/file"
    assert found["_FSEC_G_V"] == {"secretKeyRef": {"name": "g", "key": "v", "optional": True}}
    assert found["_FSEC_OWN_TOKEN"] == "of-the-webhook"
    volumes = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
    assert volumes == {"g"}


def test_a_pod_that_can_not_be_served_is_refused_with_the_reason(start: Start, installation: Installation) -> None:
    _, port = start()
    installation.call(port)
    installation.admitted("good", Secret(group="g", key="k"))
    with pytest.raises(ApiError) as raised:
        installation.create_pod("bad", Secret(group="g", key="k"), Secret(key="alone"))
    assert "flyte.secrets/s1: a Kubernetes secret has a group" in str(raised.value)
    assert raised.value.status == 400
    assert installation.api.find(f"{installation.pods}/bad") is None


def test_the_task_of_a_refused_pod_fails_with_the_reason(
    start: Start, installation: Installation, run: Callable[..., Controller], cluster: Cluster
) -> None:
    webhook_serves = {**CONFIG, "plugin-manager": {"secrets": {"inject": "webhook"}}}
    _, port = start(webhook_serves)
    installation.call(port)
    installation.admitted("probe", Secret(group="g", key="k"))
    run(config=webhook_serves).ready()
    tasks = Tasks(cluster, installation.namespace)
    for name, secret in (("good", {"group": "g", "key": "k"}), ("bad", {"key": "alone"})):
        tasks.submit(name, template={"securityContext": {"secrets": [secret]}})
    assert tasks.ended("good", "bad") == {"good": "Succeeded", "bad": "Failed"}
    assert "this one has no group" in tasks.status("bad")["error"]["message"]


def test_our_own_pods_pass_unchanged(
    start: Start, installation: Installation, run: Callable[..., Controller], cluster: Cluster
) -> None:
    process, port = start()
    installation.call(port)
    installation.admitted("probe", Secret(group="g", key="k"))
    run().ready()
    tasks = Tasks(cluster, installation.namespace)
    tasks.submit("t", template={"securityContext": {"secrets": [{"group": "g", "key": "k"}]}})
    tasks.ended("t")
    _, metrics = process.get("/metrics")
    assert 'flyte_plugin_manager_webhook_reviews_total{outcome="unchanged"} 1.0' in metrics


def test_two_replicas_serve_with_the_same_certificate(start: Start, installation: Installation) -> None:
    ports = [start()[1] for _ in range(2)]
    certificates = {ssl.get_server_certificate(("127.0.0.1", port)) for port in ports}
    assert len(certificates) == 1
    for index, port in enumerate(ports):
        installation.call(port)
        installation.admitted(f"pod-{index}", Secret(group="g", key="k"))


def test_while_no_webhook_answers_pods_that_ask_are_refused_and_others_are_not(
    start: Start, installation: Installation
) -> None:
    process, port = start()
    installation.call(port)
    installation.admitted("before", Secret(group="g", key="k"))
    process.kill()
    with pytest.raises(ApiError, match="failed calling webhook"):
        installation.create_pod("asks", Secret(group="g", key="k"))
    installation.create_pod("asks-for-nothing")


def test_where_the_failure_policy_is_ignore_pods_start_without(start: Start, installation: Installation) -> None:
    process, port = start()
    installation.call(port)
    installation.admitted("before", Secret(group="g", key="k"))
    registration = installation.api.get(REGISTRATION)
    changed = [{**webhook, "failurePolicy": "Ignore"} for webhook in registration["webhooks"]]
    installation.api.patch(REGISTRATION, {"webhooks": changed})
    process.kill()
    pod = installation.admitted("after", Secret(group="g", key="k"))
    assert not [volume for volume in pod["spec"]["volumes"] if "secret" in volume]


def test_it_has_no_right_to_any_other_secret(installation: Installation) -> None:
    kubeconfig = installation.cluster.kubeconfig_for(WEBHOOK, installation.namespace)

    def may(verb: str, resource: str, *more: str) -> bool:
        arguments = ("auth", "can-i", verb, resource, "-n", installation.namespace, *more)
        done = installation.cluster.kubectl("--kubeconfig", str(kubeconfig), *arguments, check=False)
        return bool(done.stdout.strip() == "yes")

    assert may("patch", f"secrets/{WEBHOOK}")
    assert may("patch", f"mutatingwebhookconfigurations/{WEBHOOK}")
    denied = [("get", "secrets/other"), ("list", "secrets"), ("create", "secrets"), ("delete", f"secrets/{WEBHOOK}")]
    assert not [question for question in denied if may(*question)]
    assert not may("patch", "mutatingwebhookconfigurations/other")


async def test_an_authority_near_its_end_is_succeeded_while_pods_are_admitted(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "INTERVAL", 0.3)
    credentials = find(installation.cluster.kubeconfig_for(WEBHOOK, installation.namespace))
    names = (f"{WEBHOOK}.{installation.namespace}.svc", "127.0.0.1")
    api = ApiServer(credentials)
    store = SecretStore(api, installation.namespace, WEBHOOK)
    # An authority of 250 days, and a certificate of its that was renewed on the way.
    old = renewed(None, names, datetime.now(UTC) - timedelta(days=250), "")
    old = renewed(old, names, datetime.now(UTC) - timedelta(days=10), old.bundle)
    assert await store.write(old, await store.read())
    reviews, probes = bind("127.0.0.1:0"), bind("127.0.0.1:0")
    settings = Settings(names, lambda group, key: None, (SecretManagerType.K8S,))
    webhook = Webhook(api, store, Registration(api, WEBHOOK), settings, listen=reviews, probes=probes)
    await webhook.start()
    try:
        installation.call(reviews.getsockname()[1])
        admitted = 0
        while (await asyncio.to_thread(served, reviews.getsockname()[1])) == fingerprint(old.certificate):
            # From the first one on, each is admitted: the API server trusts what is served at every moment.
            if admitted:
                await asyncio.to_thread(installation.create_pod, f"pod-{admitted}", Secret(group="g", key="k"))
            else:
                await asyncio.to_thread(installation.admitted, "first", Secret(group="g", key="k"))
            admitted += 1
        await asyncio.to_thread(installation.create_pod, "last", Secret(group="g", key="k"))
    finally:
        await webhook.stop()
    held = await asyncio.to_thread(installation.api.get, installation.secret)
    bundle = base64.b64decode(held["data"]["ca.crt"]).decode()
    assert bundle.endswith(old.bundle)
    assert bundle != old.bundle


def served(port: int) -> bytes:
    return fingerprint(ssl.get_server_certificate(("127.0.0.1", port)))


def fingerprint(certificate: str) -> bytes:
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256())


@pytest.mark.parametrize("exists", [True, False], ids=["an empty secret", "no secret"])
async def test_of_two_replicas_that_write_at_once_one_is_refused(
    cluster: Cluster, namespace: str, exists: bool
) -> None:
    if exists:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": WEBHOOK}}
        cluster.api.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    api = ApiServer(find(cluster.kubeconfig))
    try:
        stores = [SecretStore(api, namespace, WEBHOOK) for _ in range(2)]
        held = [await store.read() for store in stores]
        made = [renewed(None, ("a",), datetime.now(UTC), "") for _ in stores]
        written = [await store.write(*pair) for store, *pair in zip(stores, made, held, strict=True)]
        assert written == [True, False]
        assert (await stores[1].read()).material == made[0]
    finally:
        await api.close()
