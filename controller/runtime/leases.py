"""Leadership: of several replicas one acts, the one that holds a Lease (:mod:`.holding`).

With the defaults a dead holder is followed within ``retry + duration + retry`` = 14 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Unpack

from controller.kube.answers import Answer
from controller.kube.client import ApiServer
from controller.runtime.holding import ANSWER_WITHIN, LEASES, Holding, Timing, now_text, within
from pluginmachinery.core.actions import Done, Found, Missing, Refused

_log = logging.getLogger(__name__)


class Lease(Holding):
    """One replica's view of the Lease. ``acquired`` is set when it leads for the first time."""

    def __init__(self, api: ApiServer, namespace: str, name: str, identity: str, **timing: Unpack[Timing]) -> None:
        super().__init__(api, namespace, name, identity, **timing)
        self.acquired = asyncio.Event()
        self.holder = ""
        """Who holds it, as far as we know; "": nobody."""
        self._seen: tuple[Any, float] = (None, 0.0)
        self._lease: dict[str, Any] | None = None

    def leads(self) -> bool:
        """Whether we may act at this moment."""
        return self._holds()

    async def run(self) -> None:
        """Acquire, then renew. Returns when the Lease was lost."""
        while not self._has_lost():
            asked_at = self._clock()
            if await within(ANSWER_WITHIN, self._try(), otherwise=False):
                if self._renewed_at is None:
                    _log.info("leading as %s", self._identity)
                self._renewed_at = asked_at
                self.acquired.set()
            if not self._has_lost():
                await self._sleep(self._retry)
        _log.error("lost the lease %s/%s to %s", self._ref.namespace, self._ref.name, self.holder or "silence")

    async def release(self) -> None:
        """Let another replica take over at once."""
        if self._lease is not None and self.leads():
            self._lost = True
            free = self._lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._put(self._lease | {"spec": free})

    async def _try(self) -> bool:
        """Whether we hold it now. Who has lost it does not take it back: it has to start anew."""
        if self._renewed_at is not None and self._lease is not None:
            if await self._renew(self._lease):
                return True
            # Somebody changed the record: see who holds it.
            self._lease = None
        found = await self._api.get(self._ref)
        if isinstance(found, Missing):
            return await self._take(None)
        if isinstance(found, Refused):
            self._can_not("read", found)
            return False
        return await self._look_at(found)

    async def _look_at(self, found: Found) -> bool:
        spec = found.object.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        if self.holder == self._identity:
            self._lease = dict(found.object)
            return await self._renew(self._lease)
        if self._renewed_at is not None:
            self._lost = True
            return False
        record = (self.holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen[0]:
            self._seen = (record, self._clock())
        expired = self._clock() - self._seen[1] >= (spec.get("leaseDurationSeconds") or self._duration)
        return await self._take(dict(found.object)) if not self.holder or expired else False

    async def _take(self, lease: dict[str, Any] | None) -> bool:
        spec = (lease or {}).get("spec") or {}
        wanted = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": now_text(),
            "renewTime": now_text(),
            "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1,
        }
        if lease is not None:
            return await self._put(lease | {"spec": wanted})
        metadata = {"name": self._ref.name, "namespace": self._ref.namespace}
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": wanted}
        return self._keep(await self._api.create(self._ref, body))

    async def _renew(self, lease: dict[str, Any]) -> bool:
        return await self._put(lease | {"spec": lease["spec"] | {"renewTime": now_text()}})

    async def _put(self, lease: dict[str, Any]) -> bool:
        return self._keep(await self._api.update(self._ref, lease))

    def _keep(self, answer: Answer) -> bool:
        if isinstance(answer, Done):
            self._lease = answer.value
            self.holder = answer.value["spec"].get("holderIdentity") or ""
            self.problem = ""
            return True
        if isinstance(answer, Refused) and answer.reason not in ("Conflict", "AlreadyExists"):
            self._can_not("write", answer)
        return False
