"""Kubernetes secrets in the pods of an object."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
from flyteidl.core.security_pb2 import Secret

from pluginmachinery.config import Configuration
from pluginmachinery.config.plugin_manager import PluginManagerConfig, SecretsConfig
from pluginmachinery.core.errors import PluginError
from pluginmachinery.pods.secret_mounts import delivered, injected
from tests.pluginmachinery.pods.pod_tasks import pod_task

FILE, VARIABLE = 2, 1
IN_FOLDER = [
    {"name": "FLYTE_SECRETS_DEFAULT_DIR", "value": "/etc/flyte/secrets"},
    {"name": "FLYTE_SECRETS_FILE_PREFIX"},
]
VOLUME = "m4pq"


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": list(containers) or [{"name": "main"}], **spec}}


def volume(*items: tuple[str, str], name: str = VOLUME, group: str = "g") -> dict[str, Any]:
    listed = [{"key": key, "path": path} for key, path in items]
    return {"name": name, "secret": {"secretName": group, "items": listed, "optional": True}}


def mount(name: str = VOLUME, group: str = "g") -> dict[str, Any]:
    return {"name": name, "mountPath": f"/etc/flyte/secrets/{group}", "readOnly": True}


def reference(name: str, group: str = "g", key: str = "k") -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": group, "key": key, "optional": True}}}


@pytest.mark.parametrize("requirement", [FILE, 0], ids=["wanted as a file", "wanted anyhow"])
def test_a_secret_as_a_file(requirement: int) -> None:
    spec = injected(pod(), [Secret(group="g", key="K", mount_requirement=requirement)])["spec"]
    assert spec == {
        "containers": [{"name": "main", "env": IN_FOLDER, "volumeMounts": [mount()]}],
        "volumes": [volume(("K", "k"))],
    }


def test_a_secret_as_a_variable() -> None:
    spec = injected(pod(), [Secret(group="g", key="k", mount_requirement=VARIABLE)])["spec"]
    prefix = {"name": "FLYTE_SECRETS_ENV_PREFIX", "value": "_FSEC_"}
    assert spec == {"containers": [{"name": "main", "env": [reference("_FSEC_G_K"), prefix]}]}


def test_a_secret_under_a_name_of_the_tasks_own() -> None:
    secrets = [
        Secret(group="g", key="K", mount_requirement=FILE, env_var="PATH_OF_K"),
        Secret(group="g", key="k", mount_requirement=VARIABLE, env_var="VALUE_OF_K"),
    ]
    (container,) = injected(pod(), secrets)["spec"]["containers"]
    assert {"name": "PATH_OF_K", "value": "/etc/flyte/secrets/g/k"} in container["env"]
    assert reference("VALUE_OF_K") in container["env"]


def test_several_keys_of_one_secret_share_a_volume() -> None:
    secrets = [Secret(group="g", key=key) for key in ("a", "B", "a")]
    spec = injected(pod(), secrets)["spec"]
    assert spec["volumes"] == [volume(("a", "a"), ("B", "b"))]
    assert spec["containers"][0]["volumeMounts"] == [mount()]


def test_init_containers_get_them_too() -> None:
    spec = injected(pod(initContainers=[{"name": "init"}]), [Secret(group="g", key="k")])["spec"]
    assert spec["initContainers"] == [{"name": "init", "env": IN_FOLDER, "volumeMounts": [mount()]}]


def test_what_a_container_has_of_its_own_stays() -> None:
    own = {
        "name": "main",
        "env": [{"name": "_FSEC_G_V", "value": "mine"}],
        "volumeMounts": [{"name": "mine", "mountPath": "/etc/flyte/secrets/g"}],
    }
    secrets = [Secret(group="g", key="k"), Secret(group="g", key="v", mount_requirement=VARIABLE)]
    (container,) = injected(pod(own), secrets)["spec"]["containers"]
    assert container["env"][0] == {"name": "_FSEC_G_V", "value": "mine"}
    assert [variable["name"] for variable in container["env"]].count("_FSEC_G_V") == 1
    assert container["volumeMounts"] == own["volumeMounts"]


def test_a_long_group_gets_a_volume_name_that_is_allowed() -> None:
    (found,) = injected(pod(), [Secret(group="g" * 60, key="k")])["spec"]["volumes"]
    assert len(found["name"]) <= 63


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [({"key": "k"}, "no group"), ({"group": "g"}, "no key"), ({}, "no group and key")],
    ids=["no group", "no key", "neither"],
)
def test_a_task_whose_secret_can_be_none_of_kubernetes_fails(lacking: dict[str, str], missing: str) -> None:
    task = pod_task({"securityContext": {"secrets": [{"group": "g", "key": "k"}, lacking]}})
    with pytest.raises(PluginError, match=f"this one has {missing}: name both") as raised:
        delivered(pod(), task)
    assert raised.value.field == "securityContext.secrets[1]"


def test_where_a_webhook_serves_secrets_they_are_all_left_to_it() -> None:
    config = Configuration(plugin_manager=PluginManagerConfig(secrets=SecretsConfig(inject="webhook")))
    task = dataclasses.replace(pod_task({"securityContext": {"secrets": [{"key": "k"}]}}), config=config)
    assert delivered(pod(), task) == pod()


def test_a_key_is_added_to_the_volume_that_holds_others_of_the_same_secret() -> None:
    once = injected(pod(), [Secret(group="g", key="a")])
    assert injected(once, [Secret(group="g", key="B")]) == injected(pod(), [Secret(group="g", key=k) for k in "aB"])


@pytest.mark.parametrize(
    "own",
    [{"name": VOLUME, "secret": {"secretName": "g"}}, {"name": VOLUME, "emptyDir": {}}],
    ids=["the whole secret", "something else of that name"],
)
def test_a_volume_of_that_name_stays_as_it_is(own: dict[str, Any]) -> None:
    assert injected(pod(volumes=[own]), [Secret(group="g", key="k")])["spec"]["volumes"] == [own]


def test_pods_deep_inside_of_an_object() -> None:
    template = {"template": pod()}
    job = {"kind": "RayJob", "spec": {"head": template, "workers": [template, template]}}
    spec = injected(job, [Secret(group="g", key="k")])["spec"]
    for group in (spec["head"], *spec["workers"]):
        assert group["template"]["spec"]["volumes"] == [volume(("k", "k"))]


def test_roles_of_a_spark_application() -> None:
    application = {
        "kind": "SparkApplication",
        "spec": {"driver": {"cores": 1}, "executor": {}, "volumes": [{"name": "v"}]},
    }
    spec = injected(application, [Secret(group="g", key="k")])["spec"]
    assert spec["driver"] == {"cores": 1, "env": IN_FOLDER, "volumeMounts": [mount()]}
    assert spec["executor"] == {"env": IN_FOLDER, "volumeMounts": [mount()]}
    assert spec["volumes"] == [{"name": "v"}, volume(("k", "k"))]


def test_roles_of_a_spark_application_with_variables_alone() -> None:
    application = {"kind": "SparkApplication", "spec": {"driver": {}}}
    spec = injected(application, [Secret(group="g", key="k", mount_requirement=VARIABLE)])["spec"]
    assert list(spec) == ["driver"]


def test_doing_it_twice_is_doing_it_once() -> None:
    secrets = [Secret(group="g", key="k"), Secret(group="h", key="v", mount_requirement=VARIABLE, env_var="V")]
    once = injected(pod(), secrets)
    assert injected(once, secrets) == once


def test_nothing_given_is_changed() -> None:
    given = pod({"name": "main", "env": [{"name": "A"}]}, volumes=[{"name": "v"}])
    before = copy.deepcopy(given)
    injected(given, [Secret(group="g", key="k")])
    assert given == before
