"""Checks of how a plugin reads its objects' statuses."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pluginmachinery.conformance.checks.subjects import Complaint, Life, Subject, as_bytes, is_defect, spoilt
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import Phase, PhaseInfo
from pluginmachinery.core.tasks import PluginContext, SavedPhase
from pluginmachinery.core.transitions import Transition

MAX_STATE = 64 * 1024
"""Bytes that a plugin's state may have: it is a part of every status write."""
LOOKS = 5

_NOT_A_PLUGINS = frozenset({Phase.NOT_READY, Phase.ABORTED})


def expected_phases(subject: Subject) -> Iterator[Complaint]:
    """Each step of the example leads to the phase that it says."""
    life = subject.life()
    if not life.launched():
        return
    for number, step in enumerate(subject.example.steps, start=1):
        life.write_status(step.status)
        transition = life.handle()
        if step.phase is not None and transition.phase.phase is not step.phase:
            told = _told(transition)
            yield Complaint(f"step {number} is {told}, expected is {step.phase}", "mend get_task_phase, or the example")
            return
        if transition.phase.phase.is_terminal:
            return


def legal_phases(subject: Subject) -> Iterator[Complaint]:
    """Phases are complete and follow each other as they may; news within one raises its version."""
    life = subject.life()
    previous = life.launch().phase
    yield from _complete(previous)
    if not life.cluster.objects:
        return
    created = life.handle().phase
    if created.phase.is_terminal:
        yield Complaint(
            f"an object without any status is {created.phase}", "what the operator has not touched has not ended"
        )
        return
    previous = created
    for step in ({}, *(step.status for step in subject.example.steps)):
        life.write_status(step)
        transition = life.handle()
        if transition.error is not None:
            continue
        info = transition.phase
        yield from _complete(info)
        yield from _following(previous, info)
        if info.phase.is_terminal:
            return
        previous = info


def same_phase_every_time(subject: Subject) -> Iterator[Complaint]:
    """The same object gives the same phase, and reading it changes nothing."""
    for resource in _resources(subject):
        before = copy.deepcopy(resource)
        if _phase(subject, resource) != _phase(subject, resource):
            yield Complaint("two looks at the same object differ", "use context.task.now in place of clocks")
            return
        if resource != before:
            yield Complaint("get_task_phase changes the object", "it belongs to a cache: copy what is to be changed")
            return


def unknown_status(subject: Subject) -> Iterator[Complaint]:
    """Fields of the status that the plugin does not know change nothing: operators get newer."""
    for resource in _resources(subject):
        newer = {
            **resource,
            "status": {**resource["status"], "fieldThatComesWithALaterVersion": {"deep": [1, "two"]}},
        }
        if _meaning(_phase(subject, newer)) != _meaning(_phase(subject, resource)):
            yield Complaint("an unknown field of the status changes the phase", "ignore what is not known")
            return


def junk_status(subject: Subject) -> Iterator[Complaint]:
    """Whatever stands in an object, it becomes a phase or a PluginError."""
    if subject.kubernetes is None:
        return
    for what, resource in _spoilt_resources(subject):
        try:
            info = _phase(subject, resource)
            if isinstance(info, PhaseInfo):
                continue
            message = f"{what}: get_task_phase gives {type(info).__name__}, not a PhaseInfo"
        except Exception as error:
            message = f"{what}: {type(error).__name__}: {error}"
        yield Complaint(message, "read statuses with pluginmachinery.pods.fields, which raises PluginError")
        return


def state_stays_small(subject: Subject) -> Iterator[Complaint]:
    """Looking again at what has not changed changes nothing: no version, no reason, no state that grows."""
    life = subject.life()
    if not life.launched():
        return
    for step in subject.example.steps:
        life.write_status(step.status)
        life.handle()  # takes notice
        first = life.handle()
        if first.phase.phase.is_terminal or first.error is not None:
            break
        known = life.state
        for _ in range(LOOKS):
            again = life.handle()
        if again.phase.version != first.phase.version or life.state != known:
            yield Complaint(
                f"looking at the same status again raises the version ({first.phase.version} to"
                f" {again.phase.version}) or changes the state",
                "a reason must not hold times or counters; raise versions with pluginmachinery.core.versions",
            )
            return
    size = len(as_bytes(life.state))
    if size > MAX_STATE:
        yield Complaint(f"the state has {size} bytes", f"at most {MAX_STATE}: keep what can not be found out again")


def junk_state(subject: Subject) -> Iterator[Complaint]:
    """A state that is not the plugin's own – of another version, cut off – is a transition or a PluginError."""
    life = subject.life()
    life.launch()
    states = [state for _, state in spoilt(life.state)] if life.state else []
    for state in ({}, {"junk": ["junk"]}, *states):
        for verb in ("handle", "abort", "finalize"):
            other = subject.life()
            other.state = state
            try:
                transition = getattr(other, verb)()
            except PluginError:
                continue
            except Exception as error:
                yield Complaint(f"{verb} with the state {state}: {type(error).__name__}: {error}", _STATE_MEND)
                return
            if is_defect(transition.error):
                yield Complaint(f"{verb} with the state {state}: {transition.error}", _STATE_MEND)
                return


_STATE_MEND = "check the state as you read it: it may have been written by another version"


def typed_errors(subject: Subject) -> Iterator[Complaint]:
    """What a core plugin's verbs meet never comes out as an exception, nor a Kubernetes plugin's as a defect."""
    life = subject.life()
    for transition in (life.launch(), *_lived(life, subject)):
        if is_defect(transition.error) and transition.error is not None:
            yield Complaint(transition.error.message, "raise PluginError for what can not be worked with")
            return


def _lived(life: Life, subject: Subject) -> Iterator[Transition]:
    for step in subject.example.steps:
        life.write_status(step.status)
        yield life.handle()


def _complete(info: PhaseInfo) -> Iterator[Complaint]:
    """Is this phase what the rest of the machinery relies on?"""
    if info.phase in _NOT_A_PLUGINS:
        yield Complaint(f"it answers {info.phase}, which is not a plugin's to say", "see pluginmachinery.core.phases")
    if info.phase.is_failure and (info.error is None or not info.error.code):
        yield Complaint(
            f"{info.phase} without an error code", "make failures with retryable_failure, permanent_failure"
        )
    if not info.phase.is_failure and info.error is not None:
        yield Complaint(f"{info.phase} with the error {info.error.code}", "only failures have errors")
    if info.version < 0:
        yield Complaint(f"version {info.version}", "versions begin at 0")
    for moment in (info.info.occurred_at, info.info.reported_at):
        if moment is not None and moment.tzinfo is None:
            yield Complaint("a time without its zone", "times are in UTC: pluginmachinery.pods.fields.moment")
    try:
        as_bytes([info.info.logs, info.info.custom_info])
    except TypeError as error:
        yield Complaint(f"logs or custom_info are not plain JSON: {error}", "use dicts, lists, texts and numbers")


def _following(previous: PhaseInfo, info: PhaseInfo) -> Iterator[Complaint]:
    if info.phase is not previous.phase or info.phase is Phase.RUNNING:
        return
    if info.reason != previous.reason and info.version <= previous.version:
        yield Complaint(
            f"{info.phase} has a new reason ({info.reason!r}) and no higher version: nobody is told",
            "end get_task_phase with pluginmachinery.core.versions.raise_version",
        )


def _resources(subject: Subject) -> Iterator[dict[str, Any]]:
    """The object at every step, as the API server has it."""
    if subject.kubernetes is None:
        return
    life = subject.life()
    if not life.launched():
        return
    for status in ({}, *(step.status for step in subject.example.steps)):
        life.write_status(status)
        (manifest,) = life.cluster.objects.values()
        yield copy.deepcopy(manifest)


def _spoilt_resources(subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in _resources(subject):
        yield "status=None", {**resource, "status": None}
        yield "no spec", {key: value for key, value in resource.items() if key != "spec"}
        for what, status in spoilt(resource["status"]):
            yield f"status.{what}", {**resource, "status": status}


def _phase(subject: Subject, resource: Mapping[str, Any]) -> Any:
    """The phase, or the code of the PluginError."""
    plugin = subject.kubernetes
    assert plugin is not None
    try:
        return plugin.get_task_phase(PluginContext(subject.task, SavedPhase("Queued")), resource)
    except PluginError as error:
        return PhaseInfo(Phase.UNDEFINED, reason=f"{error.code}: {error.message}")


def _meaning(info: PhaseInfo) -> tuple[Any, ...]:
    """The phase without what is only shown."""
    return info.phase, info.version, info.reason, info.error, info.info.logs


def _told(transition: Transition) -> str:
    error = transition.error or transition.phase.error
    return f"{transition.phase.phase}{f' ({error.code}: {error.message})' if error else ''}"
