"""Phase versions: how news within one phase is told apart from the same again.

A phase is reported once per version. Plugins start at 0 and raise the version when something worth telling changes
while the phase stays. Running is left alone: there the version says whether there are log links (1) or not (0).
"""

from __future__ import annotations

from pluginmachinery.core.phases import ErrorKind, Phase, PhaseInfo, permanent_failure
from pluginmachinery.core.tasks import SavedPhase

TOO_MANY_PHASE_VERSIONS = "TooManyPluginPhaseVersions"


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


def cap_version(info: PhaseInfo, saved: SavedPhase, limit: int) -> PhaseInfo:
    """The phase, or a permanent failure if it brings news within one phase more often than ``limit`` allows.

    ``limit`` is ``tasks.max-plugin-phase-versions``. Each version costs a write; a reason that never settles would cost
    them for ever.
    """
    if info.phase != saved.phase or info.version == saved.version or info.version <= limit:
        return info
    return permanent_failure(
        TOO_MANY_PHASE_VERSIONS,
        f"the plugin reported news within phase {info.phase} more than {limit} times (tasks.max-plugin-phase-versions)",
        kind=ErrorKind.SYSTEM,
    )
