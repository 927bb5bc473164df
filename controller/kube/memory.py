"""When memory runs out, libraries tell anything but that: JSON that is whole "can not be parsed", a message is "bad".

So what looks like a defect of the data is believed only where there is still room; else it is the process's end.
"""

from __future__ import annotations

RESERVE = 16 * 2**20
"""Bytes that have to be free: more than parsing one object takes."""


def check() -> None:
    """Raises MemoryError where there is no room. Costs microseconds: the pages are asked for and not touched."""
    bytes(RESERVE)
