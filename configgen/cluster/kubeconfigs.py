"""Kubeconfigs: from a context's name to a connection, by the library that knows all of their ways to credentials."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from configgen.cluster.connection import Connection, Object
from configgen.cluster.tokens import without_tokens
from configgen.problems import Problem, SourceError

_DEFAULT: Final = "~/.kube/config"
_IN_CLUSTER: Final = "in-cluster"


def connect(context: str = "", kubeconfig: Path | None = None) -> Connection:
    """The cluster of a context (empty: the current one; in a pod without kubeconfig: its own). Nothing is asked yet.

    Raises SourceError: the package ``kubernetes`` is missing, no kubeconfig, no such context, no credentials.
    """
    config = _library()
    from kubernetes import client

    settings = client.Configuration()
    place = _place(kubeconfig)
    inside = not context and kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ
    if inside and not any(Path(one).expanduser().exists() for one in place.split(os.pathsep) if one):
        with _mended(place, _IN_CLUSTER):
            config.load_incluster_config(client_configuration=settings)
        return Connection(_IN_CLUSTER, _own_namespace(), settings)
    chosen = _chosen(contexts(kubeconfig), context, place)
    with _mended(place, chosen["name"]):
        config.load_kube_config(config_file=place, context=chosen["name"], client_configuration=settings)
    return Connection(chosen["name"], str(chosen["context"].get("namespace") or "default"), settings)


def contexts(kubeconfig: Path | None = None) -> list[Object]:
    """The contexts of the kubeconfig, the current one first. Raises SourceError."""
    config, place = _library(), _place(kubeconfig)
    with _mended(place, ""):
        known, current = config.list_kube_config_contexts(config_file=place)
    found = [current, *(one for one in known if current is None or one["name"] != current["name"])]
    return [{"name": str(one["name"]), "context": one.get("context") or {}} for one in found if one]


def _library() -> Any:
    try:
        from kubernetes import config
    except ModuleNotFoundError as error:
        message = "to talk to a cluster, the Python package kubernetes is needed"
        mend = "pip install 'flyte-plugin-manager[cluster]'"
        raise SourceError([Problem("configgen", 0, 0, "", message, mend)]) from error
    return config


def _place(kubeconfig: Path | None) -> str:
    """Asked for at every call: the library looks at KUBECONFIG only when it is imported."""
    return str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG") or _DEFAULT


def _chosen(known: list[Object], context: str, place: str) -> Object:
    if not context and known:
        return known[0]
    for one in known:
        if one["name"] == context:
            return one
    names = [one["name"] for one in known]
    close = get_close_matches(context, names, n=1)
    mend = f"did you mean {close[0]}?" if close else f"known: {', '.join(names) or 'none'}"
    raise SourceError([Problem(place, 0, 0, "", f"there is no context {context!r}", mend)])


@contextmanager
def _mended(place: str, context: str) -> Iterator[None]:
    """Trouble of the library as one message; what a credentials command says goes to the log, of all places."""
    from kubernetes.config import ConfigException

    told = _Told()
    logging.getLogger().addHandler(told)
    mend = "give --kubeconfig and --context, or set KUBECONFIG"
    try:
        yield
    except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            [Problem(place, 0, 0, "", f"no usable kubeconfig: {without_tokens(error).rstrip('.')}", mend)]
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        raise SourceError([Problem(place, 0, 0, "", f"is no YAML: {without_tokens(error)}", mend)]) from error
    finally:
        logging.getLogger().removeHandler(told)
    if told.messages:
        message = f"the credentials of context {context} can not be had: {without_tokens(told.messages[0])}"
        raise SourceError([Problem(place, 0, 0, "", message, "log in again, or mend the user's exec command")])


class _Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _own_namespace() -> str:
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text("utf-8").strip() if path.exists() else "default"
