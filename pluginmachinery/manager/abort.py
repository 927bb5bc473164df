"""Abort: stop the object of an attempt that shall not go on.

It is deleted, unless its plugin knows better (:class:`~pluginmachinery.core.plugins.AbortOverride`): then it is patched
or updated, and deleted only if that fails. Source: ``PluginManager.Abort``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pluginmachinery.core.actions import (
    Delete,
    Done,
    Found,
    ObjectRef,
    Observation,
    Observe,
    Patch,
    Result,
)
from pluginmachinery.core.phases import ErrorKind, ExecutionError
from pluginmachinery.core.plugins import AbortBehavior
from pluginmachinery.manager import refusals
from pluginmachinery.manager.plugin_states import Next, Step

BAD_ABORT_BEHAVIOR = "BadAbortBehavior"

OnAbort = Callable[[Mapping[str, Any]], AbortBehavior]


def next_step(
    ref: ObjectRef,
    step: Step | None,
    observation: Observation,
    *,
    on_abort: OnAbort | None,
    is_own: Callable[[Mapping[str, Any]], bool],
) -> Next:
    """Go on from this step (None, or another's: begin) with the results of its actions.

    ``on_abort`` is the plugin's own way; it is asked about the object as it is. What it raises is let through.
    """
    if step is not None and step.of == "abort":
        if step.name == "delete" and (deleted := observation.result_of(Delete)) is not None:
            return _over(deleted, "the object could not be deleted")
        if step.name in ("change", "change-or-delete") and (changed := observation.result_of(Patch)) is not None:
            return _changed(ref, step, changed)
    if on_abort is None:
        return _delete(ref)
    match observation.object(ref):
        case None:
            return Next(Step("abort", "look"), (Observe(ref),))
        case Found(manifest):
            return _apply(ref, on_abort(manifest)) if is_own(manifest) else Next()
        case result:
            return _over(result, "the object could not be looked up")


def _apply(ref: ObjectRef, behavior: AbortBehavior) -> Next:
    if behavior.delete:
        return _delete(ref)
    step = Step("abort", "change-or-delete" if behavior.delete_on_error else "change")
    if behavior.patch is not None and behavior.update is None:
        return Next(step, (Patch(ref, behavior.patch),))
    if behavior.update is not None and behavior.patch is None:
        return Next(step, (Patch(ref, behavior.update, method="update"),))
    if behavior.delete_on_error:
        return _delete(ref)
    return Next(
        error=ExecutionError(
            BAD_ABORT_BEHAVIOR,
            "an abort behavior that does not delete has either a patch or an update, not both and not none",
            ErrorKind.SYSTEM,
        )
    )


def _changed(ref: ObjectRef, step: Step, result: Result) -> Next:
    if isinstance(result, Done) or refusals.is_not_there(result):
        return Next()
    if step.name == "change-or-delete":
        return _delete(ref)
    return Next(error=refusals.as_error(result, "the object could not be changed"))


def _delete(ref: ObjectRef) -> Next:
    return Next(Step("abort", "delete"), (Delete(ref),))


def _over(result: Result, doing: str) -> Next:
    if isinstance(result, Done) or refusals.is_not_there(result):
        return Next()
    return Next(error=refusals.as_error(result, doing))
