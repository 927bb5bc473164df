"""Packed numbers: one small number for each sub-task, as short text in the plugin's state.

A state lives in the status of an object in etcd, so 5,000 sub-tasks have to fit into a few kilobytes. As many bits are
spent on each number as the largest one needs, rounded up to 1, 2, 4, 8 or 16; the text is ``<bits>:<base64>``. Nothing
but zeros is the empty text.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

_WIDTHS = (1, 2, 4, 8, 16)


def pack(numbers: Sequence[int]) -> str:
    """Numbers from 0 to 65535. Raises ValueError for others."""
    largest = max(numbers, default=0)
    if largest == 0 and not any(numbers):
        return ""
    width = next((width for width in _WIDTHS if largest < 1 << width), None)
    if width is None or min(numbers) < 0:
        raise ValueError(f"only numbers from 0 to 65535 can be packed, not {min(numbers)} and {largest}")
    return f"{width}:{base64.b64encode(_squeezed(numbers, width)).decode()}"


def unpack(text: str, count: int) -> list[int]:
    """So many numbers from a text of :func:`pack`. Raises ValueError where it is none, or of fewer numbers."""
    if not text:
        return [0] * count
    bits, _, encoded = text.partition(":")
    if bits not in map(str, _WIDTHS):
        raise ValueError(f"{text[:20]!r} are no packed numbers")
    width = int(bits)
    data = base64.b64decode(encoded, validate=True)
    if len(data) != -(-count * width // 8):
        raise ValueError(f"{len(data)} bytes do not hold {count} numbers of {width} bits")
    return _spread(data, width)[:count]


def _squeezed(numbers: Sequence[int], width: int) -> bytes:
    if width == 16:
        return b"".join(number.to_bytes(2, "little") for number in numbers)
    together = 8 // width
    padded = [*numbers, *[0] * (-len(numbers) % together)]
    data = bytearray(padded[::together])
    for place in range(1, together):
        shift = place * width
        for index, number in enumerate(padded[place::together]):
            data[index] |= number << shift
    return bytes(data)


def _spread(data: bytes, width: int) -> list[int]:
    if width == 16:
        return [int.from_bytes(data[index : index + 2], "little") for index in range(0, len(data), 2)]
    mask, shifts = (1 << width) - 1, range(0, 8, width)
    return [byte >> shift & mask for byte in data for shift in shifts]
