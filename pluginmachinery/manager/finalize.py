"""Finalize: let go of the object of an attempt that has ended.

The finalizer comes off, whether the platform injects one now or did when the object was made; then the object is
deleted where ``delete-resource-on-finalize`` says so. What goes wrong on the way does not keep the rest from being
tried; it is reported at the end, and the whole is tried again. Source: ``PluginManager.Finalize``.

The steps, each named after the action whose result it waits for::

    look ──▶ patch ──▶ delete ──▶ (done)
      ▲        │conflict
      └────────┘
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.core.actions import (
    Delete,
    Done,
    Found,
    Missing,
    ObjectRef,
    Observation,
    Observe,
    Patch,
    Refused,
    WakeAt,
)
from pluginmachinery.core.values import value_class
from pluginmachinery.manager import refusals
from pluginmachinery.manager.conduct import Conduct
from pluginmachinery.manager.objects import FINALIZER
from pluginmachinery.manager.plugin_states import Next, Step

_FACTOR = 2.0
_JITTER = 0.1


@value_class
class Finalization:
    """What is to be finalized, and how.

    ``finalizer_expected``: the platform injects one for this plugin. ``is_own`` judges an object of this name.
    ``seed`` makes the jitter of retries the same each time.
    """

    ref: ObjectRef
    config: K8sPluginConfig
    conduct: Conduct
    delete: bool
    finalizer_expected: bool
    is_own: Callable[[Mapping[str, Any]], bool]
    seed: str

    @property
    def tries(self) -> int:
        """How often the finalizer is tried to be removed."""
        retries = self.config.update_backoff_retries
        return max(retries, 1) if self.conduct.tidy_finalize else retries


_START = Step("finalize", "start")


def next_step(finalization: Finalization, step: Step | None, observation: Observation) -> Next:
    """Go on from this step (None, or another's: begin) with the results of its actions.

    A step whose result is not there was interrupted, and all of it begins again: every action may be done twice.
    """
    if step is not None and step.of == "finalize":
        if step.name == "patch" and (patched := observation.result_of(Patch)) is not None:
            return _patched(finalization, step, patched, observation.now)
        if step.name == "delete" and (deleted := observation.result_of(Delete)) is not None:
            return _deleted(step, deleted)
        if step.name == "look":
            return _look(finalization, step, observation)
    if finalization.tries < 1:
        return _delete(finalization, _START, None)
    return _look(finalization, _START, observation)


def _look(finalization: Finalization, step: Step, observation: Observation) -> Next:
    match observation.object(finalization.ref):
        case None:
            return Next(_at(step, "look"), (Observe(finalization.ref),))
        case Found(manifest):
            return _found(finalization, step, manifest)
        case known if refusals.is_not_there(known):
            return Next(error=step.error) if finalization.conduct.tidy_finalize else _delete(finalization, step, None)
        case refused:
            error = refusals.as_error(refused, "the object could not be looked up")
            return _delete(finalization, _at(step, "look", error=error), None)


def _found(finalization: Finalization, step: Step, manifest: Mapping[str, Any]) -> Next:
    if not finalization.is_own(manifest):
        return Next()
    metadata = manifest.get("metadata") or {}
    finalizers = metadata.get("finalizers") or ()
    if FINALIZER in finalizers or _patched_by_flyte(finalization, finalizers):
        others = [name for name in finalizers if name != FINALIZER]
        # With its UID the patch is refused if another object has taken the name since this one was seen.
        patch = {"metadata": {"uid": metadata.get("uid"), "finalizers": others or None}}
        return Next(_at(step, "patch"), (Patch(finalization.ref, patch),))
    return _delete(finalization, step, manifest)


def _patched_by_flyte(finalization: Finalization, finalizers: Any) -> bool:
    """Flyte reads the object into one that it expects to have the finalizer; an absent list then leaves it there."""
    return not finalization.conduct.tidy_finalize and finalization.finalizer_expected and not finalizers


def _patched(finalization: Finalization, step: Step, result: Any, now: datetime) -> Next:
    if isinstance(result, Refused) and refusals.meaning(result) == refusals.CONFLICT:
        tries = step.tries + 1
        if tries < finalization.tries:
            wake = WakeAt(now + _delay(finalization, tries))
            return Next(_at(step, "look", tries=tries), (wake, Observe(finalization.ref)))
    if isinstance(result, Done) or refusals.is_not_there(result):
        return _delete(finalization, step, None)
    error = refusals.as_error(result, "the finalizer could not be removed")
    return _delete(finalization, _at(step, "patch", error=error), None)


def _delay(finalization: Finalization, tries: int) -> timedelta:
    """Before the next try: doubled each time, and spread so that many tasks do not meet again."""
    base = finalization.config.update_base_backoff_duration * _FACTOR ** (tries - 1)
    spread = random.Random(f"{finalization.seed}/{tries}").random()  # noqa: S311  nothing secret: only spread
    return timedelta(milliseconds=base * (1 + _JITTER * spread))


def _delete(finalization: Finalization, step: Step, manifest: Mapping[str, Any] | None) -> Next:
    if not finalization.delete:
        return Next(error=step.error)
    if finalization.conduct.tidy_finalize and manifest is not None and manifest["metadata"].get("deletionTimestamp"):
        return Next(error=step.error)
    return Next(_at(step, "delete"), (Delete(finalization.ref),))


def _deleted(step: Step, result: Any) -> Next:
    if isinstance(result, Done | Missing) or refusals.is_not_there(result):
        return Next(error=step.error)
    return Next(error=step.error or refusals.as_error(result, "the object could not be deleted"))


def _at(step: Step, name: str, **changes: Any) -> Step:
    return dataclasses.replace(step, name=name, **changes)
