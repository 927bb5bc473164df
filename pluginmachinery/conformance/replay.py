"""Replaying recorded cases: facts about what Flyte does with given inputs, answered by this implementation.

A case is a JSON object with an ``id`` and an ``op`` (``config``, ``enabled``, ``build``, ``phase``, ``manager``, …);
the answer has the members that the recording has. Each operation is a module of :mod:`.operations` with
``answer(case)``; it is imported when the first case asks for it. An operation that is not there answers
``NotImplemented``, so a part of the suite can run. Configuration is read as Flyte reads it, whatever the operation.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TextIO

import orjson

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.config.problems import ConfigurationError

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]

_OPERATIONS = "pluginmachinery.conformance.operations"


def replay(lines: Iterable[str]) -> Iterator[str]:
    """Answer JSON lines – bare cases, or ``{"case": …}`` with anything beside it – with JSON lines."""
    for line in lines:
        if line.strip():
            yield orjson.dumps(_answered(line), option=orjson.OPT_SORT_KEYS).decode()


def _answered(line: str) -> dict[str, Any]:
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {"id": None, "error": {"code": "BadCase", "message": f"this line is not JSON: {error}"}}
    case = given.get("case", given) if isinstance(given, dict) else None
    if not isinstance(case, dict):
        return {"id": None, "error": {"code": "BadCase", "message": "a case is a JSON object"}}
    return answer(case)


def run(source: TextIO, target: TextIO) -> None:
    for line in replay(source):
        target.write(line + "\n")


def answer(case: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one case. A case that does not load its configuration answers ``ConfigError``; a defect here
    answers ``InternalError`` with its traceback, and the other cases go on."""
    identity = {"id": case.get("id")}
    operation = _operation(str(case.get("op")))
    if operation is None:
        return {**identity, "error": {"code": "NotImplemented"}}
    try:
        return {**identity, **operation(case)}
    except ConfigurationError as error:
        return {**identity, "error": {"code": error.code, "message": str(error)}}
    except NotImplementedError as error:
        return {**identity, "error": {"code": "NotImplemented", "message": str(error)}}
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return {**identity, "error": {"code": "InternalError", "message": message, "trace": traceback.format_exc()}}


def configuration(case: Mapping[str, Any]) -> Configuration:
    """The configuration of a case. Raises ConfigurationError."""
    return read_as_flyte(case.get("config"))


@cache
def _operation(name: str) -> Answer | None:
    module = f"{_OPERATIONS}.{name}"
    if not re.fullmatch(r"[a-z][a-z_]*", name) or importlib.util.find_spec(module) is None:
        return None
    found: Answer = importlib.import_module(module).answer
    return found
