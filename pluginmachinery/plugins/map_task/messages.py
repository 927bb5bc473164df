"""Many failures in one message: equal texts once, with the ranges of sub-tasks that they belong to."""

from __future__ import annotations

from collections.abc import Iterable

_MORE = "... and many more."


def summary(messages: Iterable[tuple[int, str]], limit: int) -> str:
    """``[0][2-5]: text`` in lines, sorted by text; ``messages`` are pairs of index and text, by index.

    Lines are added until about ``limit`` characters are reached: the line that goes over is still there. Source:
    ``errorcollector.Summary``.
    """
    room = limit - len(_MORE)
    if room < 0:
        return ""
    by_text: dict[str, list[int]] = {}
    for index, text in messages:
        by_text.setdefault(text, []).append(index)
    result = ""
    for text in sorted(by_text):
        result += f"{ranges(by_text[text])}: {text}\n"
        if len(result) >= room:
            return result + _MORE
    return result


def ranges(indexes: Iterable[int]) -> str:
    """``[0][2-5]`` for 0, 2, 3, 4, 5."""
    found: list[list[int]] = []
    for index in sorted(indexes):
        if found and index <= found[-1][1] + 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return "".join(f"[{first}]" if first == last else f"[{first}-{last}]" for first, last in found)
