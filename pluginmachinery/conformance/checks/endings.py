"""Checks of how a plugin's tasks end before their time: objects deleted by somebody, abort, finalize."""

from __future__ import annotations

from collections.abc import Iterator

from pluginmachinery.conformance.checks.subjects import Complaint, Life, Subject
from pluginmachinery.core.transitions import Transition

PATIENCE = 20
"""Looks after which a task whose objects are being deleted must have ended."""


def deletion_in_progress(subject: Subject) -> Iterator[Complaint]:
    """Objects that somebody deletes end the task: it does not wait for ever for what will not come."""
    for life in _lives(subject):
        life.begin_deletion()
        if not any(_ends(life.handle()) for _ in range(PATIENCE)):
            yield Complaint(
                "the task goes on although its object is being deleted",
                "answer a retryable failure for an object with a deletionTimestamp that has not ended",
            )
            return


def abort_twice(subject: Subject) -> Iterator[Complaint]:
    """Abort can be done at any time, and again."""
    yield from _can_be_repeated(subject, "abort")


def finalize_twice(subject: Subject) -> Iterator[Complaint]:
    """Finalize can be done at any time, and again."""
    yield from _can_be_repeated(subject, "finalize")


def _can_be_repeated(subject: Subject, verb: str) -> Iterator[Complaint]:
    never_launched = subject.life()
    for life in (never_launched, *_lives(subject)):
        objects = set(life.cluster.objects)
        transitions: list[Transition] = [getattr(life, verb)() for _ in range(3)]
        failed = next((transition.error for transition in transitions if transition.error is not None), None)
        if failed is not None:
            yield Complaint(
                f"{verb} ends with {failed.code}: {failed.message}",
                f"{verb} is repeated until it works: it must bear objects that are gone, or ending",
            )
            return
        if set(life.cluster.objects) - objects:
            yield Complaint(f"{verb} creates objects", f"{verb} only takes away")
            return
        if verb == "finalize" and (held := _held(life)):
            yield Complaint(f"finalized objects keep the finalizer {held}", "take it off: nobody else will")
            return


def _held(life: Life) -> str:
    """A finalizer of Flyte's that is left on an object."""
    finalizers = [name for each in life.cluster.objects.values() for name in each["metadata"].get("finalizers") or ()]
    return next((name for name in finalizers if name.startswith("flyte.org/")), "")


def _ends(transition: Transition) -> bool:
    """Has it ended? Errors are counted by the life cycle, so they end it too."""
    return transition.error is not None or transition.phase.phase.is_terminal


def _lives(subject: Subject) -> Iterator[Life]:
    """The example, launched, and at every step that it goes through before it ends."""
    for count in range(len(subject.example.steps) + 1):
        life = subject.life()
        if not life.launched():
            return
        for step in subject.example.steps[:count]:
            life.write_status(step.status)
            if life.handle().phase.phase.is_terminal:
                return
        yield life
