"""``webhook`` and ``secrets``: Flyte's sections about the admission of pods that ask for secrets.

``controller webhook`` reads them; what it does not serve (sidecars for secrets of AWS and GCP, Vault's annotations, the
webhook's metrics prefix) is passed over.
"""

from __future__ import annotations

import enum
from typing import Annotated, ClassVar

from pluginmachinery.config.sections import CamelSection, Kubernetes, Section, Since


class SecretManagerType(enum.StrEnum):
    """Where secrets come from that the webhook's own process does not have."""

    GLOBAL = "Global"
    K8S = "K8s"
    AWS = "AWS"
    GCP = "GCP"
    VAULT = "Vault"
    AZURE = "Azure"
    EMBEDDED = "Embedded"


class WebhookConfig(CamelSection):
    """The webhook that puts secrets into pods."""

    passes_over_unknown: ClassVar[bool] = True

    secret_manager_type: SecretManagerType = SecretManagerType.K8S
    """Where secrets come from that are not among the webhook's own (section ``secrets``): ``K8s``, or ``Global`` for
    nowhere else. All others need Flyte's own webhook."""
    secret_manager_types: Annotated[tuple[SecretManagerType, ...], Since("2")] = ()
    """Several of them, in the place of ``secretManagerType``."""
    secret_name: str = "flyte-pod-webhook"  # noqa: S105 -- the name of an object
    """Kubernetes secret that holds certificates and keys; all replicas share it."""
    service_name: str = "flyte-pod-webhook"
    """Service that the API server calls, and name of the MutatingWebhookConfiguration."""
    service_port: int = 443
    """Port of the service."""
    listen_port: int = 9443
    """Port that the process listens on."""
    cert_dir: str = "/etc/webhook/certs"
    """Folder with ``tls.crt``, ``tls.key`` and ``ca.crt``, read where ``localCert`` is set."""
    local_cert: bool = False
    """Take certificates from ``certDir`` instead of the Kubernetes secret; they are made there when there are none."""
    disable_create_mutating_webhook_config: bool = False
    """Leave the MutatingWebhookConfiguration alone: somebody else writes the ``caBundle`` into it."""
    namespace_selector: Annotated[dict[str, object], Kubernetes("LabelSelector")] | None = None
    """Flyte's webhook puts it into the MutatingWebhookConfiguration. Here the chart makes that one: set its value
    ``webhook.namespaceSelector``."""

    @property
    def managers(self) -> tuple[SecretManagerType, ...]:
        """Where secrets come from that are not among the webhook's own."""
        return self.secret_manager_types or (self.secret_manager_type,)


class SecretLookupConfig(Section):
    """Secrets that the webhook's own process has, as variables or files: they are looked at before all others."""

    passes_over_unknown: ClassVar[bool] = True

    secrets_prefix: str = "/etc/secrets"
    """Folder with a file for each secret: ``<group>/<key>``."""
    env_prefix: str = "FLYTE_SECRET_"
    """Beginning of the names of variables: ``<prefix><GROUP>_<KEY>``."""
