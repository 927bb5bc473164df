"""One pod on a simulated node: its script is played, and its deletion is carried out as a kubelet does it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.controlplane.errors import ApiError, ScriptError
from tools.controlplane.simulation import outputs
from tools.controlplane.simulation.nodeclient import NodeClient, PodIsGone
from tools.controlplane.simulation.podstatus import killed_step, next_status
from tools.controlplane.simulation.scripts import TERMINAL, Script, Step, Termination, script_of

log = logging.getLogger(__name__)

Object = dict[str, Any]

REFUSED = "InvalidSimulation"
"""Reason of a pod whose script cannot be played; its message says why."""
SIGKILL_CODE = 137


@dataclass(frozen=True)
class Place:
    """Where a pod is: its node's address, its own, and the folder it may write below."""

    host_ip: str
    pod_ip: str
    output_root: Path | None


class PodPlayer:
    """Plays one pod until it is gone. `saw` tells it what the watch has seen of the pod since."""

    def __init__(self, pod: Object, client: NodeClient, place: Place) -> None:
        self._pod = pod
        self._client = client
        self._place = place
        self._deletion = asyncio.Event()
        self.saw(pod)

    def saw(self, pod: Object) -> None:
        """Takes notice of a newer version; an older one than the answer to an own write is no news."""
        if _version(pod) >= _version(self._pod):
            self._pod = pod
        if "deletionTimestamp" in self._pod["metadata"]:
            self._deletion.set()

    async def play(self) -> None:
        """Takes the steps of the script, then waits for the pod's deletion and carries it out."""
        try:
            termination = await self._play_script()
            await self._deletion.wait()
            await self._end(termination)
        except PodIsGone:
            return

    async def _play_script(self) -> Termination:
        try:
            script = Script(steps=()) if self._is_over else script_of(self._pod)
            if script.steps and script.steps[0].after > 0 and not (self._pod["status"].get("containerStatuses")):
                await self._take(Step(phase="Pending"))  # the node has seen the pod and makes its containers
            for step in script.steps:
                if await self._is_deleted_within(step.after):
                    break
                await self._take(step)
            return script.termination
        except (ScriptError, ApiError) as error:
            log.warning("%s: %s", self._pod["metadata"]["name"], error)
            await self._take(Step(phase="Failed", reason=REFUSED, message=str(error)))
            return Termination()

    async def _take(self, step: Step) -> None:
        outputs.write(outputs.resolve(step.writes, self._pod, self._place.output_root))
        status = next_status(
            self._pod, step, now=datetime.now(UTC), host_ip=self._place.host_ip, pod_ip=self._place.pod_ip
        )
        self.saw(await self._client.write_status(self._pod, status))

    async def _end(self, termination: Termination) -> None:
        grace = float(self._pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if not self._is_over:
            await asyncio.sleep(min(termination.after, grace))
            in_time = termination.after <= grace
            await self._take(killed_step(self._pod, termination.exit_code if in_time else SIGKILL_CODE))
        if grace:  # without it the object waits for nothing but finalizers
            await self._client.remove(self._pod)

    async def _is_deleted_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._deletion.wait(), seconds)
        except TimeoutError:
            return False
        return True

    @property
    def _is_over(self) -> bool:
        return self._pod["status"].get("phase") in TERMINAL


def _version(pod: Object) -> int:
    return int(pod["metadata"]["resourceVersion"])
