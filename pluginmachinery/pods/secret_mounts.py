"""Secrets of the task put into its pods, so that no webhook is needed where they are Kubernetes secrets.

A stage of its own on finished objects: it finds the pods wherever they are in an object and gives every container what
Flyte's webhook would give it. The *group* of a secret is the name of the Kubernetes secret, its *key* the entry:

- as a file (also where the task does not mind): ``/etc/flyte/secrets/<group>/<key>``, both in lower case;
- as a variable: ``_FSEC_<GROUP>_<KEY>``, in capitals;
- either way under the name that the task gave (``env_var``): the value, or the path of the file.

What a container has of its own under such a name stays. A secret without group or key can be none of Kubernetes' and is
refused; a Kubernetes secret that is not there is no error here, and the container starts without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON, TaskContext
from pluginmachinery.pods import names

if TYPE_CHECKING:
    from flyteidl.core.security_pb2 import Secret

FOLDER = "/etc/flyte/secrets"
VARIABLE_PREFIX = "_FSEC_"

_ENV_VAR = 1  # flyteidl.core.Secret.MountType
_TELLS_FOLDER = "FLYTE_SECRETS_DEFAULT_DIR"
_TELLS_FILE_PREFIX = "FLYTE_SECRETS_FILE_PREFIX"
_TELLS_VARIABLES = {"name": "FLYTE_SECRETS_ENV_PREFIX", "value": VARIABLE_PREFIX}


def delivered(manifest: dict[str, Any], task: TaskContext) -> dict[str, Any]:
    """The object with the secrets of its task, unless ``plugin-manager.secrets`` leaves them to a webhook.

    Raises PluginError ``BadTaskSpecification`` for a secret that can not be Kubernetes'.
    """
    secrets = task.template.security_context.secrets
    if not secrets or task.config.plugin_manager.secrets.inject != "kubernetes":
        return manifest
    for index, secret in enumerate(secrets):
        if lack := what_it_lacks(secret):
            mend = "name both, or set plugin-manager.secrets.inject: webhook where a webhook serves other secrets"
            raise bad_task(f"{lack}: {mend}", field=f"securityContext.secrets[{index}]")
    return injected(manifest, secrets)


def what_it_lacks(secret: Secret) -> str:
    """Why this can be no Kubernetes secret; "" where it can."""
    if secret.group and secret.key:
        return ""
    missing = " and ".join(name for name in ("group", "key") if not getattr(secret, name))
    return f"a Kubernetes secret has a group (its name) and a key (its entry), and this one has no {missing}"


def injected(manifest: JSON, secrets: Sequence[Secret]) -> dict[str, Any]:
    """The object with the secrets in all its pods: pod specs anywhere, and the driver and executor of Spark."""
    result: dict[str, Any] = _walked(manifest, secrets)
    if result.get("kind") == "SparkApplication":
        result["spec"] = _with_spark_secrets(result.get("spec") or {}, secrets)
    return result


def with_secrets(spec: JSON, secrets: Sequence[Secret]) -> dict[str, Any]:
    """A PodSpec with these secrets, all of which have group and key, in all containers and init containers."""
    files = [secret for secret in secrets if secret.mount_requirement != _ENV_VAR]
    result = in_all_containers(spec, lambda container: _with_secrets(container, secrets, files))
    if files:
        result["volumes"] = _with_volumes(result.get("volumes") or (), files)
    return result


def with_value(spec: JSON, secret: Secret, value: str) -> dict[str, Any]:
    """A PodSpec with the value of a secret itself as a variable of all containers and init containers."""
    variables = [{"name": name, "value": value} for name in _variable_names(secret)] + [_TELLS_VARIABLES]
    return in_all_containers(spec, lambda container: _with_variables(container, variables))


def in_all_containers(spec: JSON, change: Callable[[JSON], dict[str, Any]]) -> dict[str, Any]:
    """A PodSpec with this change of every container and init container."""
    result = dict(spec)
    for part in ("initContainers", "containers"):
        if result.get(part):
            result[part] = [change(container) for container in result[part]]
    return result


def _walked(value: Any, secrets: Sequence[Secret]) -> Any:
    if isinstance(value, Mapping):
        if isinstance(value.get("containers"), list):
            return with_secrets(value, secrets)
        return {key: _walked(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_walked(item, secrets) for item in value]
    return value


def _with_spark_secrets(spec: JSON, secrets: Sequence[Secret]) -> dict[str, Any]:
    """Spark's roles are containers in all but name, and share the volumes of the application."""
    roles = [role for role in ("driver", "executor") if role in spec]
    pod = with_secrets({"containers": [spec[role] for role in roles], "volumes": spec.get("volumes")}, secrets)
    volumes = {"volumes": pod["volumes"]} if pod["volumes"] else {}
    return {**spec, **dict(zip(roles, pod["containers"], strict=True)), **volumes}


def _with_secrets(container: JSON, secrets: Sequence[Secret], files: Sequence[Secret]) -> dict[str, Any]:
    result = _with_variables(container, (variable for secret in secrets for variable in _variables(secret)))
    if files:
        mounts = list(container.get("volumeMounts") or ())
        _add_missing(mounts, map(_mount, files), "mountPath")
        result["volumeMounts"] = mounts
    return result


def _with_variables(container: JSON, variables: Iterable[JSON]) -> dict[str, Any]:
    env = list(container.get("env") or ())
    _add_missing(env, variables, "name")
    return {**container, "env": env}


def _variable_names(secret: Secret) -> list[str]:
    """Its own name, and the one that the task gave."""
    return [f"{VARIABLE_PREFIX}{secret.group}_{secret.key}".upper(), *([secret.env_var] if secret.env_var else [])]


def _variables(secret: Secret) -> Iterable[JSON]:
    if secret.mount_requirement == _ENV_VAR:
        for name in _variable_names(secret):
            reference = {"name": secret.group, "key": secret.key, "optional": True}
            yield {"name": name, "valueFrom": {"secretKeyRef": reference}}
        yield _TELLS_VARIABLES
    else:
        yield {"name": _TELLS_FOLDER, "value": FOLDER}
        yield {"name": _TELLS_FILE_PREFIX}
        if secret.env_var:
            yield {"name": secret.env_var, "value": f"{FOLDER}/{secret.group.lower()}/{secret.key.lower()}"}


def _mount(secret: Secret) -> JSON:
    return {"name": _volume_name(secret), "mountPath": f"{FOLDER}/{secret.group.lower()}", "readOnly": True}


def _with_volumes(own: Sequence[JSON], files: Sequence[Secret]) -> list[JSON]:
    """One volume for each Kubernetes secret, with the keys that are wanted."""
    keys: dict[str, dict[str, str]] = {}
    groups: dict[str, str] = {}
    for secret in files:
        keys.setdefault(_volume_name(secret), {}).setdefault(secret.key.lower(), secret.key)
        groups[_volume_name(secret)] = secret.group
    volumes = [
        {
            "name": name,
            "secret": {
                "secretName": groups[name],
                "items": [{"key": key, "path": path} for path, key in paths.items()],
                "optional": True,
            },
        }
        for name, paths in keys.items()
    ]
    result = [_with_keys_of(volume, volumes) for volume in own]
    _add_missing(result, volumes, "name")
    return result


def _with_keys_of(volume: JSON, wanted: Iterable[JSON]) -> JSON:
    """A volume that is there already, with the further keys that are wanted of the same secret.

    One without a list of keys has them all.
    """
    has = volume.get("secret") or {}
    for other in wanted:
        wants = other["secret"]
        if other["name"] == volume.get("name") and wants["secretName"] == has.get("secretName") and has.get("items"):
            items = list(has["items"])
            _add_missing(items, wants["items"], "path")
            return {**volume, "secret": {**has, "items": items}}
    return volume


def _volume_name(secret: Secret) -> str:
    """As the webhook calls it, so that both together do no harm; a hash where that is too long for a volume."""
    name = names.base32(f"{secret.group}_{secret.group_version}".encode())
    return name if names.is_label(name) else f"secret-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _add_missing(items: list[JSON], more: Iterable[JSON], key: str) -> None:
    known = {item.get(key) for item in items}
    for item in more:
        if item[key] not in known:
            known.add(item[key])
            items.append(item)
