"""The one door to the API server: plain reading, and access reviews.

Answers are three: the object, None (there is none), or :class:`Unread` – it may be there, and this user may not know.
What makes every further question pointless (no such context, no connection, expired credentials) is a SourceError. No
message holds a token.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import orjson

from configgen.cluster.tokens import without_tokens
from configgen.problems import Problem, SourceError
from configgen.trees import mapping

Object = dict[str, Any]
Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_LIST_METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE: Final = 500
_PARALLEL: Final = 8
_CONNECT, _READ = 5, 30
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What this user may not know, and why, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as it is served: its plural, and whether its objects lie in namespaces."""

    plural: str
    namespaced: bool


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody may do or not; ``group`` is empty for the core group, ``namespace`` for the whole cluster."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {resource_text(self.group, self.resource)}"


def all_at_once(ask: Callable[[Question], Answer], questions: Iterable[Question]) -> dict[Question, Answer]:
    """Question → answer, several on their way at a time: clusters have dozens of namespaces, and may be far away."""
    distinct = list(dict.fromkeys(questions))
    with ThreadPoolExecutor(_PARALLEL) as threads:
        return dict(zip(distinct, threads.map(ask, distinct), strict=True))


def resource_text(group: str, resource: str) -> str:
    """``sparkapplications.sparkoperator.k8s.io``, as kubectl names resources; ``….k8s.io/status`` for a part of one."""
    name, slash, part = resource.partition("/")
    return f"{name}.{group}{slash}{part}" if group else resource


class Connection:
    """A cluster as one user sees it. Answers are asked for once; safe to use from several threads."""

    def __init__(self, context: str, namespace: str, settings: Any) -> None:
        from kubernetes import client

        self.context = context
        self.namespace = namespace
        """The context's own namespace."""
        self.server = str(settings.host).rstrip("/")
        self._settings = settings
        self._pool = client.ApiClient(settings).rest_client.pool_manager
        if not settings.verify_ssl:
            _say_nothing_of_certificates()
        self._known: dict[tuple[str, str], Object | Unread | None] = {}

    def get(self, path: str, *, metadata_only: bool = False) -> Object | Unread | None:
        """The object at a path of the API; ``metadata_only`` keeps what is in it (a secret) on the server. Raises
        SourceError."""
        question = (path, (_LIST_METADATA if "?" in path else _METADATA) if metadata_only else _JSON)
        if question not in self._known:
            self._known[question] = self._request("GET", *question)
        return self._known[question]

    def items(self, path: str, *, metadata_only: bool = False) -> list[Object] | Unread:
        """The objects of a list; none where the kind is not known. Raises SourceError."""
        found: list[Object] = []
        following = ""
        while True:
            query = urlencode({"limit": _PAGE, **({"continue": following} if following else {})})
            answer = self.get(f"{path}?{query}", metadata_only=metadata_only)
            if isinstance(answer, Unread):
                return answer
            found += (answer or {}).get("items") or []
            following = ((answer or {}).get("metadata") or {}).get("continue") or ""
            if not following:
                return found

    def kinds(self, api_version: str) -> dict[str, Kind] | Unread:
        """What is served of an API version, by kind; nothing where it is not known. Raises SourceError."""
        answer = self.get(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}")
        if isinstance(answer, Unread):
            return answer
        found = [one for one in (answer or {}).get("resources") or () if "/" not in str(one.get("name"))]
        return {str(one.get("kind")): Kind(str(one.get("name")), bool(one.get("namespaced"))) for one in found}

    def may(self, action: Action, account: str = "") -> bool | Unread:
        """Whether this user – or ``account``, as ``namespace:name`` – may do it. Raises SourceError."""
        resource, _, subresource = action.resource.partition("/")
        attributes = {
            "verb": action.verb,
            "group": action.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": action.namespace,
            "name": action.name,
        }
        spec: Object = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
        kind = "SelfSubjectAccessReview"
        if account:
            kind = "SubjectAccessReview"
            within = account.partition(":")[0]
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{within}", "system:authenticated"]
            spec |= {"user": f"system:serviceaccount:{account}", "groups": groups}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        answer = self._request("POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", _JSON, body)
        if isinstance(answer, Unread):
            return answer
        return bool(((answer or {}).get("status") or {}).get("allowed"))

    def version(self) -> str | Unread:
        """``v1.34.4``. Raises SourceError, also where something else answers than an API server."""
        answer = self.get("/version")
        if isinstance(answer, Unread):
            return answer
        if not answer or "gitVersion" not in answer:
            raise self._stranger(404 if answer is None else 200)
        return str(answer["gitVersion"])

    def user(self) -> str:
        """Who we are to the API server; empty where it does not tell."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", _JSON, body)
        status = answer.get("status") if isinstance(answer, dict) else None
        return str(((status or {}).get("userInfo") or {}).get("username") or "")

    def _request(self, method: str, path: str, accept: str, body: Object | None = None) -> Object | Unread | None:
        import urllib3

        headers = {"Accept": accept, "User-Agent": "configgen", "Content-Type": _JSON}
        headers |= {auth["key"]: auth["value"] for auth in self._settings.auth_settings().values()}
        try:
            answer = self._pool.request(
                method,
                self.server + path,
                headers=headers,
                body=orjson.dumps(body) if body is not None else None,
                timeout=urllib3.Timeout(connect=_CONNECT, read=_READ),
                retries=urllib3.Retry(total=None, connect=1, read=1, redirect=0, status=0, other=0),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return self._answer(answer.status, answer.data)

    def _answer(self, status: int, data: bytes) -> Object | Unread | None:
        if status == 404:
            return None  # without JSON where the whole group is not known
        try:
            parsed = orjson.loads(data or b"{}")
        except orjson.JSONDecodeError as error:
            raise self._stranger(status) from error
        content = parsed if isinstance(parsed, dict) else {}
        if status < 300:
            return content
        if status == 401:
            message = "the cluster does not accept these credentials: they are wrong or expired"
            raise self._error(message, "log in again")
        message = str(content.get("message") or f"the API server answers {status}")
        if status == 403:
            return Unread(without_tokens(message.partition(" is forbidden: ")[2] or message))
        return Unread(without_tokens(message))

    def _stranger(self, status: int) -> SourceError:
        message = f"what answers at {self.server} is no Kubernetes API server (status {status})"
        return self._error(message, "check the server of the context, and proxies in between")

    def _unreachable(self, error: Exception) -> SourceError:
        reason = getattr(error, "reason", None) or error
        text = str(reason).rpartition(": ")[2].strip(" '\"") or type(reason).__name__
        while text.endswith(")") and text.count(")") > text.count("("):
            text = text[:-1].rstrip("'\",")  # what is left of the repr around it
        message = f"the cluster at {self.server} can not be reached: {text}"
        return self._error(message, "is it up, and is this the right context?")

    def _error(self, message: str, mend: str) -> SourceError:
        return SourceError([Problem(f"context {self.context}", 0, 0, "", message, mend)])


def _say_nothing_of_certificates() -> None:
    """The kubeconfig says that they are not looked at; whoever wrote that need not be told at every request."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def metadata(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata of an object."""
    return mapping(manifest.get("metadata"))


def name_of(manifest: Mapping[str, Any]) -> str:
    return str(metadata(manifest).get("name", ""))


def labels_of(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    return metadata(manifest).get("labels") or {}
