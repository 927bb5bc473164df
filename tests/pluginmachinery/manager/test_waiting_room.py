"""The waiting room: who waits, who is called, who may pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pluginmachinery.manager.namespaces import RESOURCE_QUOTAS
from pluginmachinery.manager.waiting_lines import ABSENT, MOST_PASSES
from pluginmachinery.manager.waiting_room import Applicant
from tests.pluginmachinery.manager.crowds import NAMESPACE, SETTINGS, START, Crowd, quota


def crowd(hard: int = 4, used: int = 0, *, told: bool = True) -> Crowd:
    """Before a quota that the watch has told of, unless it may not be seen."""
    made = Crowd(hard=hard, used=used)
    if told:
        made.tell()
    return made


def states(crowd: Crowd) -> str:
    """One letter for each task: (t)rying, (w)aiting, (r)unning, (e)nded, (f)ailed."""
    return "".join(member.state[0] for member in crowd.members.values())


# --- With quotas that are followed -----------------------------------------------------------------------------------


def test_as_many_try_as_fit_and_nobody_is_refused() -> None:
    tasks = crowd(hard=4)
    for _ in range(10):
        tasks.arrive()
    assert states(tasks) == "tttt" + "w" * 6
    for uid in tasks.those("trying"):
        tasks.answer(uid)
    assert (states(tasks), tasks.refusals) == ("rrrr" + "w" * 6, 0)


def test_room_is_promised_until_the_quota_is_heard_of_again() -> None:
    tasks = crowd(hard=2)
    tasks.arrive()
    tasks.answer("t0")  # the quota still says that nothing is used
    tasks.arrive()
    tasks.arrive()
    assert states(tasks) == "rtw"


def test_who_waits_is_called_when_there_is_room_without_any_time_passing() -> None:
    tasks = crowd(hard=1)
    for _ in range(3):
        tasks.arrive()
    tasks.answer("t0")
    tasks.end("t0")
    tasks.tell()
    assert states(tasks) == "etw"


def test_a_quota_that_is_enlarged_calls_more_and_more() -> None:
    tasks = crowd(hard=1)
    for _ in range(9):
        tasks.arrive()
    tasks.answer("t0")
    tasks.tell(hard=100)
    assert states(tasks) == "r" + "t" * 8


def test_who_waits_knows_for_what_and_where() -> None:
    tasks = crowd(hard=4, used=2)
    wait = tasks.arrive(3).wait
    assert wait is not None
    assert [str(short) for short in wait.shortages] == ["requests.cpu 3 of 2 free (4 in all)"]
    assert wait.position == 1
    second = tasks.arrive(3).wait
    assert second is not None
    assert second.position == 2


def test_what_can_never_fit_is_tried_at_once_whoever_waits() -> None:
    tasks = crowd(hard=4, used=4)
    tasks.arrive(1)
    tasks.arrive(5)
    assert states(tasks) == "wt"
    tasks.answer("t1")
    assert states(tasks) == "wf"


def test_what_waits_when_the_quota_shrinks_below_it_is_tried_and_fails() -> None:
    tasks = crowd(hard=4, used=4)
    tasks.arrive(3)
    tasks.tell(hard=2)
    assert states(tasks) == "t"
    tasks.answer("t0")
    assert states(tasks) == "f"


def test_one_that_should_not_fit_tries_once_in_a_while_because_what_is_known_may_be_wrong() -> None:
    tasks = crowd(hard=4)
    tasks.tell(used=4)
    for _ in range(3):
        tasks.arrive()
    tasks.pass_time(19)
    assert states(tasks) == "www"
    tasks.pass_time(1)
    assert states(tasks) == "tww"
    tasks.answer("t0")
    assert states(tasks) == "rtt"  # what is known was wrong, and is not believed until it changes


def test_one_that_is_refused_as_expected_does_not_try_again_soon() -> None:
    tasks = crowd(hard=1)
    for _ in range(3):
        tasks.arrive()
    tasks.answer("t0")
    for refusals in range(1, 4):
        tasks.pass_time(20)
        assert states(tasks) == "rtw"
        tasks.answer("t1")
        assert (states(tasks), tasks.refusals) == ("rww", refusals)


def test_room_that_is_none_is_believed_only_a_few_times() -> None:
    tasks = crowd(hard=1, used=1)
    tasks.tell(used=0)
    tasks.arrive()
    for _ in range(10):
        if tasks.members["t0"].state == "trying":
            tasks.answer("t0")
        tasks.tell(used=0)
    assert tasks.refusals == 3


def test_news_that_change_nothing_wake_nobody() -> None:
    tasks = crowd(hard=1, used=1)
    tasks.arrive()
    tasks.arrive()
    for _ in range(3):
        tasks.room.namespaces.hear(RESOURCE_QUOTAS, quota({"requests.cpu": 1}, {"requests.cpu": 1}))
        tasks.room.heard(NAMESPACE, tasks.now)
        assert tasks.room.called() == []


@pytest.mark.parametrize("junk", ["nope", None, {"cpu": []}])
def test_what_is_no_object_is_tried_because_the_api_server_says_best_what_is_wrong(junk: Any) -> None:
    tasks = crowd(hard=1, used=1)
    tasks.tell_range({"type": "Container", "max": {"cpu": "1"}})
    member = tasks.arrive()
    manifest = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": junk}}}]}}
    applicant = Applicant("junk", member.applicant.ref)
    assert tasks.room.ask(applicant, manifest, SETTINGS, START) is None
    assert tasks.room.refused(applicant, manifest, {}, SETTINGS, START).overloaded


# --- Without -------------------------------------------------------------------------------------------------------


def test_who_can_not_see_quotas_learns_by_being_refused() -> None:
    tasks = crowd(hard=2, told=False)
    for _ in range(4):
        tasks.arrive()
    assert states(tasks) == "tttt"
    for uid in tasks.those("trying"):
        tasks.answer(uid)
    assert (states(tasks), tasks.refusals) == ("rrww", 2)


def test_when_the_gate_opens_one_tries_and_its_success_lets_two_try_then_four() -> None:
    tasks = crowd(hard=1, used=1, told=False)
    tasks.arrive()
    tasks.answer("t0")
    for _ in range(9):
        tasks.arrive()
    assert states(tasks) == "w" * 10
    tasks.hard, seen = 100, []
    tasks.pass_time(1)
    while trying := tasks.those("trying"):
        seen.append(len(trying))
        for uid in trying:
            tasks.answer(uid)
            break
    assert seen[:3] == [1, 2, 4]
    assert states(tasks) == "r" * 10


def test_a_refusal_of_the_one_who_tries_keeps_all_others_waiting_longer() -> None:
    tasks = crowd(hard=1, used=1, told=False)
    tasks.arrive()
    tasks.answer("t0")
    for _ in range(4):
        tasks.arrive()
    waits = []
    for _ in range(6):
        wait = tasks.members["t0"].wait
        assert wait is not None
        waits.append(round((wait.wake_at - tasks.now).total_seconds()))
        tasks.pass_time(waits[-1])
        assert tasks.those("trying") == ["t0"]
        tasks.answer("t0")
    assert waits == [1, 2, 4, 8, 16, 20]


def test_while_the_api_server_is_overloaded_nobody_tries() -> None:
    tasks = crowd(hard=100, told=False)
    tasks.arrive()
    tasks.overload("t0")
    small = tasks.arrive()
    assert states(tasks) == "ww"
    assert small.wait is not None
    assert small.wait.overloaded
    tasks.pass_time(1)
    assert states(tasks) == "tw"


# --- Order -----------------------------------------------------------------------------------------------------------


def granted(tasks: Crowd) -> list[str]:
    """Who gets in, in order, as each one's pod ends before the next."""
    before = len(tasks.granted)
    for _ in range(20):
        for uid in tasks.those("trying"):
            tasks.answer(uid)
        for uid in tasks.those("running"):
            tasks.end(uid)
        tasks.tell()
    return tasks.granted[before:]


def test_the_older_goes_first_and_a_higher_priority_before() -> None:
    tasks = crowd(hard=1)
    tasks.arrive()
    tasks.answer("t0")
    tasks.arrive(created="2030-01-01T00:00:03Z")
    tasks.arrive(created="2030-01-01T00:00:01Z")
    tasks.arrive(created="2030-01-01T00:00:01Z")
    tasks.arrive(created="2030-01-01T00:00:09Z", priority=1)
    assert granted(tasks) == ["t4", "t2", "t3", "t1"]


def test_a_priority_that_is_raised_counts_at_once() -> None:
    tasks = crowd(hard=1, used=1)
    tasks.arrive()
    tasks.arrive()
    member = tasks.members["t1"]
    member.applicant = type(member.applicant)(member.applicant.uid, member.applicant.ref, priority=5)
    tasks.ask("t1")
    tasks.used = 0
    assert granted(tasks) == ["t1", "t0"]


def test_queues_take_turns() -> None:
    tasks = crowd(hard=1)
    tasks.arrive()
    tasks.answer("t0")
    for queue in "aaaab":
        tasks.arrive(queue=queue)
    assert granted(tasks) == ["t1", "t5", "t2", "t3", "t4"]


def test_who_was_refused_keeps_its_place() -> None:
    tasks = crowd(hard=1, told=False)
    for _ in range(2):
        tasks.arrive()
    tasks.answer("t1")
    tasks.answer("t0")
    tasks.arrive()
    assert tasks.line is not None
    assert [ticket.uid for ticket in tasks.line.in_order()] == ["t0", "t2"]


def test_a_smaller_one_may_pass_one_that_does_not_fit() -> None:
    tasks = crowd(hard=4, used=2)
    tasks.arrive(3)
    tasks.arrive(3)
    tasks.arrive(1)
    assert states(tasks) == "wwt"


def test_one_of_the_same_size_may_not_pass() -> None:
    tasks = crowd(hard=4, told=False)
    tasks.used = 2
    tasks.arrive(3)
    tasks.answer("t0")
    tasks.arrive(3)
    tasks.arrive(2)
    assert states(tasks) == "wwt"


def test_nobody_is_passed_for_ever() -> None:
    tasks = crowd(hard=4, used=2)
    tasks.arrive(4)
    for _ in range(2 * MOST_PASSES):
        small = tasks.arrive(1)
        if small.state != "trying":
            break
        tasks.answer(small.applicant.uid)
        tasks.end(small.applicant.uid)
        tasks.tell()
    assert len(tasks.those("ended")) == MOST_PASSES
    tasks.used = 0
    tasks.tell()
    assert tasks.members["t0"].state == "trying"


# --- Leaving ---------------------------------------------------------------------------------------------------------


def test_who_leaves_lets_the_next_one_in_and_gives_its_promise_back() -> None:
    tasks = crowd(hard=1)
    for _ in range(3):
        tasks.arrive()
    tasks.leave("t0")
    assert states(tasks) == "ftw"


def test_whoever_is_called_and_does_not_come_keeps_nobody_waiting() -> None:
    tasks = crowd(hard=1, used=1)
    tasks.arrive()
    tasks.arrive()
    absent = tasks.members["t0"]
    absent.state = "failed"  # it is gone, and nobody has said so
    tasks.used = 0
    tasks.tell()
    assert states(tasks) == "fw"
    tasks.now += ABSENT + timedelta(seconds=1)
    tasks.tell()
    assert states(tasks) == "ft"


def test_nothing_is_remembered_of_those_who_are_through() -> None:
    tasks = crowd(hard=2)
    for _ in range(6):
        tasks.arrive()
    granted(tasks)
    assert tasks.room.lines == {}
    assert tasks.room._places == {}
    assert (tasks.room.waiting, tasks.room.closed_gates) == (0, 0)


@pytest.mark.parametrize("told", [True, False])
def test_a_task_that_nothing_keeps_waiting_leaves_no_trace(told: bool) -> None:
    tasks = crowd(hard=100, told=told)
    tasks.arrive()
    tasks.answer("t0")
    assert tasks.room.lines == {}
    tasks.end("t0")
    assert tasks.room._places == {}
    assert tasks.now == START
