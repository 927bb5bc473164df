"""What the plugin manager remembers of an attempt, as JSON in the status.

::

    {"started": true, "phase": "Running", "phaseVersion": 1, "reason": "",
     "step": {"of": "finalize", "name": "patch", "tries": 1}}

``step`` is there only while something goes on that takes more than one action; it says whose results the next call has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from pluginmachinery.core.actions import Action
from pluginmachinery.core.errors import PluginError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, PhaseInfo
from pluginmachinery.core.tasks import SavedPhase
from pluginmachinery.core.transitions import PluginState
from pluginmachinery.core.values import value_class

CORRUPTED_PLUGIN_STATE = "CorruptedPluginState"


@value_class
class Step:
    """Where something stands: ``of`` is handle, abort or finalize, ``name`` what was asked for last.

    ``tries`` counts what met a conflict, ``error`` is what went wrong on the way and is reported at the end.
    """

    of: str
    name: str
    tries: int = 0
    error: ExecutionError | None = None


@value_class
class Next:
    """What comes next: actions and the step they belong to; without a step it is over, well or with an error."""

    step: Step | None = None
    actions: tuple[Action, ...] = ()
    error: ExecutionError | None = None


@value_class
class ManagerState:
    """``started``: the object was created. ``saved``: the phase that was seen last."""

    started: bool = False
    saved: SavedPhase = field(default_factory=SavedPhase)
    step: Step | None = None
    last_event: str = ""
    """Order of the last event of the object that was told."""

    @classmethod
    def read(cls, state: PluginState) -> ManagerState:
        """Raises PluginError ``CorruptedPluginState`` for what :meth:`write` has not written."""
        if state is None:
            return _NOTHING_YET
        try:
            started, phase, version = state["started"], state["phase"], state["phaseVersion"]
            reason, last_event, step = state.get("reason", ""), state.get("lastEvent", ""), state.get("step")
            _check_types((started, phase, version, reason, last_event), (bool, str, int, str, str))
            saved = SavedPhase(phase, version, reason)
            return cls(started, saved, None if step is None else _read_step(step), last_event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PluginError(CORRUPTED_PLUGIN_STATE, f"the saved state can not be read: {error!r}") from error

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {
            "started": self.started,
            "phase": str(self.saved.phase),
            "phaseVersion": self.saved.version,
            "reason": self.saved.reason,
        }
        if self.last_event:
            written["lastEvent"] = self.last_event
        if self.step is not None:
            written["step"] = _write_step(self.step)
        return written

    def seen(self, info: PhaseInfo, *, started: bool) -> ManagerState:
        """With this phase as the last one, and nothing going on."""
        return ManagerState(started, SavedPhase(str(info.phase), info.version, info.reason), None, self.last_event)

    def at(self, step: Step | None) -> ManagerState:
        return ManagerState(self.started, self.saved, step, self.last_event)


_NOTHING_YET = ManagerState()


def _check_types(values: tuple[Any, ...], kinds: tuple[type, ...]) -> None:
    for value, kind in zip(values, kinds, strict=True):
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")


def _read_step(written: Mapping[str, Any]) -> Step:
    of, name, tries, error = written["of"], written["name"], written.get("tries", 0), written.get("error")
    _check_types((of, name, tries), (str, str, int))
    return Step(
        of, name, tries, None if error is None else ExecutionError(error["code"], error["message"], ErrorKind.SYSTEM)
    )


def _write_step(step: Step) -> dict[str, Any]:
    written: dict[str, Any] = {"of": step.of, "name": step.name}
    if step.tries:
        written["tries"] = step.tries
    if step.error is not None:
        written["error"] = {"code": step.error.code, "message": step.error.message}
    return written
