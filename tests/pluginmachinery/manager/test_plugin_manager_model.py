"""One attempt in a hostile world: whatever happens in whatever order, one object, nothing left over, nobody else hurt.

The machine drives a manager call by call. In between the controller crashes and forgets what it has not saved, the API
server refuses or does something and loses the answer, people delete the object or put another in its place, and the
watch shows things as they were.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor
from pluginmachinery.core.actions import (
    Action,
    Create,
    Delete,
    Found,
    Missing,
    ObjectRef,
    Observation,
    Refused,
    Result,
)
from pluginmachinery.core.phases import Phase
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.manager.plugin_manager import PluginManager
from pluginmachinery.manager.waiting_room import WaitingRoom
from tests.pluginmachinery.manager.widgets import NOW, OWNER, REF, WidgetPlugin, widget, widget_task

OURS = "flyte.org/finalizer-k8s"
TASK = widget_task(inject_finalizer=True, delete_resource_on_finalize=True)
FULL = Refused("Forbidden", "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", 403)
CONFLICT = Refused("Conflict", "x", 409)
BROKEN = Refused("InternalError", "x", 500)
LOST = Refused("Unreachable", "no answer", 0)
FOREIGN = widget(owner=None, uid="foreign", finalizers=[OURS])
FAULTS = st.sampled_from([None, None, None, BROKEN, LOST, CONFLICT, FULL])
Verb = Literal["handle", "abort", "finalize"]


def is_ours(manifest: Any) -> bool:
    return any(owner["uid"] == OWNER["uid"] for owner in manifest["metadata"].get("ownerReferences") or ())


class Attempt(RuleBasedStateMachine):
    """``saved`` is in the status; ``held`` and ``results`` are only in the controller's memory."""

    @initialize()
    def begin(self) -> None:
        self.cluster = Cluster()
        self.executor = Executor(self.cluster, now=NOW)
        self.saved: PluginState = None
        self.verb: Verb = "handle"
        self.over = self.submitted = False
        self.created = self.removed_by_others = 0
        self.seen: dict[ObjectRef, dict[str, Any]] = {}
        self.restart()

    # --- The controller ----------------------------------------------------------------------------------------------

    def restart(self) -> None:
        self.manager = PluginManager(WidgetPlugin(), WaitingRoom())
        self.held = copy.deepcopy(self.saved)
        self.results: tuple[tuple[Action, Result], ...] = ()

    def call(self, fault: Refused | None) -> Transition:
        """One call, and what it asks for is carried out."""
        observation = Observation(self.executor.now, self.known(), self.results)
        transition: Transition = getattr(self.manager, self.verb)(TASK, self.held, observation)
        assert orjson.loads(orjson.dumps(transition.state)) == transition.state
        self.results = ()
        if transition.error is None:
            self.held = copy.deepcopy(transition.state)
            self.results = tuple((action, self.carry_out(action, fault)) for action in transition.actions)
            if transition.settled:
                self.saved = copy.deepcopy(transition.state)
        return transition

    def carry_out(self, action: Action, fault: Refused | None) -> Result:
        there = self.cluster.objects.get(REF)
        if isinstance(action, Create):
            assert not self.submitted, "created again although it was on record"
        if isinstance(action, Delete) and there is not None and not is_ours(there):
            return Missing("not ours")  # the runtime deletes by UID
        if fault is not None and fault is not LOST:
            return fault
        result = self.executor.carry_out(action)
        if isinstance(action, Create) and there is None:
            self.created += 1
        return result if fault is None else fault

    def known(self) -> dict[ObjectRef, Found | Missing]:
        """What the watch shows of our objects, which may be what was."""
        return {ref: Found(manifest) for ref, manifest in self.seen.items()}

    @precondition(lambda self: self.verb == "handle")
    @rule(fault=FAULTS)
    def handle(self, fault: Refused | None) -> None:
        transition = self.call(fault)
        if transition.error is not None or not transition.settled:
            return
        waits_or_failed = transition.phase.phase is Phase.WAITING_FOR_RESOURCES or transition.phase.error is not None
        self.submitted = self.submitted or not waits_or_failed
        assert self.created or waits_or_failed, "on record without having been created"
        if transition.phase.phase.is_terminal:
            self.verb = "finalize" if transition.phase.phase is Phase.SUCCESS else "abort"

    @precondition(lambda self: self.verb != "handle" and not self.over)
    @rule(fault=FAULTS)
    def clean_up(self, fault: Refused | None) -> None:
        transition = self.call(fault)
        if transition.error is None and not transition.actions:
            self.over = self.verb == "finalize"
            self.verb = "finalize"

    @precondition(lambda self: self.verb == "handle")
    @rule()
    def somebody_aborts(self) -> None:
        self.verb = "abort"

    @precondition(lambda self: self.verb == "abort" and self.held != self.saved)
    @rule()
    def the_abort_is_given_up(self) -> None:
        """Its last results are still about when the finalization begins."""
        self.verb = "finalize"

    @rule()
    def the_controller_crashes(self) -> None:
        self.restart()

    # --- The world ---------------------------------------------------------------------------------------------------

    @rule()
    def the_watch_catches_up(self) -> None:
        self.seen = {
            ref: manifest for ref, manifest in copy.deepcopy(self.cluster.objects).items() if is_ours(manifest)
        }

    @precondition(lambda self: REF in self.cluster.objects and is_ours(self.cluster.objects[REF]))
    @rule(phase=st.sampled_from(["Running", "Success", "RetryableFailure"]))
    def the_object_goes_on(self, phase: str) -> None:
        self.cluster.objects[REF]["status"] = {"phase": phase}

    @precondition(lambda self: REF in self.cluster.objects)
    @rule(by_force=st.booleans())
    def somebody_deletes(self, by_force: bool) -> None:
        ours = is_ours(self.cluster.objects[REF])
        if by_force:
            del self.cluster.objects[REF]
        else:
            self.cluster.delete(REF)
        self.removed_by_others += ours and REF not in self.cluster.objects

    @precondition(lambda self: REF not in self.cluster.objects)
    @rule()
    def somebody_takes_the_name(self) -> None:
        self.cluster.objects[REF] = copy.deepcopy(FOREIGN)

    # --- What holds --------------------------------------------------------------------------------------------------

    @invariant()
    def one_object_for_each_life(self) -> None:
        assert self.created <= 1 + self.removed_by_others

    @invariant()
    def what_is_not_ours_stays_as_it_is(self) -> None:
        there = self.cluster.objects.get(REF)
        if there is not None and not is_ours(there):
            assert {**there["metadata"], "deletionTimestamp": None} == {
                **FOREIGN["metadata"],
                "deletionTimestamp": None,
            }

    @invariant()
    def when_it_is_over_nothing_of_ours_is_left(self) -> None:
        assert not self.over or not is_ours(self.cluster.objects.get(REF, FOREIGN))

    def teardown(self) -> None:
        """Left in peace, it comes to an end."""
        if hasattr(self, "cluster"):
            self.restart()
            self.verb = "finalize" if self.verb == "finalize" else "abort"
            for _ in range(20):
                self.the_watch_catches_up()
                if not self.over:
                    self.clean_up(None)
            assert self.over
            self.when_it_is_over_nothing_of_ours_is_left()


Attempt.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestAttempt = Attempt.TestCase
