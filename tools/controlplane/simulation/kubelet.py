"""The simulated kubelet: registers its nodes, follows the pods that are bound to them, and has each one played.

One list and watch serves all nodes. A watch that breaks, or a server that goes away, loses nothing: what is known
stays, and the list that follows is compared with it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp

from tools.controlplane.simulation.nodeclient import Expired, NodeClient
from tools.controlplane.simulation.nodes import SimulatedNode
from tools.controlplane.simulation.podplayers import Place, PodPlayer

log = logging.getLogger(__name__)

Object = dict[str, Any]

RETRY_DELAY = 0.1


class Kubelet:
    """Plays the pods of `nodes`; those may write files below `output_root` only, or nowhere."""

    def __init__(self, client: NodeClient, nodes: Iterable[SimulatedNode], output_root: Path | None) -> None:
        self._client = client
        self._nodes = tuple(nodes)
        self._addresses = {node.name: _address(10, number) for number, node in enumerate(self._nodes)}
        self._pod_numbers = itertools.count()
        self._output_root = output_root
        self._players: dict[str, tuple[PodPlayer, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Registers the nodes and plays their pods until it is cancelled."""
        for node in self._nodes:
            await self._client.register(node, self._addresses[node.name])
        while True:
            try:
                await self._follow()
            except Expired:
                continue
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                log.info("the watch broke: %r", error)
                await asyncio.sleep(RETRY_DELAY)

    async def _follow(self) -> None:
        pods, version = await self._client.list_pods()
        for gone in self._players.keys() - {pod["metadata"]["uid"] for pod in pods}:
            self._forget(gone)
        for pod in pods:
            self._saw(pod)
        async for kind, pod in self._client.watch_pods(version):
            if kind == "DELETED":
                self._forget(pod["metadata"]["uid"])
            else:
                self._saw(pod)

    def _saw(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._players:
            self._players[uid][0].saw(pod)
        elif host_ip := self._addresses.get(pod["spec"]["nodeName"]):
            place = Place(host_ip, _address(100, next(self._pod_numbers)), self._output_root)
            player = PodPlayer(pod, self._client, place)
            self._players[uid] = player, asyncio.create_task(self._play(player, pod["metadata"]["name"]))

    async def _play(self, player: PodPlayer, name: str) -> None:
        try:
            await player.play()
        except Exception:
            log.exception("pod %s", name)

    def _forget(self, uid: str) -> None:
        if entry := self._players.pop(uid, None):
            entry[1].cancel()


def _address(first: int, number: int) -> str:
    """The `number`th address from 10.0.0.1 or 100.64.0.1 on (a private range each)."""
    base = {10: 10 << 24, 100: (100 << 24) + (64 << 16)}[first] + number + 1
    return ".".join(str(base >> shift & 255) for shift in (24, 16, 8, 0))
