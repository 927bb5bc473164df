"""Parsed tasks, so that not every event of a pod parses its task again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from pluginmachinery.core.tasks import TaskContext

Key = tuple[str, int]
"""UID of the TaskExecution and attempt: what a context is made from never changes within these."""


class ContextCache:
    """The most recently used contexts, at most ``size`` of them."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._contexts: OrderedDict[Key, TaskContext] = OrderedDict()

    def __len__(self) -> int:
        return len(self._contexts)

    def get(self, key: Key, build: Callable[[], TaskContext]) -> TaskContext:
        """The context, built if it is not known. What ``build`` raises is not remembered."""
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = build()
            if len(self._contexts) > self._size:
                self._contexts.popitem(last=False)
        else:
            self._contexts.move_to_end(key)
        return known

    def put(self, key: Key, context: TaskContext) -> None:
        """Remember this context in place of another."""
        self._contexts[key] = context

    def forget(self, key: Key) -> None:
        self._contexts.pop(key, None)
