"""When Python looks for garbage in cycles: seldom, and never in what stays.

Bodies of objects are thousands of dicts that reference counting frees. At Python's own pace the collector would look
through all of them again and again: reading a list of 5,000 pods would take three times as long.
"""

from __future__ import annotations

import gc


def seldom() -> None:
    """Say this first: imports and the first lists make the most objects."""
    gc.set_threshold(50_000, 20, 100)


def settle() -> None:
    """What is here now stays: it is not looked at again."""
    gc.freeze()
