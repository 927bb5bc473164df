"""What a webhook does to pods that ask for secrets: who serves them, in which order, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core.security_pb2 import Secret

from pluginmachinery.config.webhook import SecretManagerType
from pluginmachinery.core.errors import PluginError
from pluginmachinery.pods.secret_managers import with_wanted_secrets
from pluginmachinery.pods.secret_mounts import injected
from pluginmachinery.pods.secrets import describing_annotations

FILE, VARIABLE, ANY = 2, 1, 0
K8S, GLOBAL = SecretManagerType.K8S, SecretManagerType.GLOBAL


def asking(*secrets: Secret, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"annotations": describing_annotations(secrets)},
        "spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "init"}], **spec},
    }


def served(pod: dict[str, Any], manager: SecretManagerType = K8S, **own: str) -> dict[str, Any]:
    """``own``: what the webhook's process has, ``group_key`` → value."""
    return with_wanted_secrets(pod, lambda group, key: own.get(f"{group}_{key}"), (manager,))


def env(pod: dict[str, Any], container: str = "main") -> dict[str, Any]:
    found = next(c for c in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]] if c["name"] == container)
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in found.get("env", ())}


@pytest.mark.parametrize("requirement", [FILE, VARIABLE, ANY], ids=["file", "variable", "any"])
def test_kubernetes_secrets_mean_what_they_mean_in_our_own_pods(requirement: int) -> None:
    secrets = [Secret(group="g", key=key, mount_requirement=requirement, env_var=f"E{key}") for key in "ab"]
    pod = asking(*secrets)
    assert served(pod) == injected(pod, secrets)


@pytest.mark.parametrize("requirement", [VARIABLE, ANY], ids=["variable", "any"])
@pytest.mark.parametrize("manager", [K8S, GLOBAL])
def test_what_the_webhook_itself_has_comes_first_and_is_a_variable(
    requirement: int, manager: SecretManagerType
) -> None:
    pod = served(asking(Secret(group="g", key="k", mount_requirement=requirement, env_var="TOKEN")), manager, g_k="v")
    wanted = {"_FSEC_G_K": "v", "TOKEN": "v", "FLYTE_SECRETS_ENV_PREFIX": "_FSEC_"}
    assert env(pod) == env(pod, "init") == wanted
    assert "volumes" not in pod["spec"]


def test_a_file_comes_from_kubernetes_even_where_the_webhook_has_a_value() -> None:
    pod = served(asking(Secret(group="g", key="k", mount_requirement=FILE)), g_k="v")
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "g"


@pytest.mark.parametrize(
    ("secret", "manager", "message"),
    [
        (Secret(key="k"), K8S, "has no group"),
        (Secret(group="g"), GLOBAL, "has no key"),
        (Secret(group="g", key="k"), GLOBAL, "is not among the webhook's own, and no other secret manager"),
        (Secret(group="g", key="k", mount_requirement=FILE), GLOBAL, "serves its own secrets as variables only"),
    ],
    ids=["no group", "no key", "nobody has it", "a file of the webhook's own"],
)
def test_a_pod_is_refused_for_a_secret_that_nobody_has(
    secret: Secret, manager: SecretManagerType, message: str
) -> None:
    with pytest.raises(PluginError, match=message) as raised:
        served(asking(Secret(group="o", key="k", mount_requirement=VARIABLE), secret), manager, o_k="v")
    assert raised.value.field == "flyte.secrets/s1"


@pytest.mark.parametrize("own", [{}, {"g_a": "v", "h_v": "w"}], ids=["kubernetes", "the webhook's own"])
def test_doing_it_twice_is_doing_it_once(own: dict[str, str]) -> None:
    secrets = [Secret(group="g", key="a"), Secret(group="g", key="b", mount_requirement=FILE)]
    once = served(asking(*secrets, Secret(group="h", key="v", mount_requirement=VARIABLE)), **own)
    assert served(once, **own) == once


def test_a_container_that_came_later_gets_them_too() -> None:
    once = served(asking(Secret(group="g", key="k")))
    once["spec"]["containers"].append({"name": "proxy"})
    assert env(served(once), "proxy") == env(once)


def test_our_own_pods_are_left_alone_whatever_the_webhook_has() -> None:
    secrets = [Secret(group="g", key="k", mount_requirement=VARIABLE)]
    made = injected(asking(*secrets), secrets)
    assert served(made, g_k="another value") == made


def test_a_pod_that_asks_for_nothing_is_left_alone() -> None:
    assert served({"spec": {"containers": [{"name": "main"}]}}) == {"spec": {"containers": [{"name": "main"}]}}
