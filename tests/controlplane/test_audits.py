"""Counting requests in an audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.controlplane.audits import Request, counts, events

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


def event(
    number: int, verb: str = "get", *, user: str = "ann", at: str = "2026-01-02T00:00:00.000001Z", **ref: str
) -> Any:
    return {
        "auditID": str(number),
        "verb": verb,
        "user": {"username": user},
        "requestReceivedTimestamp": at,
        "requestURI": "/readyz?verbose",
        **({"objectRef": ref} if ref else {}),
    }


def write(path: Path, *logged: Any, rest: str = "") -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in logged) + rest)
    return path


def test_requests_are_counted_by_verb_and_resource(tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit",
        event(1, "create", resource="pods"),
        event(2, "create", resource="pods"),
        event(3, "patch", resource="pods", subresource="status"),
        event(4, "get"),
    )
    assert counts(events(log)) == {
        Request("create", "pods"): 2,
        Request("patch", "pods/status"): 1,
        Request("get", "/readyz"): 1,
    }


def test_a_watch_that_began_and_ended_is_one_request(tmp_path: Path) -> None:
    log = write(tmp_path / "audit", event(1, "watch", resource="pods"), event(1, "watch", resource="pods"))
    assert counts(events(log)) == {Request("watch", "pods"): 1}


def test_a_user_and_a_time_can_be_asked_for(tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit",
        event(1, resource="pods", user="bob"),
        event(2, resource="pods", at="2026-01-01T23:59:59.999999Z"),
        event(3, resource="secrets"),
    )
    assert counts(events(log), user="ann", since=MIDNIGHT) == {Request("get", "secrets"): 1}


def test_a_line_that_is_being_written_is_left_for_the_next_time(tmp_path: Path) -> None:
    log = write(tmp_path / "audit", event(1, resource="pods"), rest='{"auditID": "2", ')
    assert counts(events(log)) == {Request("get", "pods"): 1}
