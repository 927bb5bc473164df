"""A crowd before a small quota: tasks that ask, an API server that decides, and a watch that tells or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.core.actions import ObjectRef
from pluginmachinery.manager.demands import POD
from pluginmachinery.manager.namespaces import LIMIT_RANGES, RESOURCE_QUOTAS
from pluginmachinery.manager.waiting_lines import Line
from pluginmachinery.manager.waiting_room import Applicant, Wait, WaitingRoom

START = datetime(2030, 1, 1, tzinfo=UTC)
SETTINGS = BackOffConfig(base_second=2, max_duration=Duration.of(seconds=20))
NAMESPACE = "ns"


def pod(cpu: Any = None, **spec: Any) -> dict[str, Any]:
    resources = {} if cpu is None else {"resources": {"requests": {"cpu": str(cpu)}}}
    return {"spec": {"containers": [{"name": "main", **resources}], **spec}}


def quota(
    hard: Mapping[str, Any], used: Mapping[str, Any] | None = None, name: str = "team", **spec: Any
) -> dict[str, Any]:
    """A ResourceQuota as it is once it was counted; ``used`` None: nothing is used."""
    zeros = dict.fromkeys(hard, "0")
    return {
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"hard": dict(hard), **spec},
        "status": {"hard": dict(hard), "used": {**zeros, **(used or {})}},
    }


def limit_range(*limits: Mapping[str, Any], name: str = "bounds") -> dict[str, Any]:
    return {"metadata": {"namespace": NAMESPACE, "name": name}, "spec": {"limits": list(limits)}}


@dataclass
class Member:
    """One task: ``state`` is new, waiting, trying, running, ended or failed."""

    applicant: Applicant
    cpu: int
    number: int
    state: str = "new"
    wait: Wait | None = None


@dataclass
class Crowd:
    """``hard`` and ``used`` are the truth, in cpus."""

    hard: int = 4
    used: int = 0
    now: datetime = START
    room: WaitingRoom = field(default_factory=WaitingRoom)
    members: dict[str, Member] = field(default_factory=dict)
    granted: list[str] = field(default_factory=list)
    """Who was allowed to try, in this order; who was refused stands there again."""
    refusals: int = 0

    @property
    def line(self) -> Line | None:
        return self.room.lines.get((POD, NAMESPACE))

    def arrive(self, cpu: int = 1, *, priority: int = 0, queue: str = "", created: str = "") -> Member:
        number = len(self.members)
        uid = f"t{number}"
        ref = ObjectRef(POD, NAMESPACE, uid)
        self.members[uid] = Member(Applicant(uid, ref, queue, priority, created), cpu, number)
        self.ask(uid)
        self.drain()
        return self.members[uid]

    def ask(self, uid: str) -> None:
        member = self.members[uid]
        wait = self.room.ask_again(member.applicant, self.now)
        if wait is None:
            wait = self.room.ask(member.applicant, pod(member.cpu), SETTINGS, self.now)
        member.wait, member.state = wait, "trying" if wait is None else "waiting"
        if wait is None:
            self.granted.append(uid)
            line = self.line
            if line is not None and line.window is not None and uid in line.tries:
                assert len(line.tries) <= line.window, "a crowd rushes the API server"

    def answer(self, uid: str) -> None:
        """The API server answers a creation."""
        member = self.members[uid]
        if self.used + member.cpu <= self.hard:
            self.used += member.cpu
            member.state = "running"
            self.room.succeeded(member.applicant, self.now)
        elif member.cpu > self.hard:
            member.state = "failed"
            self.room.leave(uid, self.now)
        else:
            self.refusals += 1
            amounts = {"requests.cpu": Quantity.of(member.cpu)}
            member.wait = self.room.refused(member.applicant, pod(member.cpu), amounts, SETTINGS, self.now)
            member.state = "waiting"
        self.drain()

    def overload(self, uid: str) -> None:
        """The API server answers 429."""
        member = self.members[uid]
        member.wait = self.room.refused(member.applicant, pod(member.cpu), {}, SETTINGS, self.now)
        member.state = "waiting"
        self.drain()

    def end(self, uid: str) -> None:
        """A pod ends; the truth knows at once, and so do we."""
        self.members[uid].state = "ended"
        self.used -= self.members[uid].cpu
        self.room.leave(uid, self.now)

    def tell(self, used: int | None = None, hard: int | None = None) -> None:
        """The watch tells how the quota stands, or (``used``) how it does not."""
        self.hard = self.hard if hard is None else hard
        body = quota({"requests.cpu": self.hard}, {"requests.cpu": self.used if used is None else used})
        self.room.namespaces.hear(RESOURCE_QUOTAS, body)
        self.room.heard(NAMESPACE, self.now)
        self.drain()

    def tell_range(self, *limits: Mapping[str, Any]) -> None:
        self.room.namespaces.hear(LIMIT_RANGES, limit_range(*limits))
        self.room.heard(NAMESPACE, self.now)
        self.drain()

    def leave(self, uid: str) -> None:
        self.members[uid].state = "failed"
        self.room.leave(uid, self.now)
        self.drain()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for uid in self.those("waiting"):
            wait = self.members[uid].wait
            if self.members[uid].state == "waiting" and wait is not None and wait.wake_at <= self.now:
                self.ask(uid)
        self.drain()

    def drain(self) -> None:
        """Those who are called ask."""
        while called := self.room.called():
            for uid in called:
                if self.members[uid].state == "waiting":
                    self.ask(uid)

    def those(self, *states: str) -> list[str]:
        return [uid for uid, member in self.members.items() if member.state in states]
