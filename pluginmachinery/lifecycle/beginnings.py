"""How tasks and attempts begin: first sight, suspension, and what must be there before a launch."""

from __future__ import annotations

import contextlib

from pluginmachinery.api import names
from pluginmachinery.api.contexts import BAD_TASK_EXECUTION
from pluginmachinery.core.actions import Files, ReadFiles, Refused, WriteInputs
from pluginmachinery.core.errors import PluginError, PluginMachineryError
from pluginmachinery.core.phases import ErrorKind, ExecutionError, permanent_failure
from pluginmachinery.lifecycle import deadlines, endings, inputs, statuses
from pluginmachinery.lifecycle.budgets import Failures
from pluginmachinery.lifecycle.turns import PLUGIN_NOT_AVAILABLE, Decision, Turn
from pluginmachinery.manager import outcomes
from pluginmachinery.plugins.enabling import cleaned

INPUTS_NOT_WRITTEN = "InputsNotWritten"


def accepted(turn: Turn) -> Decision | None:
    """First sight: find the plugin, refuse what can not be run."""
    if "phase" in turn.status:
        return None
    statuses.accept(turn.status, turn.now)
    try:
        _check(turn)
    except PluginError as error:
        return refuse(turn, error.code, error.message)
    except PluginMachineryError as error:
        return refuse(turn, getattr(error, "code", PLUGIN_NOT_AVAILABLE), str(error))
    return None


def accept_for_clean_up(turn: Turn) -> None:
    """First sight of a task that is to end: only its plugin matters, and that only if it has left something."""
    if "phase" not in turn.status:
        statuses.accept(turn.status, turn.now)
    if "plugin" not in turn.status:
        with contextlib.suppress(PluginMachineryError):
            turn.status["plugin"] = _plugin_id(turn)


def held(turn: Turn) -> Decision | None:
    """spec.suspend holds what has not been launched; what has is taken back once its plugin has been asked."""
    suspended = turn.status["phase"] == "Suspended"
    if not turn.spec.get("suspend"):
        if suspended:
            statuses.resume(turn.status)
        return None
    launched = turn.attempt_started and turn.status["phase"] != "WaitingForResources"
    if launched or turn.observation.results:
        return None
    if turn.may_have_objects and not turn.attempt_started:
        return endings.suspend_attempt(turn)
    if not suspended:
        statuses.suspend(turn.status, turn.now)
    return turn.decide()


def prepared(turn: Turn) -> Decision | None:
    """A new attempt: our finalizer where it needs one, its input files, its clock."""
    if turn.attempt_started:
        return None
    try:
        _want_finalizer(turn)
    except PluginMachineryError as error:
        return _not_ready(turn, PLUGIN_NOT_AVAILABLE, str(error))
    if files := inputs.files(turn.spec, turn.context()):
        match turn.observation.result_of(WriteInputs):
            case None:
                return turn.carry_out((WriteInputs(files),))
            case Refused(message=message):
                return _not_ready(turn, INPUTS_NOT_WRITTEN, message)
    turn.drop_results()
    turn.status.pop("systemErrors", None)
    may_be_interrupted = turn.wants_interruption and turn.budgets().allow_interruption(Failures.of(turn.status))
    statuses.start_attempt(turn.status, turn.now, interruptible=may_be_interrupted)
    if turn.context().template.metadata.generates_deck.value and turn.context().paths.output_prefix:
        # Such a task writes its deck as it goes: it can be looked at before the end.
        statuses.show_deck(turn.status, outcomes.deck_at(turn.context().paths.output_prefix))
    return None


def supplied(turn: Turn) -> Decision | None:
    """Inputs that the command names one by one and that are in the store: read before the object is built."""
    launching = turn.status["phase"] in ("Accepted", "Retrying", "WaitingForResources")
    if not launching or turn.spec.get("inputs") is not None or not inputs.are_named(turn.spec):
        return None
    task = turn.context()
    if task.inputs is not None:
        return None
    match turn.observation.result_of(ReadFiles):
        case None:
            # Results of something else belong to a launch that has its inputs already.
            return None if turn.observation.results else turn.carry_out((ReadFiles((task.paths.input_path,)),))
        case Files() as read:
            try:
                turn.supply(inputs.parse(read, task.paths.input_path))
            except PluginError as error:
                return refuse(turn, error.code, error.message)
            turn.drop_results()
            return None
        case Refused(reason=outcomes.OUTPUT_SIZE_EXCEEDED, message=message):
            return refuse(turn, inputs.INPUTS_TOO_LARGE, message)
        case refused:
            message = refused.message if isinstance(refused, Refused) else f"unexpected answer {refused}"
            return _not_ready(turn, inputs.INPUTS_NOT_READABLE, message)


def refuse(turn: Turn, code: str, message: str) -> Decision:
    """It can not be run, now or later: the user's to mend."""
    return endings.end_attempt(turn, permanent_failure(code, message), abort=False)


def _not_ready(turn: Turn, code: str, message: str) -> Decision:
    return endings.after_error(turn, ExecutionError(code, message, ErrorKind.SYSTEM), abort=False)


def _check(turn: Turn) -> None:
    spec = turn.spec
    turn.status["plugin"] = plugin = _plugin_id(turn)
    turn.world.plugin(plugin)
    inputs.check(spec)
    task = turn.context()
    _ = task.inputs  # later they are read only where somebody asks for them; what is wrong with them is said here
    try:
        accepted = {"startedAt": turn.status["acceptedAt"]}
        deadlines.next_deadline(spec, accepted, task.template, turn.default_deadlines)
    except ValueError as error:
        raise PluginError(BAD_TASK_EXECUTION, str(error), field="spec.timeouts") from error
    if outcomes.outputs_declared(task.template) and not task.paths.output_prefix:
        raise PluginError(BAD_TASK_EXECUTION, "the template declares outputs: spec.outputPrefix must say where to")


def _plugin_id(turn: Turn) -> str:
    """The plugin for this task. An override that can not be followed is an error, never silently another plugin."""
    wanted = turn.spec.get("plugin")
    found: str = turn.world.registry.resolve(turn.spec["template"]["type"], wanted).id
    if wanted is not None and cleaned(found) != cleaned(wanted):
        task_type = turn.spec["template"]["type"]
        message = f"the plugin {wanted} is not enabled or does not run tasks of type {task_type}"
        raise PluginError(PLUGIN_NOT_AVAILABLE, message, field="spec.plugin")
    return found


def _want_finalizer(turn: Turn) -> None:
    finalizers = tuple(turn.metadata.get("finalizers") or ())
    if names.FINALIZER not in finalizers and turn.world.needs_finalizer(turn.status["plugin"]):
        turn.finalizers = (*finalizers, names.FINALIZER)
