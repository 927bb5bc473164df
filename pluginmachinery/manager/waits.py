"""Waits in words: what a person reads of a task that waits, and what a program does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from pluginmachinery.core.actions import Refused
from pluginmachinery.core.phases import ExecutionError, PhaseInfo, Waiting, waiting_for_resources
from pluginmachinery.manager.quotas import QuotaRefusal, Shortage, described
from pluginmachinery.manager.waiting_room import Applicant, Wait


def waiting(wait: Wait, applicant: Applicant) -> PhaseInfo:
    """It has to wait, as far as we know."""
    if wait.overloaded:
        return _waiting("waiting: the API server asks for quiet", wait, applicant, ())
    if wait.shortages:
        where = f"in namespace {applicant.ref.namespace}"
        return _waiting(f"waiting for {described(wait.shortages)} {where}", wait, applicant, wait.shortages)
    return _waiting(f"waiting for its turn in namespace {applicant.ref.namespace}", wait, applicant, ())


def refused(wait: Wait, applicant: Applicant, refusal: Refused, quota: QuotaRefusal | None) -> PhaseInfo:
    """The API server said so."""
    if quota is None:
        return _waiting(f"waiting: {refusal.message}", wait, applicant, ())
    reason = f"waiting for {quota} in namespace {applicant.ref.namespace}"
    return _waiting(reason, wait, applicant, quota.shortages)


def outside_limits(error: ExecutionError, namespace: str, violations: Iterable[str]) -> ExecutionError:
    """The API server's refusal of what lies outside a LimitRange, with what is to be done about it."""
    which = "; ".join(violations) or "a LimitRange"
    mend = f"ask for resources within its bounds, or have it changed (kubectl describe limitrange -n {namespace})"
    return dataclasses.replace(
        error, message=f"namespace {namespace} never admits this: {which}: {mend}. {error.message}"
    )


def _waiting(reason: str, wait: Wait, applicant: Applicant, shortages: Iterable[Shortage]) -> PhaseInfo:
    if wait.position:
        line = f"line of queue {applicant.queue}" if applicant.queue else "line"
        reason = f"{reason}; {_ordinal(wait.position)} in {line}"
    resources = tuple(_resource(shortage) for shortage in shortages)
    return waiting_for_resources(reason, waiting=Waiting(wait.position, applicant.queue, resources))


def _resource(shortage: Shortage) -> Mapping[str, str]:
    """What is short, without what is free at the moment."""
    told = {"quota": shortage.quota, "resource": shortage.resource, "requested": str(shortage.wanted)}
    return told if shortage.hard is None else {**told, "hard": str(shortage.hard)}


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"
