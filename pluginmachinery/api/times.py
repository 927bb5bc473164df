"""Times in a status: RFC 3339 in UTC with milliseconds, as Kubernetes reads them."""

from __future__ import annotations

import functools
from datetime import UTC, datetime


@functools.lru_cache(maxsize=64)
def to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Read what :func:`to_text` or Kubernetes wrote. Raises ValueError."""
    return datetime.fromisoformat(text)
