"""Bounded labels: a label's values come from tasks and users, the number of time series must not.

The first values that come get a series of their own; when there are as many as are allowed, every further one is
counted as :data:`OTHER`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

OTHER = "other"


class BoundedLabel:
    """Lets through the first ``most`` values that it sees; ``known`` ones always."""

    def __init__(self, most: int, known: tuple[str, ...] = ()) -> None:
        self._most = most
        self._seen = set(known)

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= self._most:
            return OTHER
        self._seen.add(value)
        return value


def largest(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """The ``most`` largest counts, and the rest of them as one."""
    chosen = dict(Counter(counts).most_common(most))
    rest = sum(counts.values()) - sum(chosen.values())
    return chosen | ({OTHER: chosen.get(OTHER, 0) + rest} if rest else {})
