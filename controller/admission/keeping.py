"""Keeping: the loop in which every replica brings store, registration and what it serves with into step.

One *look* reads both, asks :func:`~.certificates.renewed` what should be, writes what is not so yet and installs what
is there. Replicas need no leader for it: whoever writes second is refused by the API server and looks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from controller.admission.certificates import Material, renewed
from controller.admission.registrations import Registration, bundle_of
from controller.admission.stores import Store, Unavailable
from controller.kube.delays import Delays

_log = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between two looks. A rotation takes two of them; certificates last for months."""
_TRIES = 5


class Keeper:
    """``install`` is given material when it is new to this process."""

    def __init__(
        self,
        store: Store,
        registration: Registration,
        names: Sequence[str],
        install: Callable[[Material], None],
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._registration = registration
        self._names = names
        self._install = install
        self._clock = clock
        self._sleep = sleep
        self.material: Material | None = None
        self.ready = asyncio.Event()
        """Set when there is something to serve with."""
        self.problem = ""
        """Why certificates can not be kept up to date; "": they are."""

    async def run(self) -> None:
        """Look again and again; what fails is told, and tried again sooner."""
        delays = Delays(base=0.5, longest=INTERVAL)
        while True:
            try:
                await self.look()
            except Unavailable as error:
                self._tell(str(error))
                await self._sleep(delays.next())
            else:
                self._tell("")
                delays = Delays(base=0.5, longest=INTERVAL)
                await self._sleep(INTERVAL)

    async def look(self) -> None:
        """Bring all into step. Raises Unavailable."""
        for _ in range(_TRIES):
            if await self._step():
                return
        raise Unavailable("the certificates are written by somebody else all the time")

    async def _step(self) -> bool:
        """False: somebody was faster."""
        held = await self._store.read()
        if held.material is not None:
            self._use(held.material)
        # What there is serves, and is made where there is none, even while the registration can not be read.
        configuration, trouble = await self._published()
        published = held.material.bundle if held.material and not self._registration.name else bundle_of(configuration)
        wanted = renewed(held.material, self._names, self._clock(), published)
        if wanted != held.material:
            if not await self._store.write(wanted, held):
                return False
            _log.info("certificates were renewed; what is served with is valid until %s", wanted.expires)
        self._use(wanted)
        if trouble is not None:
            raise trouble
        if configuration and wanted.bundle and wanted.bundle != published:
            if not await self._registration.publish(configuration, wanted.bundle):
                return False
            _log.info("the API server was told which authority to trust")
        return True

    async def _published(self) -> tuple[dict[str, Any], Unavailable | None]:
        try:
            return await self._registration.read(), None
        except Unavailable as trouble:
            return {}, trouble

    def _use(self, material: Material) -> None:
        if material != self.material:
            try:
                self._install(material)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                if not material.is_ours:
                    raise Unavailable(f"certificate and key can not be used: {error}") from error
                return  # spoiled: it will be made anew
            self.material = material
        self.ready.set()

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem
