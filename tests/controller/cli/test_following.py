"""Following tasks through everything that a watch can do wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3.exceptions
from kubernetes.client.exceptions import ApiException

from controller.cli import following
from controller.cli.exits import ClusterError

Script = list[Any]


def task(phase: str | None, name: str = "a", namespace: str = "ns") -> dict[str, Any]:
    metadata = {"uid": f"uid-{name}", "name": name, "namespace": namespace}
    return {"metadata": metadata, "status": {"phase": phase} if phase else {}}


class Scripted:
    """A connection whose lists and watches answer one entry of a script each; an exception is raised."""

    def __init__(self, lists: Script, watches: Script) -> None:
        self.lists = lists
        self.watches = watches
        self.versions: list[str] = []

    def snapshot(self, namespace: str, *, selector: str = "") -> dict[str, Any]:
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        return {"metadata": {"resourceVersion": "7"}, "items": answer}

    def watch(
        self, namespace: str, version: str, seconds: int, opened: Any, *, selector: str = ""
    ) -> Iterator[dict[str, Any]]:
        self.versions.append(version)
        for entry in self.watches.pop(0) if self.watches else []:
            if isinstance(entry, Exception):
                raise entry
            yield entry


def changed(found: dict[str, Any], kind: str = "MODIFIED") -> dict[str, Any]:
    return {"type": kind, "object": found}


def versioned(found: dict[str, Any], version: int) -> dict[str, Any]:
    return {**found, "metadata": {**found["metadata"], "resourceVersion": str(version)}}


def seen(connection: Scripted, *tasks: dict[str, Any], seconds: float = 10) -> list[str | None]:
    found = following.follow(connection, tasks, time.monotonic() + seconds)  # type: ignore[arg-type]
    return [None if one is None else following.phase_of(one) for one in found]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PAUSE", 0.001)


def test_states_come_in_their_order_and_the_end_is_the_end() -> None:
    connection = Scripted([[task("Queued")]], [[changed(task("Running")), changed(task("Succeeded"))]])
    assert seen(connection, task(None)) == ["Pending", "Queued", "Running", "Succeeded"]
    assert connection.versions[0] == "7"


def test_what_has_ended_already_is_not_followed() -> None:
    assert seen(Scripted([RuntimeError()], []), task("Failed")) == ["Failed"]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(ApiException(status=410, reason="Expired"), id="the version is too old"),
        pytest.param(ApiException(status=500, reason="etcd"), id="the server stumbles"),
        pytest.param(ApiException(status=429, reason="too many"), id="the server is busy"),
        pytest.param(urllib3.exceptions.ProtocolError("reset"), id="the connection breaks"),
    ],
)
def test_a_watch_that_breaks_is_begun_again_with_a_list(trouble: Exception) -> None:
    connection = Scripted([[task("Queued")], trouble, [task("Succeeded")]], [[changed(task("Running")), trouble]])
    assert seen(connection, task(None)) == ["Pending", "Queued", "Running", "Succeeded"]


def test_a_watch_that_just_ends_is_begun_again() -> None:
    connection = Scripted([[task("Queued")], [task("Failed")]], [[]])
    assert seen(connection, task(None)) == ["Pending", "Queued", "Failed"]


def test_deletion_is_seen_in_a_watch_and_in_a_list() -> None:
    assert seen(Scripted([[task("Running")]], [[changed(task("Running"), "DELETED")]]), task(None))[-1] == "Deleted"
    assert seen(Scripted([[]], []), task(None))[-1] == "Deleted"


def test_tasks_of_others_are_passed_over() -> None:
    watch = [changed(task("Failed", "b")), changed(task("Succeeded"))]
    assert seen(Scripted([[task("Queued"), task("Failed", "b")]], [watch]), task(None)) == [
        "Pending",
        "Queued",
        "Succeeded",
    ]


def test_the_time_is_over() -> None:
    assert seen(Scripted([[task("Queued")]], []), task(None), seconds=0.05)[-1] is None


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (ApiException(status=403, reason="Forbidden"), "not allowed"),
        (urllib3.exceptions.ProtocolError("reset"), "can not be reached"),
    ],
    ids=["a refusal", "an outage that lasts"],
)
def test_what_does_not_pass_ends_it(monkeypatch: pytest.MonkeyPatch, trouble: Exception, message: str) -> None:
    monkeypatch.setattr(following, "_PATIENCE", 0.02)
    with pytest.raises(ClusterError, match=message):
        seen(Scripted([trouble], []), task(None))


def test_nobody_reads_on_when_it_is_over() -> None:
    """A thread that is still reading when Python ends can abort the whole process."""

    class Answer:
        def __init__(self) -> None:
            self.shut = threading.Event()

        def shutdown(self) -> None:
            self.shut.set()

    class Endless(Scripted):
        def watch(
            self, namespace: str, version: str, seconds: int, opened: Any, *, selector: str = ""
        ) -> Iterator[dict[str, Any]]:
            answer = Answer()
            opened(answer)
            yield changed(task("Succeeded"))
            assert answer.shut.wait(10)

    before = threading.active_count()
    assert seen(Endless([[task("Queued")]], []), task(None))[-1] == "Succeeded"
    assert threading.active_count() == before


# --- Everything there is, for ever (``get --watch``) ------------------------------------------------------------------


def all_changes(lists: Script, watches: Script) -> list[tuple[str, str]]:
    """Until the script ends, which it does with a refusal."""
    connection: Any = Scripted([*lists, ApiException(status=403, reason="the end")], watches)
    connection.namespace = "ns"
    told = []
    changes = following.changes(connection, everywhere=False, selector="")
    while True:
        try:
            found = next(changes)
        except ClusterError:
            return told
        told.append((found["metadata"]["name"], following.phase_of(found)))


def test_what_there_is_is_told_and_then_each_change() -> None:
    a, b = versioned(task("Queued"), 1), versioned(task("Running", "b"), 2)
    watch = [changed(versioned(task("Running"), 3)), changed(b, "DELETED"), changed(versioned(task(None, "c"), 4))]
    assert all_changes([[a, b]], [watch]) == [
        ("a", "Queued"),
        ("b", "Running"),
        ("a", "Running"),
        ("b", "Deleted"),
        ("c", "Pending"),
    ]


@pytest.mark.parametrize("trouble", [ApiException(status=410, reason="Expired"), urllib3.exceptions.ProtocolError("x")])
def test_after_a_break_only_what_is_new_is_told(trouble: Exception) -> None:
    a, b = versioned(task("Queued"), 1), versioned(task("Running", "b"), 2)
    watches = [[changed(versioned(task("Running"), 3)), trouble]]
    assert all_changes([[a, b], [versioned(task("Running"), 3)]], watches) == [
        ("a", "Queued"),
        ("b", "Running"),
        ("a", "Running"),
        ("b", "Deleted"),
    ]
