"""Stage *containers*, commands and arguments: ``{{ .input }}`` and its kin.

A command may name what is known only when it runs. The names, without regard to case, after ``.`` or ``$``:

====================== ==========================================================================
input                  file with the inputs
inputPrefix            folder of the inputs
outputPrefix           folder for the outputs
rawOutputDataPrefix    folder for large data, another one for every attempt
prevCheckpointPrefix   checkpoints of the attempt before; ``""`` with its quotes on the first
checkpointOutputPrefix folder for checkpoints of this attempt
perRetryUniqueKey      a word that is another one for every attempt, of letters, digits and ``_``
taskTemplatePath       file with the task template
namespace              the namespace
inputs.<name>          the value of an input (:mod:`.literals`)
====================== ==========================================================================

Anything else between braces stays as it is. The names are replaced one after the other in this order, so what a value
brings along may be replaced as well. And a ``$`` in a value means something, because Flyte inserts values by Go's
regular expressions: ``$$`` is a dollar, ``$0`` the template itself, any other ``$name`` or ``${name}`` is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.pods.literals import UnprintableLiteralError, literal_text

_BLANKS = r"[\t\n\f\r ]*"
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_FIRST_LETTER = re.compile(r"^[^a-zA-Z_]+")
_NO_WORD = re.compile(r"[^a-zA-Z0-9_]+")


def _template(name: str) -> re.Pattern[str]:
    return re.compile(rf"\{{\{{{_BLANKS}[.$]{name}{_BLANKS}\}}\}}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    pattern: re.Pattern[str]
    value: Callable[[TaskContext], str]


def _parameter(name: str, value: Callable[[TaskContext], str]) -> _Parameter:
    return _Parameter(name.lower(), _template(name), value)


_PARAMETERS = (
    _parameter("input", lambda task: task.paths.input_path),
    _parameter("outputPrefix", lambda task: task.paths.output_prefix),
    _parameter("inputPrefix", lambda task: task.paths.input_prefix),
    _parameter("rawOutputDataPrefix", lambda task: task.paths.raw_output_prefix),
    _parameter("prevCheckpointPrefix", lambda task: task.paths.previous_checkpoint_prefix or '""'),
    _parameter("checkpointOutputPrefix", lambda task: task.paths.checkpoint_prefix),
    _parameter("perRetryUniqueKey", lambda task: _unique_key(task.metadata.generated_name)),
    _parameter("taskTemplatePath", lambda task: task.paths.task_template_path),
    # Last, because values may mention the namespace.
    _parameter("namespace", lambda task: task.metadata.namespace),
)
_INPUT = re.compile(rf"\{{\{{{_BLANKS}[.$]inputs\.", re.IGNORECASE)
_NAME_END = re.compile(r"[}\t\n\f\r ]")
_CLOSE = re.compile(rf"{_BLANKS}\}}\}}")


def rendered(texts: Iterable[str], task: TaskContext, field: str) -> list[str]:
    """Commands or arguments with their templates filled in.

    Raises PluginError ``BadTaskSpecification`` where a text names an input that the task does not have, or one that
    can not be written as a text. Without any inputs, such templates stay.
    """
    return [_rendered(text, task, f"{field}[{index}]") if "{{" in text else text for index, text in enumerate(texts)]


def _rendered(text: str, task: TaskContext, field: str) -> str:
    folded = text.lower()
    for parameter in _PARAMETERS:
        if parameter.name in folded:
            text = parameter.pattern.sub(lambda match, of=parameter: _expanded(of.value(task), match[0]), text)  # type: ignore[misc]
            folded = text.lower()
    return text if task.inputs is None else _with_inputs(text, task, field)


def _with_inputs(text: str, task: TaskContext, field: str) -> str:
    """Replace ``{{ .inputs.<name> }}``, in one go through the text.

    One regular expression would start over at every opening and so take for ever on a text full of unclosed ones:
    here a name's end, and what comes after it, is looked up once for all openings before it.
    """
    parts: list[str] = []
    done, name_end = 0, -1
    closing: re.Match[str] | None = None
    for opening in _INPUT.finditer(text):
        if name_end < opening.end():
            terminator = _NAME_END.search(text, opening.end())
            if terminator is None:
                break
            name_end = terminator.start()
            closing = _CLOSE.match(text, name_end)
        if closing is None or name_end == opening.end() or opening.start() < done:
            continue
        parts += (text[done : opening.start()], _input_value(text[opening.end() : name_end], task, field))
        done = closing.end()
    return "".join((*parts, text[done:]))


def _input_value(name: str, task: TaskContext, field: str) -> str:
    literals = task.inputs.literals if task.inputs is not None else {}
    if name not in literals:
        raise bad_task(f"there is no input {name!r}", field=field)
    try:
        return literal_text(literals[name])
    except UnprintableLiteralError as error:
        raise bad_task(f"the input {name!r} can not be put into a command: {error}", field=field) from error


def _expanded(value: str, template: str) -> str:
    """A value as Go's ``ReplaceAllString`` inserts it in place of ``template``."""
    if "$" not in value:
        return value

    def referred(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        return template if (match[2] or match[3]) == "0" else ""

    return _REFERENCE.sub(referred, value)


def _unique_key(generated_name: str) -> str:
    return _NO_WORD.sub("_", _FIRST_LETTER.sub("a", generated_name))
