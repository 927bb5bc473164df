"""The specification: all checks, in the order in which an author wants to hear of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pluginmachinery.conformance.checks import building, declarations, endings, statuses
from pluginmachinery.conformance.checks.subjects import Complaint, Subject

Check = Callable[[Subject], Iterator[Complaint]]

CHECKS: tuple[Check, ...] = (
    declarations.contract,
    declarations.kind,
    declarations.longest_name,
    building.builds,
    building.launches,
    building.same_every_time,
    building.nothing_changed,
    building.names_fit,
    building.unknown_custom,
    building.junk_task,
    statuses.expected_phases,
    statuses.legal_phases,
    statuses.same_phase_every_time,
    statuses.unknown_status,
    statuses.junk_status,
    statuses.state_stays_small,
    statuses.junk_state,
    statuses.typed_errors,
    endings.deletion_in_progress,
    endings.abort_twice,
    endings.finalize_twice,
)
