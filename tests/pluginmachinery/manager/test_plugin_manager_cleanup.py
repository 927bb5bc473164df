"""Abort and finalize: the object stops, loses our finalizer and goes, whatever the API server answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.core.actions import Observation, Patch, Refused, WakeAt
from pluginmachinery.core.plugins import AbortBehavior, PluginProperties
from pluginmachinery.core.transitions import Transition
from pluginmachinery.manager.conduct import AS_FLYTE
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.pluginmachinery.manager.widgets import (
    BAD_TASK,
    BOOM,
    NOW,
    REF,
    STARTED,
    StoppableWidgetPlugin,
    WidgetPlugin,
    cluster,
    executor,
    only,
    verbs,
    widget,
    widget_task,
)

OURS = "flyte.org/finalizer-k8s"
HELD = widget("Success", finalizers=[OURS, "other/f"])
CONFLICT = Refused("Conflict", "x", 409)
GONE = Refused("Gone", "x", 410)


def code(transition: Transition) -> str | None:
    return None if transition.error is None else transition.error.code


def abort(on: Any, plugin: WidgetPlugin | None = None) -> Transition:
    return executor(on).run(PluginManager(plugin or WidgetPlugin()).abort, widget_task(), STARTED)


def finalize(on: Any, *, plugin: WidgetPlugin | None = None, conduct: Any = None, **k8s: Any) -> Transition:
    manager = PluginManager(plugin or WidgetPlugin(), conduct=conduct)
    return executor(on).run(manager.finalize, widget_task(**k8s), STARTED)


# --- Abort -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "error"),
    [
        pytest.param(cluster(widget()), None, id="it runs"),
        pytest.param(cluster(), None, id="it is not there"),
        pytest.param(cluster(delete=GONE), None, id="it is gone"),
        pytest.param(cluster(widget(), delete=BOOM), "InternalError", id="the API server fails"),
        pytest.param(cluster(widget(), delete=Refused("Forbidden", "x", 403)), "Forbidden", id="not allowed"),
    ],
)
def test_abort_deletes(api: Any, error: str | None) -> None:
    transition = abort(api)
    assert (verbs(api), code(transition), transition.actions) == (["delete"], error, ())
    assert error is not None or REF not in api.objects


PATCH = AbortBehavior(delete=False, patch={"spec": {"suspend": True}})
PATCH_OR_DELETE = AbortBehavior(delete=False, patch={"spec": {"suspend": True}}, delete_on_error=True)
UPDATE = AbortBehavior(delete=False, update={"kind": "Widget", "spec": {"stopped": 1}})


@pytest.mark.parametrize(
    ("behavior", "refused", "calls", "error"),
    [
        pytest.param(AbortBehavior(), {}, ["get", "delete"], None, id="delete after all"),
        pytest.param(PATCH, {}, ["get", "patch"], None, id="patch"),
        pytest.param(PATCH, {"patch": BOOM}, ["get", "patch"], "InternalError", id="patch fails"),
        pytest.param(PATCH, {"patch": GONE}, ["get", "patch"], None, id="gone before the patch"),
        pytest.param(PATCH_OR_DELETE, {"patch": BOOM}, ["get", "patch", "delete"], None, id="patch fails: delete"),
        pytest.param(
            PATCH_OR_DELETE,
            {"patch": BOOM, "delete": CONFLICT},
            ["get", "patch", "delete"],
            "Conflict",
            id="and deleting fails too",
        ),
        pytest.param(UPDATE, {}, ["get", "update"], None, id="update"),
        pytest.param(AbortBehavior(delete=False), {}, ["get"], "BadAbortBehavior", id="neither"),
        pytest.param(
            AbortBehavior(delete=False, delete_on_error=True), {}, ["get", "delete"], None, id="neither: delete"
        ),
        pytest.param(PATCH, {"get": BOOM}, ["get"], "InternalError", id="it can not be looked up"),
    ],
)
def test_a_plugin_may_abort_its_own_way(behavior: Any, refused: Any, calls: list[str], error: str | None) -> None:
    api = cluster(widget(), **refused)
    transition = abort(api, StoppableWidgetPlugin(behavior=behavior))
    assert (verbs(api), code(transition)) == (calls, error)


def test_what_the_plugin_patches_is_there_afterwards() -> None:
    api = cluster(widget())
    abort(api, StoppableWidgetPlugin(behavior=PATCH))
    assert api.objects[REF]["spec"] == {"suspend": True}


@pytest.mark.parametrize("existing", [None, widget(owner=None)], ids=["not there", "not ours"])
def test_a_plugin_is_not_asked_about_what_is_not_its_own(existing: Any) -> None:
    api = cluster(existing)
    assert code(abort(api, StoppableWidgetPlugin(behavior=PATCH))) is None
    assert verbs(api) == ["get"]


@pytest.mark.parametrize(("error", "expected"), [(BAD_TASK, "BadTaskSpecification"), (KeyError("x"), "PluginPanic")])
def test_a_plugin_that_can_not_say_how_to_abort_is_asked_again(error: Exception, expected: str) -> None:
    class Failing(StoppableWidgetPlugin):
        def on_abort(self, task: Any, resource: Any) -> AbortBehavior:
            raise error

    api = cluster(widget())
    assert code(abort(api, Failing())) == expected
    assert REF in api.objects


# --- Finalize --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("existing", "delete", "calls", "left"),
    [
        pytest.param(None, False, ["get"], None, id="not there"),
        pytest.param(None, True, ["get"], None, id="not there, so nothing to delete"),
        pytest.param(widget("Success"), False, ["get"], [], id="no finalizer"),
        pytest.param(widget("Success", finalizers=["other/f"]), False, ["get"], ["other/f"], id="another's finalizer"),
        pytest.param(HELD, False, ["get", "patch"], ["other/f"], id="ours is taken off, the other stays"),
        pytest.param(widget("Success", finalizers=[OURS]), True, ["get", "patch", "delete"], None, id="and deleted"),
        pytest.param(widget("Success"), True, ["get", "delete"], None, id="deleted"),
        pytest.param(
            widget("Success", finalizers=["other/f"], deletionTimestamp="2030-01-01T00:00:00Z"),
            True,
            ["get"],
            ["other/f"],
            id="being deleted already",
        ),
        pytest.param(widget("Success", owner=None, finalizers=[OURS]), True, ["get"], [OURS], id="not ours"),
    ],
)
def test_finalize(existing: Any, delete: bool, calls: list[str], left: list[str] | None) -> None:
    api = cluster(existing)
    transition = finalize(api, delete_resource_on_finalize=delete)
    assert (verbs(api), code(transition), transition.actions) == (calls, None, ())
    remaining = api.objects.get(REF)
    assert (None if remaining is None else remaining["metadata"].get("finalizers", [])) == left


def test_a_plugin_may_keep_its_objects() -> None:
    api = cluster(widget("Success"))
    keeping = WidgetPlugin(properties=PluginProperties(disable_delete_resource_on_finalize=True))
    finalize(api, plugin=keeping, delete_resource_on_finalize=True)
    assert verbs(api) == ["get"]


@pytest.mark.parametrize(
    ("refused", "calls", "error"),
    [
        pytest.param({"get": BOOM}, ["get", "delete"], "InternalError", id="not looked up, deleted all the same"),
        pytest.param({"patch": BOOM}, ["get", "patch", "delete"], "InternalError", id="finalizer stays"),
        pytest.param({"patch": GONE}, ["get", "patch", "delete"], None, id="gone before the patch"),
        pytest.param({"delete": BOOM}, ["get", "patch", "delete"], "InternalError", id="not deleted"),
        pytest.param({"delete": GONE}, ["get", "patch", "delete"], None, id="gone before the deletion"),
        pytest.param(
            {"patch": Refused("Forbidden", "x", 403), "delete": BOOM},
            ["get", "patch", "delete"],
            "Forbidden",
            id="both fail: the first is reported",
        ),
    ],
)
def test_what_goes_wrong_is_reported_at_the_end(refused: Any, calls: list[str], error: str | None) -> None:
    api = cluster(HELD, **refused)
    transition = finalize(api, delete_resource_on_finalize=True)
    assert (verbs(api), code(transition)) == (calls, error)


def test_a_conflict_is_tried_again_as_often_as_configured_and_ever_later() -> None:
    api = cluster(HELD, patch=CONFLICT)
    running = executor(api)
    transition = running.run(
        PluginManager(WidgetPlugin()).finalize,
        widget_task(update_backoff_retries=4, update_base_backoff_duration=100),
        STARTED,
    )
    assert verbs(api) == ["get", "patch"] * 4
    assert code(transition) == "Conflict"
    waited = (running.now - NOW) / timedelta(milliseconds=1)
    assert 100 + 200 + 400 <= waited <= (100 + 200 + 400) * 1.1


def test_a_conflict_that_passes_is_no_error() -> None:
    conflicts = [CONFLICT, CONFLICT]
    api = cluster(HELD)
    api.refuse = lambda verb, _: conflicts.pop() if verb == "patch" and conflicts else None
    assert code(finalize(api)) is None
    assert api.objects[REF]["metadata"]["finalizers"] == ["other/f"]


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 1), (2, 2)])
def test_at_least_one_try(retries: int, tries: int) -> None:
    api = cluster(HELD, patch=CONFLICT)
    finalize(api, update_backoff_retries=retries)
    assert len(only(api.calls, "patch")) == tries


def test_the_jitter_is_the_same_each_time() -> None:
    def wait() -> Any:
        manager, task, state = PluginManager(WidgetPlugin()), widget_task(), {**STARTED, "step": PATCHING}
        transition = manager.finalize(task, state, Observation(NOW, results=((Patch(REF, {}), CONFLICT),)))
        return transition.actions[0]

    assert isinstance(wait(), WakeAt)
    assert wait() == wait()


PATCHING = {"of": "finalize", "name": "patch"}


def test_results_of_an_abort_are_not_those_of_a_finalization() -> None:
    """The abort deleted it; our finalizer still holds it."""
    api = cluster(widget("Running", finalizers=[OURS]))
    manager, task = PluginManager(WidgetPlugin()), widget_task(delete_resource_on_finalize=True)
    aborting = manager.abort(task, STARTED, Observation(NOW))
    results = tuple((action, executor(api).carry_out(action)) for action in aborting.actions)
    transition = manager.finalize(task, aborting.state, Observation(NOW, results=results))
    assert not transition.settled
    executor(api).run(manager.finalize, task, transition.state)
    assert REF not in api.objects


@pytest.mark.parametrize("verb", ["abort", "finalize"])
@pytest.mark.parametrize("existing", [None, HELD, widget("Running"), widget("Running", owner=None)])
def test_once_more_changes_nothing(verb: str, existing: Any) -> None:
    api = cluster(existing)
    manager, task = PluginManager(WidgetPlugin()), widget_task(delete_resource_on_finalize=True)
    state = executor(api).run(getattr(manager, verb), task, STARTED).state
    before = {ref: dict(manifest) for ref, manifest in api.objects.items()}
    again = executor(api).run(getattr(manager, verb), task, state)
    assert (code(again), api.objects, again.state) == (None, before, state)


@pytest.mark.parametrize("verb", ["abort", "finalize"])
def test_a_state_that_can_not_be_read_does_not_keep_an_object_alive(verb: str) -> None:
    api = cluster(widget())
    manager, task = PluginManager(WidgetPlugin()), widget_task(delete_resource_on_finalize=True)
    executor(api).run(getattr(manager, verb), task, {"junk": 1})
    assert REF not in api.objects


# --- As Flyte does it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("existing", "k8s", "calls"),
    [
        pytest.param(None, {"delete_resource_on_finalize": True}, ["get", "delete"], id="deletes what is not there"),
        pytest.param(widget(), {"inject_finalizer": True}, ["get", "patch"], id="patches where no finalizers are"),
        pytest.param(
            widget(finalizers=["other/f"]), {"inject_finalizer": True}, ["get"], id="but not where others' are"
        ),
        pytest.param(HELD, {"update_backoff_retries": 0}, [], id="does nothing without retries"),
        pytest.param(
            HELD,
            {"update_backoff_retries": 0, "delete_resource_on_finalize": True},
            ["delete"],
            id="only deletes without retries",
        ),
    ],
)
def test_finalize_as_flyte(existing: Any, k8s: dict[str, Any], calls: list[str]) -> None:
    api = cluster(existing)
    finalize(api, conduct=AS_FLYTE, **k8s)
    assert verbs(api) == calls
