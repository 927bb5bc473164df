"""What a webhook does to a pod that asks for secrets: each secret comes from the first manager that has it.

The order is Flyte's: *global* – what the webhook's own process has, put into the pod as plain variables – and then the
one that is configured, ``K8s`` by default, which refers to Kubernetes secrets (:mod:`.secret_mounts`). What the
pod has already, because :mod:`.secret_mounts` or an earlier call put it there, is left alone, so that doing it again
changes nothing.

Unlike Flyte's webhook, which lets a pod start without the secrets that it could not serve, the pod is refused then: a
task that runs without its credentials fails later and tells less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from pluginmachinery.config.webhook import SecretManagerType
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import JSON
from pluginmachinery.pods import secrets
from pluginmachinery.pods.secret_mounts import what_it_lacks, with_secrets, with_value

if TYPE_CHECKING:
    from flyteidl.core.security_pb2 import Secret

Lookup = Callable[[str, str], str | None]
"""Group and key → the value that the webhook's own process has, None where it has none."""

SERVED = (SecretManagerType.K8S, SecretManagerType.GLOBAL)
"""Managers that can be configured."""

_FILE = 2  # flyteidl.core.Secret.MountType


def with_wanted_secrets(pod: JSON, lookup: Lookup, managers: Collection[SecretManagerType]) -> dict[str, Any]:
    """The pod with the secrets that its annotations describe; the same object where nothing is to be done.

    Raises PluginError ``BadTaskSpecification`` for a secret that nobody has; its field is the annotation.
    """
    annotations: Mapping[str, str] = (pod.get("metadata") or {}).get("annotations") or {}
    spec = given = pod.get("spec") or {}
    for annotation, secret in secrets.described_secrets(annotations).items():
        spec = _served(spec, secret, lookup, managers, annotation)
    return dict(pod) if spec == given else {**pod, "spec": spec}


def _served(spec: JSON, secret: Secret, lookup: Lookup, managers: Collection[SecretManagerType], field: str) -> JSON:
    lack = what_it_lacks(secret)
    if not lack and with_secrets(spec, [secret]) == spec:
        return spec
    value = None if lack or secret.mount_requirement == _FILE else lookup(secret.group, secret.key)
    if value is not None:
        return with_value(spec, secret, value)
    if SecretManagerType.K8S in managers:
        if lack:
            raise bad_task(lack, field=field)
        return with_secrets(spec, [secret])
    raise bad_task(_nobody_has(secret, lack), field=field)


def _nobody_has(secret: Secret, lack: str) -> str:
    if lack:
        return lack
    named = f"secret {secret.key} of group {secret.group}"
    if secret.mount_requirement == _FILE:
        return f"{named} is wanted as a file, and the webhook serves its own secrets as variables only"
    return f"{named} is not among the webhook's own, and no other secret manager is configured"
