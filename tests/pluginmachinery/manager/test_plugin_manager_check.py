"""Following the object: what it says, and what its absence says."""

from __future__ import annotations

from typing import Any

import pytest

from pluginmachinery.core.actions import Found, Missing, Observation, Observe, Refused
from pluginmachinery.core.phases import ErrorKind, Phase, PhaseInfo, queued, retryable_failure, success
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.manager.conduct import AS_FLYTE
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.pluginmachinery.manager.widgets import (
    BAD_TASK,
    BOOM,
    NOW,
    REF,
    STARTED,
    WidgetPlugin,
    raising,
    widget,
    widget_task,
)

DELETING = {"deletionTimestamp": "2030-01-01T00:00:00Z"}


def check(known: Any, *, plugin: WidgetPlugin | None = None, state: Any = STARTED, **manager: Any) -> Any:
    """One call with the answer to a look-up at hand."""
    observation = Observation(NOW, results=((Observe(REF), known),))
    return PluginManager(plugin or WidgetPlugin(), **manager).handle(widget_task(), state, observation)


@pytest.mark.parametrize(
    ("known", "code"),
    [
        pytest.param(Missing("not found"), "ResourceDeletedExternally", id="not there"),
        pytest.param(Refused("NotFound", "x", 404), "ResourceDeletedExternally", id="its kind is not there"),
        pytest.param(Refused("Gone", "x", 410), "ResourceDeletedExternally", id="gone"),
        pytest.param(Refused("Expired", "x", 410), "ResourceDeletedExternally", id="expired"),
        pytest.param(Found(widget(owner=None)), "ResourceDeletedExternally", id="another of its name is there"),
        pytest.param(Found(widget("Running", **DELETING)), "UnexpectedObjectDeletion", id="being deleted"),
        pytest.param(Found(widget("Queued", **DELETING)), "UnexpectedObjectDeletion", id="deleted before it ran"),
    ],
)
def test_an_object_that_goes_away_is_a_failure_of_the_platform(known: Any, code: str) -> None:
    transition = check(known)
    assert transition.phase.error is not None
    assert transition.phase.phase is Phase.RETRYABLE_FAILURE
    assert (transition.phase.error.code, transition.phase.error.kind) == (code, ErrorKind.SYSTEM)
    assert "task-0" in transition.phase.error.message


@pytest.mark.parametrize("outcome", [success(), retryable_failure("X", "x")])
def test_an_object_that_has_ended_may_be_deleted(outcome: PhaseInfo) -> None:
    assert check(Found(widget(**DELETING)), plugin=WidgetPlugin(read=lambda _: outcome)).phase == outcome


@pytest.mark.parametrize("refused", [BOOM, Refused("Forbidden", "x", 403), Refused("Timeout", "x", 504)])
def test_a_look_up_that_fails_decides_nothing(refused: Refused) -> None:
    transition = check(refused)
    assert (transition.phase.phase, transition.state) == (Phase.UNDEFINED, STARTED)
    assert transition.error is not None
    assert (transition.error.code, transition.error.kind) == (refused.reason, ErrorKind.SYSTEM)


@pytest.mark.parametrize(
    ("read", "code"),
    [
        pytest.param(raising(BAD_TASK), "BadTaskSpecification", id="it can not tell"),
        pytest.param(raising(ZeroDivisionError()), "PluginPanic", id="a defect"),
        pytest.param(lambda _: "Running", "PluginPanic", id="no phase at all"),
        pytest.param(lambda _: None, "PluginPanic", id="nothing"),
    ],
)
def test_a_plugin_that_can_not_tell_is_asked_again(read: Any, code: str) -> None:
    transition = check(Found(widget()), plugin=WidgetPlugin(read=read))
    assert transition.error is not None
    assert (transition.error.code, transition.error.kind) == (code, ErrorKind.SYSTEM)
    assert transition.state == STARTED


def test_the_plugin_sees_the_phase_that_was_saved_and_the_present_time() -> None:
    seen: list[PluginContext] = []

    class Looking(WidgetPlugin):
        def get_task_phase(self, context: PluginContext, resource: Any) -> PhaseInfo:
            seen.append(context)
            return queued("again", version=3)

    state = {"started": True, "phase": "Queued", "phaseVersion": 2, "reason": "before"}
    later = NOW.replace(hour=5)
    transition = PluginManager(Looking()).handle(widget_task(), state, Observation(later, {REF: Found(widget())}))
    assert (seen[0].saved.phase, seen[0].saved.version, seen[0].saved.reason) == ("Queued", 2, "before")
    assert seen[0].task.now == later
    assert transition.state == {"started": True, "phase": "Queued", "phaseVersion": 3, "reason": "again"}


def test_what_does_not_change_leaves_the_state_equal() -> None:
    state = {"started": True, "phase": "Running", "phaseVersion": 0, "reason": ""}
    assert check(Found(widget("Running")), state=state).state == state


def test_flyte_takes_any_object_of_the_name_for_its_own() -> None:
    assert check(Found(widget("Running", owner=None)), conduct=AS_FLYTE).phase.phase is Phase.RUNNING
