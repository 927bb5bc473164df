"""A model of all that can happen to a task, in any order: crashes, refusals, hand-made deletions, unknown objects.

Whatever the order: no livelock, one budget for each failure, at most one pod for each attempt that is known to have
one, nothing left over after the end, and a task that is left in peace ends.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pluginmachinery.core.actions import Create, Delete, ReadOutputs, Refused
from pluginmachinery.lifecycle.budgets import Failures
from tests.pluginmachinery.lifecycle.simulation import Cluster, Controller, Killed, PodLike, execution, later, world

RETRIES, SYSTEM_RETRIES = 2, 3
TERMINAL = {"Succeeded", "Failed", "Aborted"}
ERRORS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["USER", "SYSTEM", "UNKNOWN"]),
        "code": st.sampled_from(["Error", "Interrupted"]),
        "permanent": st.booleans(),
        "cleanup": st.booleans(),
    }
)
REFUSALS = {
    "none": lambda action: None,
    "quota": lambda action: Refused("Forbidden", "exceeded quota", 403) if isinstance(action, Create) else None,
    "creation": lambda action: Refused("InternalError", "", 500) if isinstance(action, Create) else None,
    "deletion": lambda action: Refused("InternalError", "", 500) if isinstance(action, Delete) else None,
    "store": lambda action: Refused("StoreUnavailable", "") if isinstance(action, ReadOutputs) else None,
    "everything": lambda action: Refused("InternalError", "", 500),
}


class LifeOfATask(RuleBasedStateMachine):
    cluster: Cluster
    controller: Controller

    @initialize(
        delete_on_finalize=st.booleans(),
        interruptible=st.booleans(),
        outputs=st.booleans(),
        timeouts=st.sampled_from([{}, {"execution": "10m"}, {"queued": "5m"}]),
    )
    def begin(self, delete_on_finalize: bool, interruptible: bool, outputs: bool, timeouts: dict[str, str]) -> None:
        template = {"metadata": {"retries": {"retries": RETRIES}}}
        more = {"outputPrefix": "out"} if outputs else {}
        self.plugin = PodLike(delete_on_finalize=delete_on_finalize)
        self.cluster = Cluster(execution(template=template, interruptible=interruptible, timeouts=timeouts, **more))
        self.controller = Controller(world(self.plugin), self.cluster)
        self.deleted_by_hand: set[str] = set()
        self.ended: str | None = None
        self.taken_back: set[int] = set()

    def run_controller(self) -> None:
        try:
            self.controller.run()
        except Killed:
            self.controller = Controller(world(self.plugin), self.cluster)

    @rule()
    def handle(self) -> None:
        self.run_controller()

    @rule(seconds=st.sampled_from([1, 61, 301, 601]))
    def time_passes(self, seconds: int) -> None:
        later(self.cluster, seconds)
        self.run_controller()

    @rule(effects=st.integers(0, 3))
    def crash(self, effects: int) -> None:
        self.controller.effects_left = effects
        self.run_controller()
        self.controller = Controller(world(self.plugin), self.cluster)

    @rule(refusal=st.sampled_from(sorted(REFUSALS)))
    def api_server_changes_its_mind(self, refusal: str) -> None:
        self.cluster.refuse = REFUSALS[refusal]
        self.run_controller()

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data(), phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]), error=ERRORS)
    def a_pod_moves(self, data: st.DataObject, phase: str, error: dict[str, Any]) -> None:
        name = data.draw(st.sampled_from(sorted(self.cluster.pods)))
        now = (self.cluster.pods[name].get("status") or {}).get("phase", "Pending")
        if now in {"Succeeded", "Failed"} or (now, phase) == ("Running", "Pending"):
            return
        self.cluster.set_pod(name, phase, **error)
        self.run_controller()

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data())
    def somebody_deletes_a_pod(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.cluster.pods)))
        del self.cluster.pods[name]
        self.deleted_by_hand.add(name)
        self.run_controller()

    @precondition(lambda self: self.cluster.execution)
    @rule(on=st.booleans())
    def suspend(self, on: bool) -> None:
        self.set_spec(suspend=on)
        self.run_controller()

    @precondition(lambda self: self.cluster.execution)
    @rule()
    def abort(self) -> None:
        self.set_spec(abort=True)
        self.run_controller()

    @precondition(lambda self: self.cluster.execution)
    @rule()
    def delete(self) -> None:
        self.cluster.delete_execution()
        self.run_controller()

    @invariant()
    def every_failure_spent_one_budget(self) -> None:
        status = self.status
        if "attempt" not in status:
            return
        failures = Failures.of(status)
        outcome = (status.get("pending") or {}).get("outcome")
        failed_now = status["phase"] in {"Failed", "Retrying"} and bool(
            status["attempts"][-1]["attempt"] == status["attempt"] if status.get("attempts") else False
        )
        aborted_after_failing = (
            status["phase"] in {"Aborting", "Aborted"}
            and bool(status.get("attempts"))
            and status["attempts"][-1]["attempt"] == status["attempt"]
            and status["attempts"][-1]["phase"] == "Failed"
        )
        self.taken_back |= {each["attempt"] for each in status.get("attempts", ()) if each["phase"] == "Suspended"}
        ended = failures.all + len(self.taken_back)
        deleted_after_failing = outcome == "Deleted" and ended > status["attempt"]
        being_taken_back = status["attempt"] in self.taken_back
        extra = failed_now or aborted_after_failing or deleted_after_failing or being_taken_back
        assert ended == status["attempt"] + extra, status

    @invariant()
    def budgets_are_kept(self) -> None:
        failures = Failures.of(self.status)
        assert failures.user <= RETRIES + 1
        assert failures.of_platform <= SYSTEM_RETRIES + 1

    @invariant()
    def nothing_is_created_twice(self) -> None:
        created = self.cluster.created
        assert len(created) - len(set(created)) <= len(self.deleted_by_hand)

    @invariant()
    def the_end_is_the_end(self) -> None:
        phase = self.status.get("phase")
        if self.ended is not None and self.cluster.execution is not None:
            assert phase == self.ended
        if phase in TERMINAL:
            self.ended = phase

    @property
    def status(self) -> dict[str, Any]:
        return self.cluster.status if self.cluster.execution is not None else {}

    def set_spec(self, **members: Any) -> None:
        assert self.cluster.execution is not None
        self.cluster.execution["spec"] |= members

    def teardown(self) -> None:
        """Left in peace, the task ends, and nothing lives on that should not."""
        if not hasattr(self, "cluster"):
            return
        self.cluster.refuse = REFUSALS["none"]
        if self.cluster.execution is not None:
            self.set_spec(suspend=False)
        for _ in range(60):
            self.run_controller()
            if self.cluster.execution is None or (self.status["phase"] in TERMINAL and "pending" not in self.status):
                break
            for name in self.cluster.pods:
                if (self.cluster.pods[name].get("status") or {}).get("phase") != "Failed":
                    self.cluster.set_pod(name, "Succeeded")
            later(self.cluster, 90)
        else:
            raise AssertionError(f"it does not end: {self.status}")
        writes = list(self.cluster.writes)
        self.run_controller()
        assert self.cluster.writes == writes, "it goes on writing after its end"
        if self.cluster.execution is None:
            assert not self.cluster.pods
        elif self.status["phase"] == "Aborted":
            assert f"task-{self.status['attempt']}" not in self.cluster.pods or self.attempt_had_ended()

    def attempt_had_ended(self) -> bool:
        pod = self.cluster.pods[f"task-{self.status['attempt']}"]
        return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


TestLifeOfATask = LifeOfATask.TestCase
TestLifeOfATask.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
