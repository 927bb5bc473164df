"""Orders and answers: what many sub-tasks ask for at a time, and who gets which result.

Reads and writes of files are put together, because a store answers a hundred questions as fast as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluginmachinery.core.actions import (
    Action,
    AllocateToken,
    CallService,
    Create,
    Delete,
    Found,
    Missing,
    ObjectRef,
    Observation,
    Observe,
    Patch,
    ReadFiles,
    ReleaseToken,
    Result,
    Versioned,
    WriteInputs,
)


class Interrupted(Exception):
    """A result is not there: whoever asked for it died in between, and all begins again."""


class Orders:
    """Collects actions."""

    def __init__(self) -> None:
        self._looks: dict[str, None] = {}
        self._writes: dict[str, bytes] = {}
        self._others: list[Action] = []

    def add(self, action: Action) -> None:
        self._others.append(action)

    def look_for(self, paths: Iterable[str]) -> None:
        """Find out which of these files exist."""
        self._looks |= dict.fromkeys(paths)

    def write(self, path: str, data: bytes) -> None:
        self._writes[path] = data

    def actions(self) -> tuple[Action, ...]:
        """Writes come last: what follows a write that is refused is not carried out."""
        looks: tuple[Action, ...] = (ReadFiles(tuple(self._looks), content=False),) if self._looks else ()
        writes: tuple[Action, ...] = (WriteInputs(self._writes),) if self._writes else ()
        return (*looks, *self._others, *writes)


class Answers:
    """The results of the last transition's actions, and the objects that are followed."""

    def __init__(self, observation: Observation) -> None:
        self.now = observation.now
        self._objects: Mapping[ObjectRef, Found | Missing] = observation.objects
        self._results = {_key(action): result for action, result in observation.results}
        self._versions = observation.objects if isinstance(observation.objects, Versioned) else None

    def of(self, kind: type[Action], key: Any = None) -> Result:
        """The result of the action of this kind on this object (token holder, method). Raises Interrupted."""
        result = self._results.get((kind, key))
        if result is None:
            raise Interrupted
        return result

    def get(self, kind: type[Action], key: Any = None) -> Result | None:
        return self._results.get((kind, key))

    def object(self, ref: ObjectRef) -> Result | None:
        """How an object stands; None: unknown."""
        seen: Result | None = self._results.get((Observe, ref))
        return seen if seen is not None else self._objects.get(ref)

    def version(self, ref: ObjectRef) -> int | None:
        """Of the object as it is followed; None: not known."""
        return None if self._versions is None else self._versions.version(ref)

    def exists(self, ref: ObjectRef) -> Found | None:
        """The object, if it is known to be there without asking."""
        seen = self._objects.get(ref) if ref in self._objects else None
        return seen if isinstance(seen, Found) else None

    def forget(self) -> None:
        """Something new begins: results of what went before are not for it."""
        self._results = {}


def _key(action: Action) -> tuple[type[Action], Any]:
    match action:
        case Create(ref=key) | Observe(ref=key) | Patch(ref=key) | Delete(ref=key):
            return type(action), key
        case AllocateToken(owner=owner) | ReleaseToken(owner=owner):
            return type(action), owner
        case CallService(method=method):
            return type(action), method
        case _:
            return type(action), None
