"""``controller run``: the controller itself, until it is told to end."""

from __future__ import annotations

import logging as standard_logging
import os
import socket
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from controller.cli.process import is_watched, reads_configuration, refuse
from controller.services import logging

if TYPE_CHECKING:
    from controller.kube.credentials import Credentials
    from controller.runtime.application import Application, Options
    from controller.runtime.effects import Tokens
    from controller.services.configuration import Loaded
    from controller.services.metrics import Metrics

_log = standard_logging.getLogger(__name__)


@click.command()
@reads_configuration
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, metavar="NS", help="Follow this one; repeatable. Default: all."
)
@is_watched
@click.option(
    "--data-root",
    metavar="DIR|URL",
    default="",
    help="Executions that name no paths get theirs beneath; local paths are used only beneath it.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=False,
    show_default=True,
    help="Act only while holding a Lease: needed where several replicas run.",
)
@click.option(
    "--leader-elect-namespace",
    metavar="NS",
    help="Namespace of the Lease. Default: $POD_NAMESPACE, else the namespace of the credentials.",
)
def run(
    folder: Path,
    kubeconfig: Path | None,
    context: str | None,
    namespaces: tuple[str, ...],
    listen: str,
    log_format: Literal["json", "text"] | None,
    log_level: str,
    data_root: str,
    leader_elect: bool,
    leader_elect_namespace: str | None,
) -> None:
    """Run the controller against a cluster.

    It follows the TaskExecutions of the cluster (or of the namespaces given) and creates what they need. SIGTERM or
    Ctrl-C lets writes in flight end and then ends it; a second one ends it at once.
    """
    from controller.runtime import garbage

    garbage.seldom()

    from controller.kube.credentials import CredentialsError, find
    from controller.services.configuration import StartError, load
    from controller.services.probes import bind

    logging.configure(log_format, log_level.upper())
    try:
        loaded = load(folder)
        credentials = find(kubeconfig, context)
        bound = bind(listen)
    except StartError as error:
        refuse("run", error.lines)
    except CredentialsError as error:
        refuse("run", [str(error)])
    except (OSError, ValueError) as error:
        refuse("run", [f"can not listen on {listen}: {error}"])
    _log.info("configuration %s of %s (%s)", loaded.digest, folder, ", ".join(loaded.files))
    for failed in loaded.registry.failed:
        _log.warning("the optional plugin %s does not run: %s", failed.id, failed.reason)

    home = os.environ.get("POD_NAMESPACE") or credentials.namespace
    if data_root and "://" not in data_root:
        data_root = str(Path(data_root).resolve())
    lease_namespace = (leader_elect_namespace or home) if leader_elect else None
    sharding = loaded.config.plugin_manager.sharding
    if sharding.count > 1 and not leader_elect:
        _log.warning(
            "plugin-manager.sharding.count is %d, but without --leader-elect this replica acts on everything",
            sharding.count,
        )
    _serve(loaded, credentials, bound, namespaces, lease_namespace, home, data_root)


def _serve(
    loaded: Loaded,
    credentials: Credentials,
    bound: socket.socket,
    namespaces: tuple[str, ...],
    lease_namespace: str | None,
    home: str,
    data_root: str,
) -> NoReturn:
    from controller.runtime import frame
    from controller.runtime.application import Options
    from controller.services.configuration import StartError

    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    options = Options(namespaces=namespaces, lease_namespace=lease_namespace, identity=identity)
    try:
        code = frame.run(
            lambda: _application(loaded, credentials, bound, options, home, data_root), credentials, namespaces
        )
    except StartError as error:  # what only shows when services are opened, such as a missing password file
        refuse("run", error.lines)
    sys.exit(code)


def _application(
    loaded: Loaded, credentials: Credentials, bound: socket.socket, options: Options, home: str, data_root: str
) -> Application:
    from importlib import metadata

    from controller.runtime.application import Application
    from controller.services.metrics import Metrics
    from controller.services.outputs import OutputStore
    from controller.services.traces import open_traces
    from pluginmachinery.lifecycle.advance import World

    world = World(
        config=loaded.config,
        registry=loaded.registry,
        scopes=loaded.scopes,
        pod_template_default_namespace=home,
        environment=dict(os.environ),
        data_prefix=data_root,
    )
    version = metadata.version("flyte-plugin-manager")
    metrics = Metrics(version, loaded.digest)
    traces = open_traces(loaded.config.otel, version)

    def stored(operation: str, outcome: str, seconds: float) -> None:
        metrics.stored(operation, outcome, seconds)
        if traces is not None:
            traces.stored(operation, outcome, seconds)

    metrics.plugins(
        (declaration.id for declaration in loaded.declarations),
        (failed.id for failed in loaded.registry.failed),
    )
    return Application(
        world=world,
        kinds=list(dict.fromkeys(kind for declaration in loaded.declarations for kind in declaration.resources)),
        credentials=credentials,
        outputs=OutputStore(loaded.config.storage, data_root, stored),
        tokens=_tokens(loaded, metrics),
        metrics=metrics,
        traces=traces,
        options=options,
        listen=bound,
    )


def _tokens(loaded: Loaded, metrics: Metrics) -> Tokens:
    from controller.services.tokens import InMemoryTokens, Limits

    limits = Limits(loaded.config, loaded.registry)
    if loaded.config.propeller.resourcemanager.type == "noop":
        return InMemoryTokens(limits, metrics.token)
    from controller.services.redis_connections import open_redis
    from controller.services.redis_tokens import RedisTokens

    settings = loaded.config.plugin_manager.token_store
    lease = settings.lease.timedelta.total_seconds()
    return RedisTokens(open_redis(loaded.config), limits, lease=lease, prefix=settings.prefix, tell=metrics.token)
