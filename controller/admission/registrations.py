"""The registration: the MutatingWebhookConfiguration by which the API server knows us.

The chart makes it, with its selectors and its failure policy; all that is written here is the ``caBundle``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from controller.admission.stores import Unavailable
from controller.kube.client import ApiServer
from pluginmachinery.core.actions import Done, Missing, ObjectRef, Refused, ResourceKind

CONFIGURATIONS = ResourceKind(
    "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"
)


@dataclass(frozen=True, slots=True)
class Registration:
    """``name`` "": somebody else looks after it, and whatever we have counts as published."""

    api: ApiServer
    name: str

    async def read(self) -> dict[str, Any]:
        """The configuration as it is; empty where it is not for us to keep. Raises Unavailable."""
        if not self.name:
            return {}
        found = await self.api.get(ObjectRef(CONFIGURATIONS, "", self.name))
        if isinstance(found, Missing):
            raise Unavailable(f"there is no MutatingWebhookConfiguration {self.name}: install it (webhook.enabled)")
        if isinstance(found, Refused):
            raise Unavailable(f"can not read MutatingWebhookConfiguration {self.name}: {found.message}")
        return dict(found.object)

    async def publish(self, configuration: dict[str, Any], bundle: str) -> bool:
        """Have the API server trust this bundle; False: somebody changed the configuration meanwhile.

        Raises Unavailable.
        """
        encoded = base64.b64encode(bundle.encode()).decode()
        webhooks = [
            {**webhook, "clientConfig": {**webhook["clientConfig"], "caBundle": encoded}}
            for webhook in configuration["webhooks"]
        ]
        version = {"resourceVersion": configuration["metadata"]["resourceVersion"]}
        change = {"metadata": version, "webhooks": webhooks}
        answer = await self.api.patch(ObjectRef(CONFIGURATIONS, "", self.name), change)
        if isinstance(answer, Done):
            return True
        if isinstance(answer, Missing) or answer.reason == "Conflict":
            return False
        raise Unavailable(f"can not write the caBundle of MutatingWebhookConfiguration {self.name}: {answer.message}")


def bundle_of(configuration: dict[str, Any]) -> str:
    """The bundle that stands in all of its webhooks; "" where they have none, or not the same."""
    bundles = {webhook["clientConfig"].get("caBundle") or "" for webhook in configuration.get("webhooks") or ()}
    if len(bundles) != 1:
        return ""
    try:
        return base64.b64decode(bundles.pop()).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
