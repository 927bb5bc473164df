"""Counting requests from the API server's audit log: who asked for what, how often.

API writes per task are the currency of the controller's efficiency, and the audit log counts them exactly: the server
writes the line of a request before it sends the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

Event = dict[str, Any]
"""An audit.k8s.io/v1 Event."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class Request(NamedTuple):
    """What was asked for: `Request("patch", "pods/status")`; the path where it was no resource (`/readyz`)."""

    verb: str
    resource: str


def events(log: Path) -> Iterator[Event]:
    """The events of an audit log, each request once, in the order of their answers (a watch: when it began)."""
    seen: set[str] = set()
    with log.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):  # being written just now
                return
            event: Event = orjson.loads(line)
            if event["auditID"] not in seen:  # a watch is logged when it begins and again when it ends
                seen.add(event["auditID"])
                yield event


def counts(all_events: Iterable[Event], *, user: str | None = None, since: datetime | None = None) -> Counter[Request]:
    """How often each kind of request was made.

    Args:
        user: only this user's, e.g. `system:serviceaccount:flyte:controller`.
        since: only those received at this time (aware) or later.
    """
    return Counter(
        _request(event)
        for event in all_events
        # A request whose credentials were not accepted has no user name.
        if (user is None or event["user"].get("username") == user)
        and (since is None or datetime.fromisoformat(event["requestReceivedTimestamp"]) >= since)
    )


def is_refused(event: Event) -> bool:
    """Whether the answer was an error: 404, 409, 429, 5xx and the like."""
    code: int = event.get("responseStatus", {}).get("code", 0)
    return code >= 400


def _request(event: Event) -> Request:
    what = event.get("objectRef")
    if what is None or "resource" not in what:
        return Request(event["verb"], event["requestURI"].partition("?")[0])
    subresource = what.get("subresource")
    return Request(event["verb"], f"{what['resource']}/{subresource}" if subresource else what["resource"])
