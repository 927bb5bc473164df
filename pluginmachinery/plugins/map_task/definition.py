"""The definition of a map task: how many sub-tasks, how many have to succeed, how many may run at a time.

Tasks of version 0 say it in their ``custom``. Since then the inputs do: those that are lists have one element for each
sub-task, the others are given to all. Source: ``array.DetermineDiscoverability`` and ``core.ToArrayJob``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyteidl.plugins.array_job_pb2 import ArrayJob

from pluginmachinery.core.errors import PluginError, bad_task
from pluginmachinery.plugins.custom import read_custom

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import LiteralMap
    from flyteidl.core.tasks_pb2 import TaskTemplate

UNEVEN_INPUTS = "UnevenInputs"
"""The cause of a failure: lists of different lengths."""
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Definition:
    """``parallelism``: sub-tasks at a time, 0 for all."""

    size: int
    min_successes: int
    parallelism: int


def job_of(template: TaskTemplate) -> ArrayJob:
    """What ``custom`` says; without one it is a single sub-task that has to succeed.

    Raises PluginError ``BadTaskSpecification``.
    """
    if template.HasField("custom"):
        return read_custom(template, ArrayJob)
    if template.task_type_version == 0:
        return ArrayJob(size=1, min_successes=1)
    return ArrayJob(size=1, min_success_ratio=1.0)


def size_is_given(template: TaskTemplate) -> bool:
    """Does the template itself say how many sub-tasks there are? Otherwise the inputs are needed."""
    return bool(template.task_type_version == 0)


def define(template: TaskTemplate, inputs: LiteralMap | None) -> Definition:
    """Raises PluginError: ``BadTaskSpecification``, or ``UnevenInputs``."""
    job = job_of(template)
    if size_is_given(template):
        size, min_successes = job.size, job.min_successes
    else:
        size = _length_of_lists(inputs)
        min_successes = _share(job.min_success_ratio, size)
    if size < 0 or job.parallelism < 0:
        raise bad_task("size and parallelism can not be negative", field="custom")
    return Definition(size, min_successes, job.parallelism)


def _share(ratio: float, size: int) -> int:
    share = ratio * size
    if not -_MOST <= share <= _MOST:  # NaN is in no range
        raise bad_task(
            f"minSuccessRatio has to be a part of the sub-tasks, not {ratio}", field="custom.minSuccessRatio"
        )
    return math.ceil(share)


def _length_of_lists(inputs: LiteralMap | None) -> int:
    lengths = {
        len(literal.collection.literals)
        for literal in (inputs.literals.values() if inputs is not None else ())
        if literal.WhichOneof("value") == "collection"
    }
    if not lengths:
        raise bad_task("no input is a list, so the number of sub-tasks is not known", field="inputs")
    if len(lengths) > 1:
        raise PluginError(
            UNEVEN_INPUTS, f"the lists among the inputs differ in length: {', '.join(map(str, sorted(lengths)))}"
        )
    return lengths.pop()
