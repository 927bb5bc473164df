"""Failure budgets: how often a task is tried again, and whether it may still be interrupted.

Every failed attempt spends exactly one budget:

* *user*: the task's own failures. ``maxAttempts`` attempts may end so.
* *system*: failures of the platform – a node that went away, an object that was deleted.
* *interruptions*: a system failure ``Interrupted`` of an attempt that was allowed to be interrupted.

System failures and interruptions are counted apart but limited together, as in Flyte's propeller: no more than
``plugin-manager.retries.system`` of both are tried again, and when they reach the interruptible threshold the task no
longer runs interruptibly – with Flyte's defaults (3 and -1) the last attempt does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pluginmachinery.config import Configuration
from pluginmachinery.core.phases import ErrorKind, ExecutionError
from pluginmachinery.core.values import value_class

INTERRUPTED = "Interrupted"


class Budget(StrEnum):
    USER = "user"
    SYSTEM = "system"
    INTERRUPTIONS = "interruptions"


@value_class
class Failures:
    """Failed attempts so far, by the budget that each spent."""

    user: int = 0
    system: int = 0
    interruptions: int = 0

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Failures:
        spent = status.get("failures") or {}
        return cls(spent.get("user", 0), spent.get("system", 0), spent.get("interruptions", 0))

    @property
    def of_platform(self) -> int:
        return self.system + self.interruptions

    @property
    def all(self) -> int:
        return self.user + self.of_platform

    def and_one(self, budget: Budget) -> Failures:
        return Failures(
            self.user + (budget is Budget.USER),
            self.system + (budget is Budget.SYSTEM),
            self.interruptions + (budget is Budget.INTERRUPTIONS),
        )

    def as_status(self) -> dict[str, int]:
        counts = {"user": self.user, "system": self.system, "interruptions": self.interruptions}
        return {name: count for name, count in counts.items() if count}


@value_class
class Budgets:
    """What a task may spend.

    ``interruptible_threshold`` is the number of platform failures after which a task is no longer interruptible; zero
    and negative numbers count back from the last attempt. ``ignore_cause`` counts all failures against
    ``max_attempts``.
    """

    max_attempts: int = 1
    system_retries: int = 3
    interruptible_threshold: int = -1
    ignore_cause: bool = False

    @classmethod
    def of(cls, config: Configuration, max_attempts: int) -> Budgets:
        ours, flyte = config.plugin_manager.retries, config.propeller.node_config
        return cls(
            max_attempts=max_attempts,
            system_retries=flyte.max_node_retries_system_failures if ours.system is None else ours.system,
            interruptible_threshold=(
                flyte.interruptible_failure_threshold
                if ours.interruptible_threshold is None
                else ours.interruptible_threshold
            ),
            ignore_cause=flyte.ignore_retry_cause,
        )

    def allow_another(self, failures: Failures, spent: Budget) -> bool:
        """May there be another attempt after these failures, the last of which spent this budget?"""
        if self.ignore_cause:
            return failures.all < self.max_attempts
        if spent is Budget.USER:
            return failures.user < self.max_attempts
        return failures.of_platform <= self.system_retries

    def allow_interruption(self, failures: Failures) -> bool:
        """May the next attempt of an interruptible task be interrupted?"""
        if self.ignore_cause:
            return failures.all == 0 or failures.all < self.interruptible_failures(self.max_attempts)
        return failures.of_platform < self.interruptible_failures(self.system_retries + 1)

    def interruptible_failures(self, attempts: int) -> int:
        """How many failures something with so many attempts may have and still be interrupted."""
        threshold = self.interruptible_threshold
        return threshold if threshold > 0 else attempts + threshold


def budget_of(error: ExecutionError, *, interruptible: bool) -> Budget:
    """The one budget that this failure spends."""
    if error.kind is not ErrorKind.SYSTEM:
        return Budget.USER
    return Budget.INTERRUPTIONS if interruptible and error.code == INTERRUPTED else Budget.SYSTEM


MAX_ERRORS = 10
"""Errors in a row (the API server or the store can not be used, a phase can not be read) that make a system failure."""
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0


def error_delay(count: int, jitter: float) -> float:
    """Seconds to wait after this many errors in a row; ``jitter`` (0 … 1) spreads tasks by up to a quarter."""
    return min(_FIRST_DELAY * 2.0 ** (count - 1), _LONGEST_DELAY) * (1 + jitter / 4)
