"""Whatever stands in a pod, there is a phase or a PluginError: a status is never a reason to crash."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.logs import dashboard_links
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, Phase, PhaseInfo
from pluginmachinery.core.tasks import PluginContext
from pluginmachinery.pods.status import pod_phase
from tests.pluginmachinery.pods.pod_objects import condition, ended, pod, running, task, waiting

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ODD_TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2030-01-01", "12:00", "2030-W01")
WORDS = st.sampled_from(
    (
        "",
        "main",
        "False",
        "Ready",
        "PodScheduled",
        "OOMKilled",
        "ImagePullBackOff",
        "Failed",
        "{{ .podName }}",
        *ODD_TIMES,
    )
)
LOOKING = PluginContext(task(logs=dashboard_links()))
PODS = [
    pod("Pending", waiting("ImagePullBackOff"), conditions=[condition("Ready", "False")]),
    pod("Running", running(), ended(1, "side"), initContainerStatuses=[ended(0, "init")]),
    pod("Running", ended(0), primary=None),
    pod("Succeeded", ended(0), conditions=[condition("Ready", "False", reason="PodCompleted")]),
    pod("Failed", ended(137) | {"lastState": {"terminated": {"exitCode": 1}}}, reason="Evicted"),
]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [prefix, *(path for key, item in items for path in paths(item, (*prefix, key)))]


@st.composite
def damaged_pods(draw: st.DrawFn) -> Any:
    """A real pod with junk, or a word of its own language, in one to three places."""
    damaged = copy.deepcopy(draw(st.sampled_from(PODS)))
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(paths(damaged)[1:]))
        holder = damaged
        for key in parents:
            holder = holder[key]
        holder[last] = draw(JSON | WORDS)
    return damaged


def judged(junk: Any) -> PhaseInfo | PluginError:
    try:
        return pod_phase(LOOKING, junk)
    except PluginError as error:
        return error


def check(junk: Any) -> None:
    info = judged(junk)
    if isinstance(info, PluginError):
        assert (info.code, bool(info.field)) == ("MalformedResource", True)
        return
    assert isinstance(info.phase, Phase)
    assert isinstance(info.reason, str)
    assert isinstance(info.version, int)
    if info.error is not None:
        assert isinstance(info.error.code, str)
        assert isinstance(info.error.message, str)
        assert isinstance(info.error.kind, ErrorKind)
    assert info.phase.is_failure == (info.error is not None)
    for moment in (info.info.occurred_at, info.info.reported_at):
        assert moment is None or moment.tzinfo is not None
    assert all(isinstance(value, str) for log in info.info.logs for value in log.values())


@given(damaged_pods())
def test_damaged_pods(damaged: Any) -> None:
    check(damaged)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_pods_of_junk(junk: Any) -> None:
    check(junk)


@given(st.dictionaries(st.sampled_from(["phase", "conditions", "containerStatuses", "initContainerStatuses"]), JSON))
def test_statuses_of_junk(junk: Any) -> None:
    check({"status": junk})


@pytest.mark.parametrize("intact", PODS)
def test_a_pod_is_not_changed_by_looking_at_it(intact: Any) -> None:
    before = orjson.dumps(intact)
    pod_phase(LOOKING, intact)
    assert orjson.dumps(intact) == before
