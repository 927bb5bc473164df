"""The process of the simulated nodes: `python -m tools.controlplane.simulation SETTINGS.json`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import sys
from pathlib import Path

from pydantic import BaseModel

from tools.controlplane.simulation.kubelet import Kubelet
from tools.controlplane.simulation.nodeclient import NodeClient
from tools.controlplane.simulation.nodes import SimulatedNode


class Settings(BaseModel):
    """What the control plane tells it."""

    server: str
    ca_file: Path
    token: str
    output_root: Path | None
    nodes: tuple[SimulatedNode, ...]


async def run(settings: Settings) -> None:
    tls = ssl.create_default_context(cafile=str(settings.ca_file))
    async with NodeClient(settings.server, settings.token, tls) as client:
        await Kubelet(client, settings.nodes, settings.output_root).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(Settings.model_validate_json(Path(sys.argv[1]).read_bytes())))
