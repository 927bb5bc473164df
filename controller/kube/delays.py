"""Growing waits between tries, with jitter so that many do not try again at the same moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Delays:
    """Seconds to wait before the next try: ``base`` · 2ⁿ, at most ``longest``, each shortened by up to a half."""

    base: float = 0.2
    longest: float = 30.0
    random: Callable[[], float] = random.random
    tries: int = 0

    def next(self) -> float:
        delay = min(self.longest, self.base * 2.0 ** min(self.tries, 32))
        self.tries += 1
        return delay * (1 - self.random() / 2)

    def reset(self) -> None:
        self.tries = 0
