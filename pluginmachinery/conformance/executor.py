"""The executor in memory: carries out every kind of action, as the controller's runtime does on a real cluster.

A plugin's verb is called, its actions are carried out, and it is called again with their results, until it has settled.
Time passes only where a plugin waits for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.core.actions import (
    Action,
    AllocateToken,
    CallService,
    Create,
    Delete,
    Done,
    Files,
    Found,
    Missing,
    NotGranted,
    ObjectRef,
    Observation,
    Observe,
    OutputError,
    Outputs,
    Patch,
    ReadFiles,
    ReadOutputs,
    Refused,
    ReleaseToken,
    Result,
    WakeAt,
    WriteInputs,
)
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.core.transitions import PluginState, Transition

Verb = Callable[[TaskContext, PluginState, Observation], Transition]
"""``handle``, ``abort`` or ``finalize`` of a CorePlugin."""
Service = Callable[[str, Mapping[str, Any]], Result]
"""An external service: method and payload to its answer."""

MAX_TRANSITIONS = 100


class NotSettling(AssertionError):
    """A plugin asks for ever more actions."""


class Executor:
    """Carries out actions on a cluster, a store, token quotas and services that are all in memory.

    ``files`` is the object store (path → bytes), ``quotas`` the size of each token quota, ``known`` the objects that
    are followed without asking (as by a watch); everything else has to be asked for with ``Observe``.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        now: datetime,
        files: dict[str, bytes] | None = None,
        quotas: Mapping[str, int] | None = None,
        services: Mapping[str, Service] | None = None,
        known: Callable[[], Mapping[ObjectRef, Found | Missing]] = dict,
    ) -> None:
        self.cluster = cluster
        self.now = now
        self.files = {} if files is None else files
        self.holders: dict[str, set[str]] = {quota: set() for quota in quotas or {}}
        self._quotas = dict(quotas or {})
        self._services = dict(services or {})
        self._known = known

    def run(self, verb: Verb, task: TaskContext, state: PluginState) -> Transition:
        """Call a verb until it settles; its last transition. Raises NotSettling."""
        results: tuple[tuple[Action, Result], ...] = ()
        for _ in range(MAX_TRANSITIONS):
            transition = verb(task, state, Observation(self.now, self._known(), results))
            if transition.error is not None or transition.settled:
                return transition
            state = transition.state
            results = tuple((action, self.carry_out(action)) for action in transition.actions)
        raise NotSettling(f"no end after {MAX_TRANSITIONS} transitions; the last actions were {transition.actions}")

    def carry_out(self, action: Action) -> Result:
        """One action's result."""
        match action:
            case Observe(ref):
                return self.cluster.get(ref)
            case Create(ref, manifest):
                return self.cluster.create(ref, manifest)
            case Patch(ref, body, "update"):
                return self.cluster.update(ref, body)
            case Patch(ref, body):
                return self.cluster.patch(ref, body)
            case Delete(ref):
                return self.cluster.delete(ref)
            case ReadOutputs(prefix):
                left = self._read_outputs(prefix)
                has_deck = action.deck and f"{prefix.rstrip('/')}/deck.html" in self.files
                return dataclasses.replace(left, deck=True) if has_deck and isinstance(left, Outputs) else left
            case ReadFiles(paths, content):
                found = {path: self.files[path] for path in paths if path in self.files}
                return Files(found if content else dict.fromkeys(found, b""))
            case WriteInputs(files):
                self.files.update(files)
                return Done()
            case AllocateToken(quota, owner):
                return self._allocate(quota, owner)
            case ReleaseToken(quota, owner):
                self.holders.get(quota, set()).discard(owner)
                return Done()
            case CallService(service, method, payload):
                answer = self._services.get(service)
                return Refused("Unreachable", f"no service {service}") if answer is None else answer(method, payload)
            case WakeAt(at):
                self.now = max(self.now, at)
                return Done()

    def _allocate(self, quota: str, owner: str) -> Result:
        if quota not in self._quotas:
            return Refused("NotFound", f"no quota {quota}")
        holders = self.holders[quota]
        if owner not in holders and len(holders) >= self._quotas[quota]:
            return NotGranted(reason=f"{len(holders)} of {self._quotas[quota]} tokens of {quota} are taken")
        holders.add(owner)
        return Done(True)

    def _read_outputs(self, prefix: str) -> Result:
        from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
        from flyteidl.core.execution_pb2 import ExecutionError
        from flyteidl.core.literals_pb2 import LiteralMap

        folder = prefix.rstrip("/")
        written_error, written = self.files.get(f"{folder}/error.pb"), self.files.get(f"{folder}/outputs.pb")
        try:
            if written_error is not None:
                error = ErrorDocument.FromString(written_error).error
                kind = ExecutionError.ErrorKind.Name(error.origin)
                recoverable = error.kind == ContainerError.RECOVERABLE
                return Outputs(error=OutputError(error.code, error.message, kind, recoverable))
            if written is None:
                return Outputs()
            return Outputs(json_format.MessageToDict(LiteralMap.FromString(written)))
        except DecodeError as error_:
            return Refused("Unreadable", str(error_))
