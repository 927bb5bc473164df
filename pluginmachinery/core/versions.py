"""Phase versions: how news within one phase is told apart from the same again.

A phase is reported once per version. Plugins start at 0 and raise the version when something worth telling changes
while the phase stays. Running is left alone: there the version says whether there are log links (1) or not (0).
"""

from __future__ import annotations

from pluginmachinery.core.phases import Phase, PhaseInfo
from pluginmachinery.core.tasks import SavedPhase


def raise_version(info: PhaseInfo, saved: SavedPhase) -> PhaseInfo:
    """The phase with a version above the saved one if only its reason is new.

    To be called at the end of ``get_task_phase``. Source: ``k8s.MaybeUpdatePhaseVersion``, which also forgets
    ``cleanup_on_failure`` on the way.
    """
    if (
        info.phase is not Phase.RUNNING
        and info.phase == saved.phase
        and info.version <= saved.version
        and info.reason != saved.reason
    ):
        return info.with_version(saved.version + 1)
    return info
