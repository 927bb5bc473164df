"""A cluster in memory: enough of an API server to carry out what plugins ask for.

It keeps objects as dicts, gives them UIDs, refuses what exists already, honours finalizers when it deletes, and writes
down every call. What it is told to refuse it refuses, so that each answer of a real server can be tried.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pluginmachinery.api.names import ATTEMPT
from pluginmachinery.core.actions import Done, Found, Missing, ObjectRef, Refused

Verb = Literal["get", "create", "patch", "update", "delete"]
Refuse = Callable[[Verb, ObjectRef], Refused | None]
"""What to refuse; None: do it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the order of arrival; ``finalizers`` are those that a patch or an update leaves."""

    verb: Verb
    ref: ObjectRef
    finalizers: tuple[str, ...] | None = None


class Cluster:
    """Objects by kind, namespace and name."""

    def __init__(
        self,
        objects: Mapping[ObjectRef, Mapping[str, Any]] | None = None,
        *,
        refuse: Refuse = lambda _verb, _ref: None,
        now: Callable[[], datetime] = lambda: datetime(2020, 1, 1, tzinfo=UTC),
    ) -> None:
        self.objects: dict[ObjectRef, dict[str, Any]] = {
            ref: copy.deepcopy(dict(manifest)) for ref, manifest in (objects or {}).items()
        }
        self.calls: list[Call] = []
        self.refuse = refuse
        self._now = now
        self._created = 0

    def get(self, ref: ObjectRef) -> Found | Missing | Refused:
        self.calls.append(Call("get", ref))
        refused = self.refuse("get", ref)
        if refused is not None:
            return refused
        return Found(copy.deepcopy(self.objects[ref])) if ref in self.objects else _missing(ref)

    def create(self, ref: ObjectRef, manifest: Mapping[str, Any]) -> Done | Refused:
        self.calls.append(Call("create", ref))
        refused = self.refuse("create", ref)
        if refused is not None:
            return refused
        there = self.objects.get(ref)
        if there is not None:
            return Refused(
                "AlreadyExists", f'{ref.kind.plural} "{ref.name}" already exists', 409, _same_owner(there, manifest)
            )
        self._created += 1
        created = copy.deepcopy(dict(manifest))
        created["metadata"] = {
            **created.get("metadata", {}),
            "uid": f"uid-{self._created}",
            "creationTimestamp": self._timestamp(),
        }
        self.objects[ref] = created
        return Done(copy.deepcopy(created))

    def patch(self, ref: ObjectRef, body: Mapping[str, Any]) -> Done | Missing | Refused:
        """A merge patch (RFC 7386)."""
        return self._change("patch", ref, lambda manifest: _merged(manifest, body))

    def update(self, ref: ObjectRef, body: Mapping[str, Any]) -> Done | Missing | Refused:
        """The whole object anew; what of its identity is left out stays."""
        return self._change("update", ref, lambda manifest: _replaced(manifest, body))

    def delete(self, ref: ObjectRef) -> Done | Missing | Refused:
        self.calls.append(Call("delete", ref))
        refused = self.refuse("delete", ref)
        if refused is not None:
            return refused
        if ref not in self.objects:
            return _missing(ref)
        self.objects[ref]["metadata"].setdefault("deletionTimestamp", self._timestamp())
        return Done(self._collected(ref))

    def _change(
        self, verb: Literal["patch", "update"], ref: ObjectRef, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Done | Missing | Refused:
        changed = change(copy.deepcopy(self.objects.get(ref, {})))
        self.calls.append(Call(verb, ref, tuple(_finalizers(changed))))
        refused = self.refuse(verb, ref)
        if refused is not None:
            return refused
        if ref not in self.objects:
            return _missing(ref)
        if changed["metadata"].get("uid") != self.objects[ref]["metadata"].get("uid"):
            return Refused("Conflict", "the object has another UID", 409)
        self.objects[ref] = changed
        return Done(self._collected(ref))

    def _collected(self, ref: ObjectRef) -> dict[str, Any]:
        """The object; gone from the cluster if it is being deleted and nothing holds it."""
        manifest = self.objects[ref]
        if manifest["metadata"].get("deletionTimestamp") and not _finalizers(manifest):
            del self.objects[ref]
        return copy.deepcopy(manifest)

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _missing(ref: ObjectRef) -> Missing:
    return Missing(f'{ref.kind.plural} "{ref.name}" not found')


def _finalizers(manifest: Mapping[str, Any]) -> Iterable[str]:
    finalizers: Iterable[str] = (manifest.get("metadata") or {}).get("finalizers") or ()
    return finalizers


def _same_owner(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Were both made for the same attempt of the same owner?"""
    return _made_for(first) == _made_for(second)


def _made_for(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = manifest.get("metadata") or {}
    owners = sorted(str(owner.get("uid")) for owner in metadata.get("ownerReferences") or ())
    return (*owners, (metadata.get("labels") or {}).get(ATTEMPT))


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _replaced(manifest: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    identity = {
        key: value
        for key, value in (manifest.get("metadata") or {}).items()
        if key in ("uid", "creationTimestamp", "deletionTimestamp")
    }
    return {**copy.deepcopy(dict(body)), "metadata": {**identity, **(body.get("metadata") or {})}}
