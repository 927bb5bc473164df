"""Waiting tasks: what the cluster says of quotas goes into the waiting room, and whoever is called is woken.

Quotas and limit ranges are followed as hints. Who may not see them (an old role) loses nothing but foresight: tasks
then learn what fits by being refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from controller.kube.informers import Informer
from controller.runtime.slots import JSON
from pluginmachinery.core.actions import ResourceKind
from pluginmachinery.manager.waiting_room import WaitingRoom

if TYPE_CHECKING:
    from controller.runtime.engine import Engine

FORESIGHT = 5.0
"""Seconds that the first list of quotas is waited for; what it would have told is learnt by refusals else."""

SETTLED = 0.1
"""Seconds between news of a quota and the first try: the API server's own admission learns of it by a watch, too, and
refuses what comes earlier."""


class WaitingTasks:
    """Between the waiting room and the ``engines`` that have the tasks."""

    def __init__(
        self, room: WaitingRoom, engines: Callable[[], Iterable[Engine]], clock: Callable[[], datetime]
    ) -> None:
        self.room = room
        self._engines = engines
        self._clock = clock
        self._heard: set[str] = set()

    def call(self) -> None:
        """Wake those whose turn has come. One that no engine has any more leaves, which may call others."""
        while called := self.room.called():
            for uid in called:
                if not self.ask(uid):
                    self.room.leave(uid, self._clock())

    def ask(self, uid: str) -> bool:
        """Let this task ask again for what it waits for; False: no engine has it."""
        return any(engine.ask(uid) for engine in self._engines())

    def leave(self, uid: str) -> None:
        """This TaskExecution is gone."""
        self.room.leave(uid, self._clock())
        self.call()

    def give_up(self, uids: Iterable[str]) -> None:
        """These are another replica's now."""
        for uid in uids:
            self.room.leave(uid, self._clock())
        self.call()

    def sink(self, kind: ResourceKind) -> LimitsSink:
        """Where an informer of quotas or limit ranges tells what it hears."""
        return LimitsSink(self, kind)

    def heard(self, namespace: str) -> None:
        """Something is known anew: soon, and once for all that is heard until then, see who may try."""
        if namespace not in self._heard:
            self._heard.add(namespace)
            asyncio.get_running_loop().call_later(SETTLED, self._look, namespace)

    def _look(self, namespace: str) -> None:
        self._heard.discard(namespace)
        self.room.heard(namespace, self._clock())
        self.call()


class LimitsSink:
    """Tells the waiting room of the objects of one kind."""

    def __init__(self, waiting: WaitingTasks, kind: ResourceKind) -> None:
        self._waiting = waiting
        self._kind = kind

    def changed(self, object: JSON) -> None:  # noqa: A002
        self._waiting.room.namespaces.hear(self._kind, object)
        self._waiting.heard(object["metadata"]["namespace"])

    def deleted(self, object: JSON) -> None:  # noqa: A002
        self._lose(object["metadata"]["namespace"], object["metadata"]["name"])

    def vanished(self, lost: Mapping[tuple[str, str], str]) -> None:
        for namespace, name in lost:
            self._lose(namespace, name)

    def _lose(self, namespace: str, name: str) -> None:
        self._waiting.room.namespaces.lose(self._kind, namespace, name)
        self._waiting.heard(namespace)


async def foreseen(informers: Sequence[Informer]) -> None:
    """Return once every first list is in or was refused, or has taken too long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FORESIGHT):
            for informer in informers:
                await informer.answered.wait()
