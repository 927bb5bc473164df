"""The cluster, as the command line talks to it: the user's kubeconfig, and errors that say how to mend them."""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from controller.cli.exits import ClusterError
from pluginmachinery.api import names

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

F = TypeVar("F", bound=Callable[..., Any])

JSON = dict[str, Any]

_CONNECT, _READ = 10, 60
"""Seconds."""


def cluster_options(command: F) -> F:
    """The options by which a command finds its cluster and namespace."""
    for option in (
        click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: its current one."),
        click.option("--kubeconfig", type=click.Path(path_type=Path), metavar="FILE", help="Kubeconfig to use."),
        click.option("--namespace", "-n", metavar="NS", help="Namespace. Default: that of the context."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Connection:
    """A cluster and a namespace. Every method raises ClusterError with the mend when it can not be done."""

    client: Any
    namespace: str
    patience: float = _READ
    """Seconds that an answer may take."""

    def create(self, manifest: Mapping[str, Any]) -> JSON:
        namespace = manifest["metadata"].get("namespace") or self.namespace
        with mended_errors(f"{names.KIND} {_named(manifest)}"):
            created: JSON = self._tasks().create_namespaced_custom_object(
                names.GROUP, names.VERSION, namespace, names.PLURAL, dict(manifest), _request_timeout=self._timeout
            )
            return created

    def get(self, name: str) -> JSON:
        from kubernetes.client.exceptions import ApiException

        with mended_errors(f"{names.KIND} {name} in namespace {self.namespace}"):
            try:
                found: JSON = self._tasks().get_namespaced_custom_object(
                    *self._place(), name, _request_timeout=self._timeout
                )
            except ApiException as error:
                if error.status == 404 and (near := self._nearest(name)):
                    message = f"{names.KIND} {name} not found in namespace {self.namespace}; did you mean {near}?"
                    raise ClusterError(message) from error
                raise
            return found

    def _nearest(self, wrong: str) -> str:
        """A task of this namespace that may have been meant; "" where there is none, or we may not look."""
        try:
            known = [str(task["metadata"]["name"]) for task in self.all()]
        except ClusterError:
            return ""
        return next(iter(difflib.get_close_matches(wrong, known, n=1)), "")

    def all(self, *, everywhere: bool = False, selector: str = "") -> list[JSON]:
        with mended_errors(f"{names.PLURAL}"):
            return list(self.snapshot("" if everywhere else self.namespace, selector=selector)["items"])

    def patch(self, name: str, change: Mapping[str, Any]) -> JSON:
        with mended_errors(f"{names.KIND} {name} in namespace {self.namespace}"):
            patched: JSON = self._tasks().patch_namespaced_custom_object(
                *self._place(), name, dict(change), _request_timeout=self._timeout
            )
            return patched

    def snapshot(self, namespace: str, *, selector: str = "") -> JSON:
        """The list of TaskExecutions ("": of all namespaces) with its resource version.

        Raises what the client raises, as :meth:`watch`.
        """
        lister, place = self._lister(namespace)
        listed: JSON = lister(*place, label_selector=selector, _request_timeout=self._timeout)
        return listed

    def _lister(self, namespace: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
        if namespace:
            return self._tasks().list_namespaced_custom_object, (names.GROUP, names.VERSION, namespace, names.PLURAL)
        return self._tasks().list_cluster_custom_object, (names.GROUP, names.VERSION, names.PLURAL)

    def watch(
        self,
        namespace: str,
        resource_version: str,
        seconds: int,
        opened: Callable[[HTTPResponse], None],
        *,
        selector: str = "",
    ) -> Iterator[JSON]:
        """Changes of TaskExecutions from this version on, for so long: ``{"type": …, "object": …}``.

        ``opened`` gets the answer that is read from, so that another thread can end the reading
        (``HTTPResponse.shutdown``). Raises what the client raises: the caller decides what is worth another try.
        """
        from kubernetes import watch

        method, place = self._lister(namespace)

        @functools.wraps(method)  # the watch reads what it has to know from the method's docstring
        def listing(*args: Any, **kwargs: Any) -> Any:
            response = method(*args, **kwargs)
            opened(response)
            return response

        yield from watch.Watch().stream(
            listing,
            *place,
            label_selector=selector,
            resource_version=resource_version,
            timeout_seconds=seconds,
            _request_timeout=(_CONNECT, seconds + _CONNECT),
        )

    def pods(self, name: str, attempt: int | None = None) -> list[Any]:
        """Pods made for this task (of one attempt), as the client's objects."""
        selector = f"{names.TASK_EXECUTION}={names.task_execution_label(name)}"
        if attempt is not None:
            selector += f",{names.ATTEMPT}={attempt}"
        with mended_errors(f"pods in namespace {self.namespace}"):
            found = self.core().list_namespaced_pod(
                self.namespace, label_selector=selector, _request_timeout=self._timeout
            )
            return list(found.items)

    def events(self, uids: Iterable[str]) -> list[Any]:
        """Kubernetes events about the objects with these UIDs, oldest first."""
        found: list[Any] = []
        with mended_errors(f"events in namespace {self.namespace}"):
            for uid in uids:
                selector = f"involvedObject.uid={uid}"
                about = self.core().list_namespaced_event(
                    self.namespace, field_selector=selector, _request_timeout=self._timeout
                )
                found += about.items
        return sorted(found, key=lambda event: str(event.last_timestamp or event.event_time or ""))

    def core(self) -> Any:
        from kubernetes import client

        return client.CoreV1Api(self.client)

    def _tasks(self) -> Any:
        from kubernetes import client

        return client.CustomObjectsApi(self.client)

    @property
    def _timeout(self) -> tuple[float, float]:
        return min(_CONNECT, self.patience), self.patience

    def _place(self) -> tuple[str, str, str, str]:
        return names.GROUP, names.VERSION, self.namespace, names.PLURAL


def connect(
    kubeconfig: Path | None, context: str | None, namespace: str | None, *, patience: float = _READ
) -> Connection:
    """The cluster of the kubeconfig (else of the pod that we run in). Nothing is asked of it yet."""
    import urllib3
    from kubernetes import client, config

    settings = client.Configuration()
    settings.retries = urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0, total=None)
    inside = kubeconfig is None and not os.environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        if inside and not Path(config.KUBE_CONFIG_DEFAULT_LOCATION).expanduser().exists():
            config.load_incluster_config(client_configuration=settings)
            current = _namespace_of_the_pod()
        else:
            given = None if kubeconfig is None else str(kubeconfig)
            config.load_kube_config(config_file=given, context=context, client_configuration=settings)
            current = _namespace_of_the_context(config, given, context)
    except config.ConfigException as error:
        mend = "give --kubeconfig and --context, or set KUBECONFIG"
        raise ClusterError(f"no usable kubeconfig: {error}; {mend}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ClusterError(f"the kubeconfig can not be read: {error}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        raise ClusterError(f"the kubeconfig is no YAML: {' '.join(str(error).split())}") from error
    return Connection(client.ApiClient(settings), namespace or current, patience)


@contextlib.contextmanager
def mended_errors(what: str) -> Iterator[None]:
    """Turn what the client raises into one line with what to do about it."""
    import urllib3.exceptions
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except ApiException as error:
        raise ClusterError(_refusal(error, what)) from error
    except urllib3.exceptions.HTTPError as error:
        raise ClusterError(_unreachable(error)) from error


def _refusal(error: Any, what: str) -> str:
    status = _status(error)
    message = str(status.get("message") or error.reason or "no reason given").strip()
    if error.status == 401:
        return "the cluster does not accept these credentials: log in again, or choose another --context"
    if error.status == 403:
        return f"not allowed: {message}; ask for the right, or choose another --context or --namespace"
    details = status.get("details") or {}
    if error.status == 404 and not details.get("name"):
        definition = f"{names.PLURAL}.{names.GROUP}"
        return f"this cluster does not know TaskExecutions: install the chart, or apply the definition of {definition}"
    if error.status == 404 and details.get("kind") not in (names.PLURAL, "pods"):
        return message  # a namespace
    if error.status == 404:
        return f"{what} not found; `controller get -A` lists all there are"
    if error.status == 409:
        return f"{what} is there already: choose another name, or use metadata.generateName"
    causes = [f"{cause.get('field')}: {cause.get('message')}" for cause in details.get("causes") or ()]
    return "\n".join([f"{what} was refused: {message if not causes else ''}".rstrip(": "), *causes])


def _unreachable(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    pool = getattr(error, "pool", None)
    where = f" at {pool.scheme}://{pool.host}:{pool.port}" if pool is not None else ""
    text = str(reason).rpartition(": ")[2] or type(reason).__name__
    return f"the cluster{where} can not be reached: {text}; is it up, and is this the right --context?"


def _status(error: Any) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(error.body or b"{}")
    except orjson.JSONDecodeError:
        return {"message": str(error.body).strip()}
    return parsed if isinstance(parsed, dict) else {}


def _named(manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    return str(metadata.get("name") or metadata.get("generateName"))


def _namespace_of_the_pod() -> str:
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text(encoding="utf-8").strip() if path.exists() else "default"


def _namespace_of_the_context(config: Any, kubeconfig: str | None, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(config_file=kubeconfig)
    chosen = next((one for one in contexts if one["name"] == context), active)
    return str(((chosen or {}).get("context") or {}).get("namespace") or "default")
