"""Launching: the object is created, and every answer of the API server is a verdict."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.api import names
from pluginmachinery.config.tasks import BackOffConfig
from pluginmachinery.core.actions import Create, Found, Missing, Observation, Observe, Outputs, Refused, WakeAt
from pluginmachinery.core.phases import ErrorKind, Phase, Waiting
from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.manager.conduct import AS_FLYTE, Conduct
from pluginmachinery.manager.namespaces import LIMIT_RANGES, RESOURCE_QUOTAS
from pluginmachinery.manager.plugin_manager import PluginManager
from pluginmachinery.manager.waiting_room import WaitingRoom
from tests.pluginmachinery.manager.crowds import limit_range, quota
from tests.pluginmachinery.manager.widgets import (
    BAD_TASK,
    BOOM,
    NOW,
    POD,
    REF,
    STARTED,
    WidgetPlugin,
    cluster,
    executor,
    raising,
    verbs,
    widget,
    widget_task,
)

UNOWNED = WidgetPlugin(properties=PluginProperties(disable_inject_owner_references=True))
USER, SYSTEM = ErrorKind.USER, ErrorKind.SYSTEM
QUOTA = "exceeded quota: q, requested: {requested}, used: limits.cpu=9, limited: {limited}"


def forbidden(message: str) -> Refused:
    return Refused("Forbidden", f'widgets "task-0" is forbidden: {message}', 403)


FULL = forbidden(QUOTA.format(requested="limits.cpu=2", limited="limits.cpu=10"))


def launch(refused: Any, *, conduct: Conduct | None = None, plugin: WidgetPlugin | None = None) -> Any:
    """What comes of a creation that is refused so: phase and error, or the system error."""
    manager = PluginManager(plugin or WidgetPlugin(), conduct=conduct)
    transition = executor(cluster(create=refused)).run(manager.handle, widget_task(), None)
    if transition.error is not None:
        return transition.error.code
    info = transition.phase
    return (str(info.phase),) if info.error is None else (str(info.phase), info.error.code, info.error.kind)


def test_the_object_is_created_and_the_task_queued() -> None:
    api = cluster()
    transition = executor(api).run(PluginManager(WidgetPlugin()).handle, widget_task(inject_finalizer=True), None)
    assert (transition.phase.phase, transition.phase.reason) == (Phase.QUEUED, "task submitted to K8s")
    assert transition.state == STARTED
    metadata = api.objects[REF]["metadata"]
    assert (metadata["namespace"], metadata["name"]) == ("ns", "task-0")
    assert metadata["finalizers"] == ["flyte.org/finalizer-k8s"]
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["owner-1"]
    assert verbs(api) == ["create"]


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        pytest.param(Refused("AlreadyExists", "x", 409), ("Queued",), id="there already, nobody looked whose"),
        pytest.param(Refused("AlreadyExists", "x", 409, owned=True), ("Queued",), id="there already and ours"),
        pytest.param(
            Refused("AlreadyExists", "x", 409, owned=False), ("RetryableFailure", "NameTaken", SYSTEM), id="not ours"
        ),
        pytest.param(FULL, ("WaitingForResources",), id="the quota is full"),
        pytest.param(
            forbidden(QUOTA.format(requested="limits.cpu=11", limited="limits.cpu=10")),
            ("PermanentFailure", "ResourceRequestsExceedLimits", USER),
            id="more than the quota has in all",
        ),
        pytest.param(
            forbidden(QUOTA.format(requested="limits.cpu=10", limited="limits.cpu=10")),
            ("WaitingForResources",),
            id="as much as the quota has in all fits once it is empty",
        ),
        pytest.param(
            forbidden(QUOTA.format(requested="limits.cpu=1,pods=1", limited="limits.cpu=10,pods=0")),
            ("PermanentFailure", "ResourceRequestsExceedLimits", USER),
            id="every resource counts",
        ),
        pytest.param(Refused("TooManyRequests", "x", 429), ("WaitingForResources",), id="429"),
        pytest.param(Refused("PriorityLevel", "x", 429), ("WaitingForResources",), id="429 with another reason"),
        pytest.param(Refused("ServerTimeout", "x", 500), ("WaitingForResources",), id="server timeout"),
        pytest.param(forbidden("etcdserver: no leader"), ("WaitingForResources",), id="etcd"),
        pytest.param(forbidden("no"), ("RetryableFailure", "RuntimeFailure", USER), id="any other 403"),
        pytest.param(Refused("", "x", 403), ("RetryableFailure", "RuntimeFailure", USER), id="403 without a reason"),
        pytest.param(Refused("BadRequest", "x", 400), ("PermanentFailure", "BadTaskFormat", USER), id="400"),
        pytest.param(Refused("Invalid", "x", 422), ("PermanentFailure", "BadTaskFormat", USER), id="422"),
        pytest.param(Refused("NoGood", "x", 422), ("PermanentFailure", "BadTaskFormat", USER), id="a webhook's reason"),
        pytest.param(
            Refused("RequestEntityTooLarge", "x", 413), ("PermanentFailure", "EntityTooLarge", USER), id="413"
        ),
        pytest.param(BOOM, "InternalError", id="500"),
        pytest.param(Refused("Conflict", "x", 409), "Conflict", id="409 that is none of a name"),
        pytest.param(Refused("NotFound", "x", 404), "NotFound", id="no such namespace or kind"),
        pytest.param(Missing("namespaces ns not found"), "NotFound", id="the namespace is not there"),
        pytest.param(Outputs(), "UnexpectedResult", id="an answer to something else"),
        pytest.param(Refused("Timeout", "x", 504), "Timeout", id="504"),
        pytest.param(Refused("Unreachable", "x", 0), "Unreachable", id="no answer"),
        pytest.param(Refused("", "x", 0), "Refused", id="no reason at all"),
    ],
)
def test_verdicts(refused: Any, verdict: Any) -> None:
    assert launch(refused) == verdict


@pytest.mark.parametrize(
    ("refused", "verdict"),
    [
        (Refused("AlreadyExists", "x", 409, owned=False), ("Queued",)),
        (FULL, ("RetryableFailure", "RuntimeFailure", USER)),
        (Refused("TooManyRequests", "x", 429), "TooManyRequests"),
        (Refused("ServerTimeout", "x", 500), "ServerTimeout"),
        (forbidden("etcdserver: no leader"), ("RetryableFailure", "RuntimeFailure", USER)),
    ],
)
def test_verdicts_as_flyte_gives_them_to_kinds_other_than_pods(refused: Refused, verdict: Any) -> None:
    assert launch(refused, conduct=AS_FLYTE) == verdict


def test_without_backoff_not_even_pods_wait_in_flyte() -> None:
    manager = PluginManager(WidgetPlugin(resource=POD), conduct=AS_FLYTE)
    switched_off = widget_task(backoff=BackOffConfig(base_second=0))
    transition = executor(cluster(create=FULL)).run(manager.handle, switched_off, None)
    assert transition.phase.error is not None
    assert transition.phase.error.code == "RuntimeFailure"


@pytest.mark.parametrize(
    ("requested", "limited", "phase"),
    [
        ("limits.cpu=10", "limits.cpu=10", "PermanentFailure"),
        ("pods=1", "pods=0", "WaitingForResources"),
        ("limits.cpu=1,requests.cpu=9", "limits.cpu=10,requests.cpu=5", "WaitingForResources"),
        ("requests.nvidia.com/gpu=9", "requests.nvidia.com/gpu=1", "WaitingForResources"),
    ],
)
def test_quotas_of_pods_as_flyte_reads_them(requested: str, limited: str, phase: str) -> None:
    refused = forbidden(QUOTA.format(requested=requested, limited=limited))
    assert launch(refused, conduct=AS_FLYTE, plugin=WidgetPlugin(resource=POD))[0] == phase


def test_a_task_that_can_not_be_built_fails_for_good_with_the_plugins_code() -> None:
    api = cluster()
    transition = executor(api).run(PluginManager(WidgetPlugin(build=raising(BAD_TASK))).handle, widget_task(), None)
    error = transition.phase.error
    assert error is not None
    assert (transition.phase.phase, error.code, error.kind) == (Phase.PERMANENT_FAILURE, "FailedToBuildResource", USER)
    assert "BadTaskSpecification (custom): no" in error.message
    assert verbs(api) == []


@pytest.mark.parametrize(
    "build",
    [raising(KeyError("rayCluster")), raising(RecursionError()), lambda _: None, lambda _: {"metadata": 5}],
    ids=["KeyError", "RecursionError", "no object", "junk"],
)
def test_a_defect_of_a_plugin_is_a_system_error_with_the_plugins_name(build: Any) -> None:
    transition = executor(cluster()).run(PluginManager(WidgetPlugin(build=build)).handle, widget_task(), None)
    assert transition.error is not None
    assert (transition.error.code, transition.error.kind) == ("PluginPanic", SYSTEM)
    assert "plugin widget raised" in transition.error.message
    assert transition.state is None


def test_a_state_that_nobody_wrote_is_a_failure_of_the_attempt() -> None:
    transition = PluginManager(WidgetPlugin()).handle(widget_task(), {"started": "yes"}, Observation(NOW))
    assert transition.phase.error is not None
    assert (transition.phase.phase, transition.phase.error.code) == (Phase.RETRYABLE_FAILURE, "CorruptedPluginState")


# --- Answers that are lost, and those of others ----------------------------------------------------------------------


def test_an_answer_that_got_lost_is_asked_for_again() -> None:
    manager, task = PluginManager(WidgetPlugin()), widget_task()
    asked = manager.handle(task, None, Observation(NOW))
    again = manager.handle(task, asked.state, Observation(NOW))
    assert [type(action) for action in again.actions] == [Create]


def test_the_answer_to_another_attempts_creation_is_not_ours() -> None:
    """Two attempts may have the same name, and the second one begins while the first one's answers are still about."""
    create = Create(REF, {})
    observation = Observation(NOW, results=((create, Refused("Invalid", "x", 422)),))
    transition = PluginManager(WidgetPlugin()).handle(widget_task(), None, observation)
    assert [type(action) for action in transition.actions] == [Create]


def test_an_object_that_is_known_to_be_there_is_followed_instead_of_created_again() -> None:
    observation = Observation(NOW, {REF: Found(widget("Running"))})
    transition = PluginManager(WidgetPlugin()).handle(widget_task(), None, observation)
    assert (transition.phase.phase, transition.actions) == (Phase.RUNNING, ())
    assert (transition.state or {})["started"] is True


@pytest.mark.parametrize(
    ("task", "plugin", "existing"),
    [
        pytest.param(widget_task(), WidgetPlugin(), widget(owner=None), id="it is not ours"),
        pytest.param(widget_task(owner=None), WidgetPlugin(), widget(), id="nobody can tell whose it is"),
        pytest.param(widget_task(), UNOWNED, widget(), id="nor by an owner that the plugin does not want"),
        pytest.param(
            widget_task(disable_inject_owner_references=True), WidgetPlugin(), widget(), id="nor the platform"
        ),
    ],
)
def test_an_object_that_may_be_anothers_is_not_followed(task: Any, plugin: Any, existing: Any) -> None:
    transition = PluginManager(plugin).handle(task, None, Observation(NOW, {REF: Found(existing)}))
    assert [type(action) for action in transition.actions] == [Create]


# --- Waiting ---------------------------------------------------------------------------------------------------------


def wake(transition: Any) -> timedelta:
    (action,) = transition.actions
    assert isinstance(action, WakeAt)
    return action.at - NOW


def test_who_waits_is_told_for_what_and_at_which_place_and_woken_when_the_gate_opens() -> None:
    transition = executor(cluster(create=FULL)).run(PluginManager(WidgetPlugin()).handle, widget_task(), None)
    assert transition.phase.reason == (
        "waiting for quota q: limits.cpu 2 of 1 free (10 in all) in namespace ns; 1st in line"
    )
    assert transition.phase.waiting == Waiting(
        1, "", ({"quota": "q", "resource": "limits.cpu", "requested": "2", "hard": "10"},)
    )
    assert wake(transition) == timedelta(seconds=1)
    assert transition.settled
    assert (transition.state or {})["started"] is False


def test_while_the_gate_is_closed_nothing_is_tried() -> None:
    room = WaitingRoom()
    manager = PluginManager(WidgetPlugin(), room)
    refused = executor(cluster(create=FULL)).run(manager.handle, widget_task(), None)
    api = cluster()
    again = executor(api).run(manager.handle, widget_task(), refused.state)
    other = executor(api).run(PluginManager(WidgetPlugin(), room).handle, widget_task("other"), None)
    assert verbs(api) == []
    assert again.state == refused.state
    assert wake(again) == timedelta(seconds=1)
    assert (other.phase.phase, other.phase.reason) == (
        Phase.WAITING_FOR_RESOURCES,
        "waiting for its turn in namespace ns; 2nd in line",
    )
    assert wake(other) > timedelta(seconds=60)


def test_a_small_pod_is_tried_through_a_closed_gate() -> None:
    room = WaitingRoom()
    executor(cluster(create=FULL)).run(PluginManager(pod_of("2"), room).handle, widget_task(), None)
    large, small = cluster(), cluster()
    executor(large).run(PluginManager(pod_of("2"), room).handle, widget_task("large"), None)
    executor(small).run(PluginManager(pod_of("1999m"), room).handle, widget_task("small"), None)
    assert (verbs(large), verbs(small)) == ([], ["create"])


def test_a_success_opens_the_gate() -> None:
    room, task = WaitingRoom(), widget_task()
    manager = PluginManager(WidgetPlugin(), room)
    executor(cluster(create=FULL)).run(manager.handle, task, None)
    later = executor(cluster())
    later.now = NOW + timedelta(seconds=1)
    assert later.run(manager.handle, task, None).phase.phase is Phase.QUEUED
    api = cluster()
    executor(api).run(manager.handle, task, None)
    assert verbs(api) == ["create"]


def test_what_never_fits_closes_no_gate_for_others() -> None:
    room, task = WaitingRoom(), widget_task()
    never = forbidden(QUOTA.format(requested="limits.cpu=11", limited="limits.cpu=10"))
    executor(cluster(create=never)).run(PluginManager(WidgetPlugin(), room).handle, task, None)
    api = cluster()
    executor(api).run(PluginManager(WidgetPlugin(), room).handle, task, None)
    assert verbs(api) == ["create"]


def test_without_backoff_a_full_quota_is_looked_at_again_later() -> None:
    task = widget_task(backoff=BackOffConfig(base_second=0))
    transition = executor(cluster(create=FULL)).run(PluginManager(WidgetPlugin()).handle, task, None)
    assert wake(transition) == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("task", "plugin"),
    [(widget_task(), UNOWNED), (widget_task(disable_inject_owner_references=True), WidgetPlugin())],
    ids=["by the plugin", "by the platform"],
)
def test_an_owner_reference_that_is_not_wanted_is_not_asked_for(task: Any, plugin: Any) -> None:
    transition = PluginManager(plugin).handle(task, STARTED, Observation(NOW, {REF: Found(widget(owner=None))}))
    assert transition.phase.phase is Phase.RUNNING


def test_an_object_that_is_not_known_is_asked_for() -> None:
    transition = PluginManager(WidgetPlugin()).handle(widget_task(), STARTED, Observation(NOW))
    assert transition.actions == (Observe(REF),)


# --- What is known of quotas and limit ranges ------------------------------------------------------------------------


def pod_of(cpu: str) -> WidgetPlugin:
    spec = {"containers": [{"name": "main", "resources": {"limits": {"cpu": cpu}}}]}
    return WidgetPlugin(resource=POD, build=lambda _: {"apiVersion": "v1", "kind": "Pod", "spec": spec})


def test_what_does_not_fit_is_not_even_tried() -> None:
    room = WaitingRoom()
    room.namespaces.hear(RESOURCE_QUOTAS, quota({"limits.cpu": 10}, {"limits.cpu": 9}))
    api = cluster()
    transition = executor(api).run(PluginManager(pod_of("2"), room).handle, widget_task(), None)
    assert verbs(api) == []
    assert transition.phase.reason == (
        "waiting for quota team: limits.cpu 2 of 1 free (10 in all) in namespace ns; 1st in line"
    )


def test_what_is_wanted_in_a_queue_is_told_with_it() -> None:
    room, task = WaitingRoom(), widget_task()
    task = dataclasses.replace(task, metadata=dataclasses.replace(task.metadata, labels={names.QUEUE: "a"}))
    room.namespaces.hear(RESOURCE_QUOTAS, quota({"pods": 0}, {"pods": 0}, name="other"))
    room.namespaces.hear(RESOURCE_QUOTAS, quota({"pods": 1}, {"pods": 1}))
    room.namespaces.lose(RESOURCE_QUOTAS, "ns", "other")
    transition = executor(cluster()).run(PluginManager(pod_of("1"), room).handle, task, None)
    assert transition.phase.waiting is not None
    assert transition.phase.waiting.queue == "a"
    assert transition.phase.reason.endswith("; 1st in line of queue a")


OUTSIDE = 'pods "task-0" is forbidden: maximum cpu usage per Container is 1, but limit is 2'


@pytest.mark.parametrize(
    ("known", "which"),
    [
        (True, "LimitRange bounds: container main has cpu 2, at most 1 is allowed"),
        (False, "a LimitRange"),
    ],
)
def test_what_a_limit_range_never_admits_keeps_its_code_and_says_what_to_do(known: bool, which: str) -> None:
    room = WaitingRoom()
    if known:
        room.namespaces.hear(LIMIT_RANGES, limit_range({"type": "Container", "max": {"cpu": "1"}}))
    api = cluster(create=Refused("Forbidden", OUTSIDE, 403))
    error = executor(api).run(PluginManager(pod_of("2"), room).handle, widget_task(), None).phase.error
    assert error is not None
    assert error.code == "RuntimeFailure"
    assert error.message == (
        f"namespace ns never admits this: {which}: ask for resources within its bounds, or have it changed "
        f"(kubectl describe limitrange -n ns). {OUTSIDE}"
    )


def test_what_a_limit_range_never_admits_does_not_wait_for_others() -> None:
    room = WaitingRoom()
    room.namespaces.hear(RESOURCE_QUOTAS, quota({"limits.cpu": 10}, {"limits.cpu": 10}))
    room.namespaces.hear(LIMIT_RANGES, limit_range({"type": "Container", "max": {"cpu": "1"}}))
    executor(cluster()).run(PluginManager(pod_of("1"), room).handle, widget_task(), None)
    api = cluster()
    executor(api).run(PluginManager(pod_of("2"), room).handle, widget_task("never"), None)
    assert verbs(api) == ["create"]


def test_while_the_api_server_asks_for_quiet_others_say_so() -> None:
    room = WaitingRoom()
    busy = Refused("TooManyRequests", "too many requests, please try again later", 429)
    refused = executor(cluster(create=busy)).run(PluginManager(WidgetPlugin(), room).handle, widget_task(), None)
    other = executor(cluster()).run(PluginManager(WidgetPlugin(), room).handle, widget_task("other"), None)
    assert refused.phase.reason == "waiting: too many requests, please try again later; 1st in line"
    assert other.phase.reason == "waiting: the API server asks for quiet; 2nd in line"


def test_places_have_their_ordinals() -> None:
    room = WaitingRoom()
    room.namespaces.hear(RESOURCE_QUOTAS, quota({"pods": 1}, {"pods": 1}))
    reasons = [
        executor(cluster()).run(PluginManager(pod_of("1"), room).handle, widget_task(f"t{n}"), None).phase.reason
        for n in range(1, 23)
    ]
    places = [reason.rpartition("; ")[2].partition(" ")[0] for reason in reasons]
    assert [places[number - 1] for number in (1, 2, 3, 4, 11, 12, 13, 21, 22)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd")
    ]
