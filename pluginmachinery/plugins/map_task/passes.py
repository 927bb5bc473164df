"""Passes: work on all sub-tasks, in order and in windows.

A *pass* goes through the sub-tasks by index, begins work on those that need some, and stops when ``parallelism`` of
them are unfinished. A *window* is what is worked on side by side; its actions are one transition. Who is in flight
counts as unfinished; if it ends after all, the pass goes on from where it stopped, so the result is that of going one
by one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pluginmachinery.core.phases import ErrorKind, ExecutionError, Phase
from pluginmachinery.plugins.map_task.states import ArrayState
from pluginmachinery.plugins.map_task.work import Work, Worker

WINDOW = 100
"""Sub-tasks that are worked on side by side."""
_CAUTIOUS_WINDOW = 10
"""The same while some wait for room: most of what is asked for will be refused."""
LONGEST = 2
"""Transitions of a pass over sub-tasks, after which it pauses: what was done is shown, and an abort gets through."""
_WINDOWS_TO_CLEAN_UP = 20
"""Aborting and finalizing have to come to an end in one go: no more windows than these, three transitions each."""

_LAUNCHABLE = frozenset({Phase.UNDEFINED, Phase.WAITING_FOR_RESOURCES, Phase.RETRYABLE_FAILURE})


class Kind(StrEnum):
    CHECK = "check"
    ABORT = "abort"
    FINALIZE = "finalize"


@dataclass(slots=True)
class Progress:
    """How far a pass is.

    ``cursor``: the next sub-task. ``unfinished``: those before it that count for parallelism. ``refused``: a sub-task
    had to wait in this pass. ``changed``: phases are other than before. ``paused``: it did not go through in one go, so
    there may be news of those before the cursor. ``trouble``: told at the end.
    """

    kind: Kind
    cursor: int = 0
    unfinished: int = 0
    transitions: int = 0
    refused: bool = False
    changed: bool = False
    paused: bool = False
    trouble: ExecutionError | None = None
    work: list[Work] = field(default_factory=list)

    @classmethod
    def read(cls, written: Mapping[str, Any] | None, kind: Kind) -> Progress:
        """Of a pass of this kind; a new one where there is none, or one of another kind."""
        if written is None or written.get("kind") != kind:
            return cls(kind)
        try:
            trouble = written.get("trouble")
            return cls(
                kind=kind,
                cursor=int(written["cursor"]),
                unfinished=int(written["unfinished"]),
                transitions=int(written["transitions"]),
                refused=bool(written.get("refused")),
                changed=bool(written.get("changed")),
                paused=bool(written.get("paused")),
                trouble=None if trouble is None else ExecutionError(trouble[0], trouble[1], ErrorKind.SYSTEM),
                work=[Work.read(one) for one in written["work"]],
            )
        except (KeyError, TypeError, ValueError):
            return cls(kind)

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {
            "kind": self.kind.value,
            "cursor": self.cursor,
            "unfinished": self.unfinished,
            "transitions": self.transitions,
            "refused": self.refused,
            "changed": self.changed,
            "paused": self.paused,
            "work": [work.write() for work in self.work],
        }
        if self.trouble is not None:
            written["trouble"] = [self.trouble.code, self.trouble.message]
        return written


@dataclass(frozen=True, slots=True)
class Limits:
    """``parallelism``: unfinished sub-tasks at a time, 0 for all. ``window``: in flight. ``transitions``: how many a
    pass may have, 0 for as many as it takes. ``cautious``: after a refusal nothing more is launched in this pass."""

    parallelism: int = 0
    window: int = WINDOW
    transitions: int = 0
    cautious: bool = False

    def pause(self, progress: Progress, count: int) -> bool:
        """Does the pass pause before it is through with this many sub-tasks?"""
        return bool(self.transitions) and progress.transitions >= self.transitions and progress.cursor < count


def check(worker: Worker, progress: Progress, limits: Limits) -> bool:
    """Launch and follow sub-tasks. True: the pass is over, or pauses; False: the worker's orders come first.

    Raises Interrupted, Stop or Unbuildable.
    """

    def begin(index: int) -> Work | None:
        phase = worker.state.phases[index]
        if phase in _LAUNCHABLE:
            if limits.cautious and progress.refused:
                progress.unfinished += 1
                return None
            return worker.launch(index)
        if phase.is_terminal:
            return None
        if worker.runs_on(index):
            progress.unfinished += 1
            return None
        return worker.follow(index)

    window = limits.window
    if limits.cautious and Phase.WAITING_FOR_RESOURCES in worker.state.phases:
        window = min(window, _CAUTIOUS_WINDOW)
    return _go_on(worker, progress, begin, dataclasses.replace(limits, window=window))


def abort(worker: Worker, progress: Progress) -> bool:
    """Stop the sub-tasks that may be alive. True: it is over, well or with ``progress.trouble``."""

    def begin(index: int) -> Work | None:
        return worker.abort(index) if worker.may_be_alive(index) else None

    return _go_on(worker, progress, begin, Limits(window=_clean_up_window(worker.state)))


def finalize(worker: Worker, progress: Progress) -> bool:
    """Let go of the pods of sub-tasks that were not seen to end. True: as :func:`abort`."""

    def begin(index: int) -> Work | None:
        aborted = worker.state.phases[index] is Phase.ABORTED
        return worker.finalize(index) if aborted or worker.may_be_alive(index) else None

    return _go_on(worker, progress, begin, Limits(window=_clean_up_window(worker.state)))


def _clean_up_window(state: ArrayState) -> int:
    return max(WINDOW, math.ceil(len(state.phases) / _WINDOWS_TO_CLEAN_UP))


def _go_on(worker: Worker, progress: Progress, begin: Callable[[int], Work | None], limits: Limits) -> bool:
    flying = progress.work
    for work in flying:
        worker.advance(work)
    progress.work = []
    for work in flying:
        _keep(worker.state, progress, work)
    if progress.work:  # the whole window ends before the next one begins
        progress.transitions += 1
        return False
    count = len(worker.state.phases)
    if limits.pause(progress, count):
        return True
    while progress.cursor < count and len(progress.work) < limits.window:
        if limits.parallelism and progress.unfinished + len(progress.work) >= limits.parallelism:
            break
        index = progress.cursor
        progress.cursor += 1
        begun = begin(index)
        if begun is not None:
            _keep(worker.state, progress, begun)
    if progress.work:
        progress.transitions += 1
        return False
    return True


def _keep(state: ArrayState, progress: Progress, work: Work) -> None:
    """Work that goes on stays; what is done goes into the state."""
    if work.step:
        progress.work.append(work)
        return
    if work.trouble is not None and progress.trouble is None:
        progress.trouble = work.trouble
    if work.error is not None and work.error.kind is ErrorKind.SYSTEM:
        state.system_failures[work.index] += 1
    if state.phases[work.index] is not work.phase:
        state.phases[work.index] = work.phase
        progress.changed = True
    if work.phase is Phase.WAITING_FOR_RESOURCES:
        progress.refused = True
    if not work.phase.is_terminal or work.phase is Phase.RETRYABLE_FAILURE:
        progress.unfinished += 1
