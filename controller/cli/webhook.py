"""``controller webhook``: the admission webhook that puts secrets into pods, until it is told to end."""

from __future__ import annotations

import logging as standard_logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from controller.cli.process import is_watched, reads_configuration, refuse
from controller.services import logging

if TYPE_CHECKING:
    from controller.admission.serving import Webhook
    from controller.kube.credentials import Credentials
    from pluginmachinery.config import Configuration

_log = standard_logging.getLogger(__name__)


@click.command()
@reads_configuration
@click.option("--namespace", "-n", metavar="NS", help="Ours. Default: $POD_NAMESPACE, else that of the credentials.")
@click.option("--service", metavar="NAME", help="Service that the API server calls. Default: webhook.serviceName.")
@click.option("--secret", metavar="NAME", help="Kubernetes secret with the certificates. Default: webhook.secretName.")
@click.option(
    "--registration", metavar="NAME", help="MutatingWebhookConfiguration to keep. Default: named as the service."
)
@click.option("--serve", metavar="HOST:PORT", help="Where reviews are answered. Default: :<webhook.listenPort>.")
@click.option("--hostname", "hostnames", multiple=True, metavar="NAME", help="Further name or address; repeatable.")
@is_watched
def webhook(
    folder: Path,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    service: str | None,
    secret: str | None,
    registration: str | None,
    serve: str | None,
    hostnames: tuple[str, ...],
    listen: str,
    log_format: Literal["json", "text"] | None,
    log_level: str,
) -> None:
    """Put secrets into pods that ask for them by Flyte's annotations.

    FlytePropeller and operators make such pods; the controller's own pods have their secrets already. Any number of
    replicas may run: certificates are made and renewed here, and shared in a Kubernetes secret.
    """
    from controller.kube.credentials import CredentialsError, find
    from controller.runtime import frame
    from controller.services.configuration import StartError, load
    from controller.services.probes import bind
    from pluginmachinery.pods.secret_managers import SERVED

    logging.configure(log_format, log_level.upper())
    try:
        config = load(folder).config
        credentials = find(kubeconfig, context)
        where = serve or f":{config.webhook.listen_port}"
        reviews = bind(where)
        where = listen
        probes = bind(where)
    except StartError as error:
        refuse("webhook", error.lines)
    except CredentialsError as error:
        refuse("webhook", [str(error)])
    except (OSError, ValueError) as error:
        refuse("webhook", [f"can not listen on {where}: {error}"])
    if unserved := [manager for manager in config.webhook.managers if manager not in SERVED]:
        refuse("webhook", [_unserved(manager) for manager in unserved])
    if config.webhook.namespace_selector is not None:
        _log.warning("webhook.namespaceSelector is not applied: set the chart's value webhook.namespaceSelector")

    home = namespace or os.environ.get("POD_NAMESPACE") or credentials.namespace
    service = service or config.webhook.service_name
    names = (f"{service}.{home}.svc", f"{service}.{home}", service, f"{service}.{home}.svc.cluster.local", *hostnames)

    sys.exit(
        frame.run(
            lambda: _webhook(config, credentials, home, names, secret, registration or service, reviews, probes),
            credentials,
            (),
        )
    )


def _webhook(
    config: Configuration,
    credentials: Credentials,
    home: str,
    names: Sequence[str],
    secret: str | None,
    registration: str,
    reviews: socket.socket,
    probes: socket.socket,
) -> Webhook:
    from controller.admission.lookups import OwnSecrets
    from controller.admission.registrations import Registration
    from controller.admission.serving import Settings, Webhook
    from controller.admission.stores import FolderStore, SecretStore
    from controller.kube.client import ApiServer

    own = config.webhook
    api = ApiServer(credentials, connections=2)
    store: FolderStore | SecretStore = SecretStore(api, home, secret or own.secret_name)
    if own.local_cert:
        store = FolderStore(Path(os.path.expandvars(own.cert_dir)))
    kept = Registration(api, "" if own.disable_create_mutating_webhook_config else registration)
    settings = Settings(names, OwnSecrets(config.secrets, dict(os.environ)), own.managers)
    return Webhook(api, store, kept, settings, listen=reviews, probes=probes)


def _unserved(manager: str) -> str:
    from pluginmachinery.pods.secret_managers import SERVED

    return (
        f"webhook.secretManagerType: secrets of {manager} are not served here: set {' or '.join(SERVED)}, "
        "or run Flyte's own webhook"
    )
