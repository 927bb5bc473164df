"""Inputs on the command line: plain values become the literals that the task's interface asks for."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.cli.exits import InputError
from pluginmachinery.config.durations import Duration

JSON = dict[str, Any]


class Unfit(Exception):
    """A value is not what the task wants; the text says what that is."""


def given(pairs: tuple[str, ...], file: Path | None) -> JSON:
    """Values by name: those of the file, then those of ``--input NAME=VALUE``, as text. Raises InputError."""
    values = _of_file(file) if file is not None else {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise InputError(f"--input {pair}: write NAME=VALUE")
        values[name] = Text(text)
    return values


class Text(str):
    """A value from the command line: what it is depends on what is wanted."""

    __slots__ = ()


def literals(template: Mapping[str, Any], values: Mapping[str, Any], *, where: str) -> JSON:
    """The literal map for a task with this template (protobuf JSON). Raises InputError, naming all that is wrong."""
    wanted: Mapping[str, Any] = ((template.get("interface") or {}).get("inputs") or {}).get("variables") or {}
    problems = [_unknown(name, wanted) for name in values if name not in wanted]
    result = {}
    for name, variable in sorted(wanted.items()):
        kind = variable.get("type") or {}
        if name not in values:
            problems.append(f"input {name} ({named(kind)}) is missing: give --input {name}=…")
            continue
        try:
            result[name] = literal(values[name], kind)
        except Unfit as error:
            problems.append(f"input {name}: {error}")
    if problems:
        raise InputError("\n".join(f"{where}: {problem}" for problem in problems))
    return {"literals": result}


def _unknown(name: str, wanted: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(wanted), n=1)
    known = f"did you mean {near[0]}?" if near else f"it has {', '.join(wanted) or 'none'}"
    return f"the task has no input {name}; {known}"


def named(kind: Mapping[str, Any]) -> str:
    """A word for a ``flyteidl.core.LiteralType``."""
    match kind:
        case {"simple": simple}:
            return str(simple).lower()
        case {"collectionType": item}:
            return f"list of {named(item)}"
        case {"mapValueType": item}:
            return f"map of {named(item)}"
        case {"unionType": {"variants": variants}}:
            return " or ".join(map(named, variants))
        case {"enumType": {"values": words}}:
            return " | ".join(words)
    return next((key.removesuffix("Type") for key in kind if key != "metadata"), "anything")


def literal(value: Any, kind: Mapping[str, Any]) -> JSON:
    """The ``flyteidl.core.Literal`` of a plain value. Raises Unfit."""
    match kind:
        case {"simple": "STRING"}:
            if not isinstance(value, str):
                raise Unfit(f"a string is wanted, not {value!r}")
            return _primitive("stringValue", str(value))
        case {"enumType": {"values": words}}:
            if value not in words:
                raise Unfit(f"one of {', '.join(words)} is wanted, not {value!r}")
            return _primitive("stringValue", str(value))
        case {"blob": shape}:
            return {"scalar": {"blob": {"uri": _uri(value), "metadata": {"type": shape}}}}
        case {"structuredDatasetType": shape}:
            return {"scalar": {"structuredDataset": {"uri": _uri(value), "metadata": {"structuredDatasetType": shape}}}}
        case {"schema": shape}:
            return {"scalar": {"schema": {"uri": _uri(value), "type": shape}}}
        case {"unionType": {"variants": variants}}:
            return _union(value, kind, variants)
    return _structured(_parsed(value), kind)


def _structured(value: Any, kind: Mapping[str, Any]) -> JSON:
    match kind, value:
        case {"collectionType": item}, list():
            return {"collection": {"literals": [literal(one, item) for one in value]}}
        case {"mapValueType": item}, dict():
            return {"map": {"literals": {str(name): literal(one, item) for name, one in value.items()}}}
        case {"simple": "STRUCT"}, dict():
            return {"scalar": {"generic": value}}
        case {"simple": "NONE"}, None:
            return {"scalar": {"noneType": {}}}
        case {"simple": "BOOLEAN"}, bool():
            return _primitive("boolean", value)
        case {"simple": "INTEGER"}, int() if not isinstance(value, bool):
            return _primitive("integer", str(value))
        case {"simple": "FLOAT"}, int() | float() if not isinstance(value, bool):
            return _primitive("floatValue", float(value))
        case {"simple": "DATETIME"}, str():
            return _primitive("datetime", _moment(value))
        case {"simple": "DURATION"}, str():
            return _primitive("duration", _span(value))
        case {"simple": "BINARY"}, str():
            return {"scalar": {"binary": {"value": base64.b64encode(value.encode()).decode()}}}
    raise Unfit(f"a value of type {named(kind)} is wanted, not {value!r}")


def _union(value: Any, kind: Mapping[str, Any], variants: list[Mapping[str, Any]]) -> JSON:
    for variant in variants:
        try:
            return {"scalar": {"union": {"value": literal(value, variant), "type": variant}}}
        except Unfit:
            continue
    raise Unfit(f"a value of type {named(kind)} is wanted, not {str(value)!r}")


def _primitive(name: str, value: Any) -> JSON:
    return {"scalar": {"primitive": {name: value}}}


def _parsed(value: Any) -> Any:
    """What a text on the command line means: YAML, of which JSON is a part. Dates stay texts."""
    if not isinstance(value, Text):
        return value
    from controller.cli.documents import BadDocument, read

    try:
        documents = read(str(value), "")
    except BadDocument as error:
        raise Unfit(f"{str(value)!r} can not be read: {error.problem.message}") from error
    return documents[0].data if documents else None


def _uri(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Unfit(f"a URI is wanted, not {value!r}")
    return str(value)


def _moment(text: str) -> str:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit(f"a date and time such as 2026-01-31T12:00:00Z is wanted, not {text!r}") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _span(text: str) -> str:
    try:
        return f"{Duration.parse(text).seconds:g}s"
    except ValueError as error:
        raise Unfit(f"a duration such as 90s or 1h30m is wanted, not {text!r}") from error


def _of_file(file: Path) -> JSON:
    from controller.cli.documents import BadDocument, read

    try:
        documents = read(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can not be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error
    except BadDocument as error:
        raise InputError(str(error.problem)) from error
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise InputError(f"{file}: one mapping of names to values is needed")
    return dict(documents[0].data)
