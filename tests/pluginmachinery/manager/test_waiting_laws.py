"""Laws of waiting, in any order of events: nobody waits for ever, nobody overtakes, no crowd rushes the API server."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pluginmachinery.manager.waiting_lines import MOST_PASSES
from tests.pluginmachinery.manager.crowds import Crowd

QUEUES = ["", "a", "b"]


class LifeOfACrowd(RuleBasedStateMachine):
    """``sizes``: one size for all makes overtaking visible, several allow passing."""

    @initialize(
        hard=st.integers(1, 4),
        largest=st.sampled_from([1, 3, 5]),
        queues=st.integers(1, 3),
        priorities=st.integers(0, 2),
        told=st.booleans(),
    )
    def begin(self, hard: int, largest: int, queues: int, priorities: int, told: bool) -> None:
        self.crowd = Crowd(hard=hard)
        self.largest, self.queues, self.priorities = largest, QUEUES[:queues], priorities
        self.told = told
        if told:
            self.crowd.tell()

    @rule(data=st.data())
    def somebody_arrives(self, data: st.DataObject) -> None:
        self.crowd.arrive(
            data.draw(st.integers(1, self.largest)),
            priority=data.draw(st.integers(0, self.priorities)),
            queue=data.draw(st.sampled_from(self.queues)),
        )

    @precondition(lambda self: self.crowd.those("trying"))
    @rule(data=st.data(), overloaded=st.sampled_from([False, False, False, True]))
    def the_api_server_answers(self, data: st.DataObject, overloaded: bool) -> None:
        uid = data.draw(st.sampled_from(self.crowd.those("trying")))
        (self.crowd.overload if overloaded else self.crowd.answer)(uid)

    @precondition(lambda self: self.crowd.those("running"))
    @rule(data=st.data())
    def a_pod_ends(self, data: st.DataObject) -> None:
        self.crowd.end(data.draw(st.sampled_from(self.crowd.those("running"))))

    @precondition(lambda self: self.told)
    @rule()
    def the_watch_tells(self) -> None:
        self.crowd.tell()

    @precondition(lambda self: self.told)
    @rule(used=st.integers(0, 5))
    def the_watch_tells_what_is_not_so(self, used: int) -> None:
        self.crowd.tell(used=used)

    @rule(seconds=st.sampled_from([0.5, 1, 5, 20, 100]))
    def time_passes(self, seconds: float) -> None:
        self.crowd.pass_time(seconds)

    @precondition(lambda self: self.crowd.those("waiting", "trying"))
    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        self.crowd.leave(data.draw(st.sampled_from(self.crowd.those("waiting", "trying"))))

    @invariant()
    def nobody_is_passed_too_often(self) -> None:
        if self.crowd.line is not None:
            assert all(ticket.passed <= MOST_PASSES for ticket in self.crowd.line.tickets.values())

    @invariant()
    def whoever_waits_has_a_place_and_a_time(self) -> None:
        for uid in self.crowd.those("waiting"):
            wait, line = self.crowd.members[uid].wait, self.crowd.line
            assert wait is not None
            assert line is not None
            assert uid in line.tickets

    def teardown(self) -> None:
        """Left in peace, even with a watch that says nothing any more, everybody gets in or never can."""
        if not hasattr(self, "crowd"):
            return
        crowd = self.crowd
        for _ in range(40 * (len(crowd.members) + 1)):
            for uid in crowd.those("trying"):
                crowd.answer(uid)
            for uid in crowd.those("running"):
                crowd.end(uid)
            if not crowd.those("waiting", "trying"):
                break
            crowd.pass_time(5)
        assert not crowd.those("waiting", "trying")


TestLifeOfACrowd = LifeOfACrowd.TestCase
TestLifeOfACrowd.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


@given(
    hard=st.integers(1, 3),
    sizes=st.integers(1, 2),
    told=st.booleans(),
    priorities=st.lists(st.integers(0, 2), min_size=1, max_size=12),
)
@settings(max_examples=100, deadline=None)
def test_of_equal_size_nobody_overtakes_its_elder_of_equal_or_higher_priority(
    hard: int, sizes: int, told: bool, priorities: list[int]
) -> None:
    size = min(sizes, hard)
    crowd = Crowd(hard=hard, used=hard)
    if told:
        crowd.tell()
    for priority in priorities:
        crowd.arrive(size, priority=priority)
    for uid in crowd.those("trying"):
        crowd.answer(uid)
    crowd.used = 0
    if told:
        crowd.tell()
    order: list[str] = []
    for _ in range(60):
        while trying := crowd.those("trying"):
            first = max(trying, key=crowd.granted[::-1].index)
            crowd.answer(first)
            order += [first] if crowd.members[first].state == "running" else []
        for uid in crowd.those("running"):
            crowd.end(uid)
        if told:
            crowd.tell()
        crowd.pass_time(1)
    assert order == sorted(order, key=lambda uid: (-priorities[int(uid[1:])], int(uid[1:])))
    assert len(order) == len(priorities)


@given(waiting=st.integers(1, 20), answers=st.lists(st.booleans(), max_size=40))
@settings(max_examples=100, deadline=None)
def test_after_a_refusal_one_tries_and_only_successes_let_more(waiting: int, answers: list[bool]) -> None:
    crowd = Crowd(hard=0, used=0)
    crowd.hard, crowd.used = 10**6, 10**6
    crowd.arrive()
    crowd.answer("t0")
    for _ in range(waiting):
        crowd.arrive()
    assert crowd.those("trying") == []
    allowed = 1
    for success in answers:
        crowd.pass_time(20)
        trying = crowd.those("trying")
        assert len(trying) <= allowed
        if not trying:
            return
        crowd.used = 0 if success else crowd.hard
        crowd.answer(trying[0])
        allowed = allowed * 2 if success else max(1, len(trying) - 1)
