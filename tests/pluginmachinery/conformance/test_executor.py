"""The cluster and the executor in memory do what a real API server and the runtime do, as far as plugins can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.literals_pb2 import Literal, LiteralMap, Primitive, Scalar

from pluginmachinery.conformance.cluster import Cluster
from pluginmachinery.conformance.executor import Executor, NotSettling
from pluginmachinery.core.actions import (
    AllocateToken,
    CallService,
    Create,
    Delete,
    Done,
    Found,
    Missing,
    NotGranted,
    ObjectRef,
    Observation,
    Observe,
    OutputError,
    Outputs,
    Patch,
    ReadOutputs,
    Refused,
    ReleaseToken,
    ResourceKind,
    WakeAt,
    WriteInputs,
)
from pluginmachinery.core.phases import undefined
from pluginmachinery.core.transitions import Transition

NOW = datetime(2030, 1, 1, tzinfo=UTC)
REF = ObjectRef(ResourceKind("v1", "Pod", "pods"), "ns", "p")


def manifest(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", **metadata}, "spec": {"a": 1, "b": {"c": 2}}}


@pytest.fixture
def executor() -> Executor:
    return Executor(Cluster(), now=NOW, quotas={"gpu": 1})


def test_what_is_created_is_there_and_only_once(executor: Executor) -> None:
    created = executor.carry_out(Create(REF, manifest()))
    assert isinstance(created, Done)
    assert created.value["metadata"]["uid"]
    assert executor.carry_out(Observe(REF)) == Found(created.value)
    again = executor.carry_out(Create(REF, manifest()))
    assert isinstance(again, Refused)
    assert (again.reason, again.status, again.owned) == ("AlreadyExists", 409, True)


@pytest.mark.parametrize(
    "other",
    [
        {"ownerReferences": [{"uid": "other"}]},
        {"ownerReferences": [{"uid": "o"}], "labels": {"plugins.flyte.org/attempt": "2"}},
    ],
    ids=["another owner", "another attempt"],
)
def test_a_name_that_is_taken_by_another_is_not_owned(executor: Executor, other: Any) -> None:
    ours = {"ownerReferences": [{"uid": "o"}], "labels": {"plugins.flyte.org/attempt": "1"}}
    executor.carry_out(Create(REF, manifest(**other)))
    refused = executor.carry_out(Create(REF, manifest(**ours)))
    assert isinstance(refused, Refused)
    assert refused.owned is False


def test_a_merge_patch_sets_merges_and_removes(executor: Executor) -> None:
    executor.carry_out(Create(REF, manifest()))
    patched = executor.carry_out(Patch(REF, {"spec": {"a": None, "b": {"d": 3}, "e": [1]}}))
    assert isinstance(patched, Done)
    assert patched.value["spec"] == {"b": {"c": 2, "d": 3}, "e": [1]}


def test_an_update_replaces_all_but_the_identity(executor: Executor) -> None:
    created = executor.carry_out(Create(REF, manifest()))
    updated = executor.carry_out(Patch(REF, {"metadata": {"name": "p"}, "spec": {}}, method="update"))
    assert isinstance(created, Done)
    assert isinstance(updated, Done)
    assert updated.value == {"metadata": created.value["metadata"], "spec": {}}


def test_a_finalizer_holds_what_is_deleted_until_it_is_taken_off(executor: Executor) -> None:
    executor.carry_out(Create(REF, manifest(finalizers=["f"])))
    executor.carry_out(Delete(REF))
    held = executor.carry_out(Observe(REF))
    assert isinstance(held, Found)
    assert held.object["metadata"]["deletionTimestamp"]
    executor.carry_out(Patch(REF, {"metadata": {"finalizers": None}}))
    assert isinstance(executor.carry_out(Observe(REF)), Missing)


@pytest.mark.parametrize("action", [Observe(REF), Delete(REF), Patch(REF, {"a": 1})])
def test_what_is_not_there_is_missing(executor: Executor, action: Any) -> None:
    assert isinstance(executor.carry_out(action), Missing)


def test_what_is_refused_is_not_done_and_still_written_down() -> None:
    refused = Refused("Forbidden", "no", 403)
    api = Cluster({REF: manifest()}, refuse=lambda verb, _: refused if verb in ("patch", "delete") else None)
    executor = Executor(api, now=NOW)
    patch = Patch(REF, {"metadata": {"finalizers": ["x"]}})
    assert (executor.carry_out(patch), executor.carry_out(Delete(REF))) == (refused, refused)
    assert api.objects == {REF: manifest()}
    assert [(call.verb, call.finalizers) for call in api.calls] == [("patch", ("x",)), ("delete", None)]


def test_nobody_can_change_the_cluster_by_changing_what_it_answered(executor: Executor) -> None:
    created = executor.carry_out(Create(REF, manifest()))
    assert isinstance(created, Done)
    created.value["spec"]["b"]["c"] = "changed"
    found = executor.carry_out(Observe(REF))
    assert isinstance(found, Found)
    assert found.object["spec"] == manifest()["spec"]


# --- Files, tokens, services, time -----------------------------------------------------------------------------------


def literals() -> LiteralMap:
    return LiteralMap(literals={"x": Literal(scalar=Scalar(primitive=Primitive(integer=1)))})


def test_outputs_are_read_the_error_first(executor: Executor) -> None:
    read = ReadOutputs("s3://b/out/")
    assert executor.carry_out(read) == Outputs()
    executor.carry_out(WriteInputs({"s3://b/out/outputs.pb": literals().SerializeToString()}))
    assert executor.carry_out(read) == Outputs({"literals": {"x": {"scalar": {"primitive": {"integer": "1"}}}}})
    error = ErrorDocument(error=ContainerError(code="C", message="m", kind=ContainerError.RECOVERABLE))
    executor.files["s3://b/out/error.pb"] = error.SerializeToString()
    assert executor.carry_out(read) == Outputs(error=OutputError("C", "m", "UNKNOWN", recoverable=True))


def test_outputs_that_are_no_message_are_refused(executor: Executor) -> None:
    executor.files["p/outputs.pb"] = b"\xff\xff"
    assert isinstance(executor.carry_out(ReadOutputs("p")), Refused)


def test_tokens_are_as_many_as_the_quota_and_come_back(executor: Executor) -> None:
    first, second = AllocateToken("gpu", "a"), AllocateToken("gpu", "b")
    answers = [executor.carry_out(action) for action in (first, first, second)]
    assert answers == [Done(True), Done(True), NotGranted(reason="1 of 1 tokens of gpu are taken")]
    executor.carry_out(ReleaseToken("gpu", "a"))
    assert executor.carry_out(second) == Done(True)
    assert isinstance(executor.carry_out(AllocateToken("unknown", "a")), Refused)


def test_services_answer_or_can_not_be_reached() -> None:
    executor = Executor(Cluster(), now=NOW, services={"s": lambda method, payload: Done({method: dict(payload)})})
    assert executor.carry_out(CallService("s", "get", {"a": 1})) == Done({"get": {"a": 1}})
    assert isinstance(executor.carry_out(CallService("t", "get")), Refused)


def test_waiting_moves_the_clock_forward_only(executor: Executor) -> None:
    for minutes in (2, 1):
        executor.carry_out(WakeAt(NOW + timedelta(minutes=minutes)))
    assert executor.now == NOW + timedelta(minutes=2)


# --- Running a verb --------------------------------------------------------------------------------------------------


def test_a_verb_is_called_with_its_results_until_it_settles(executor: Executor) -> None:
    seen: list[Any] = []

    def verb(task: Any, state: Any, observation: Observation) -> Transition:
        seen.append((state, [type(result) for _, result in observation.results]))
        if len(seen) < 3:
            return Transition(undefined(), {"calls": len(seen)}, (Observe(REF),))
        return Transition(undefined(), {"calls": 3}, (WakeAt(NOW),))

    assert executor.run(verb, None, None).state == {"calls": 3}  # type: ignore[arg-type]
    assert seen == [(None, []), ({"calls": 1}, [Missing]), ({"calls": 2}, [Missing])]


def test_a_verb_that_never_settles_is_stopped(executor: Executor) -> None:
    def verb(task: Any, state: Any, observation: Observation) -> Transition:
        return Transition(undefined(), state, (Observe(REF),))

    with pytest.raises(NotSettling):
        executor.run(verb, None, None)  # type: ignore[arg-type]
