"""Which tasks live: what those have to know that look after something which must not outlive a task."""

from __future__ import annotations

from collections.abc import Mapping

from controller.kube.client import ApiServer
from controller.runtime.shards import Shard
from controller.services.tokens import Holder
from pluginmachinery.api import names
from pluginmachinery.api.execution_phases import TERMINAL_PHASES
from pluginmachinery.core.actions import Found, Missing, ObjectRef


class LiveTasks:
    """The tasks of the shards that this replica acts on; about others the API server is asked."""

    def __init__(self, api: ApiServer, shards: Mapping[int | None, Shard]) -> None:
        self._api = api
        self._shards = shards

    def lives(self, uid: str) -> bool:
        for shard in self._shards.values():
            slot = shard.engine.cache.slots.get(uid) if shard.engine.is_open else None
            if slot is not None:
                return not slot.shed
        return False

    async def is_over(self, holder: Holder) -> bool:
        match await self._api.get(ObjectRef(names.TASK_EXECUTIONS, holder.namespace, holder.name)):
            case Missing():
                return True
            case Found(body):
                status = body.get("status") or {}
                ended = status.get("phase") in TERMINAL_PHASES and "pending" not in status
                return ended or body["metadata"]["uid"] != holder.uid
        return False
