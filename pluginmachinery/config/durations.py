"""Go durations: ``1h30m``, ``500ms``, ``0s``.

Flyte's configuration writes every time span in the syntax of Go's ``time.ParseDuration`` and keeps it as whole
nanoseconds in 64 bits. :class:`Duration` is exactly that: whole nanoseconds, compared and printed as Go does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_MAX = (1 << 63) - 1
_SECOND = 10**9
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek mu
    "ms": 10**6,
    "s": _SECOND,
    "m": _MINUTE,
    "h": _HOUR,
}
_TERM = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]+)")
PATTERN = r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"
"""The same grammar as a regular expression, for JSON Schema."""
NOT_NEGATIVE = PATTERN.replace("[-+]?", "[+]?", 1)
"""The same without a minus sign."""


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A time span in whole nanoseconds."""

    nanoseconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read Go syntax: numbers with units, an optional sign, or a bare ``0``.

        Raises ValueError that names the text.
        """
        return _parse(text)

    @classmethod
    def of(cls, *, hours: int = 0, minutes: int = 0, seconds: int = 0, milliseconds: int = 0) -> Self:
        return cls(hours * _HOUR + minutes * _MINUTE + seconds * _SECOND + milliseconds * 10**6)

    @property
    def seconds(self) -> float:
        return self.nanoseconds / _SECOND

    @property
    def timedelta(self) -> timedelta:
        """The same span for :mod:`datetime`, cut to microseconds."""
        return timedelta(microseconds=self.nanoseconds // 1000)

    def __bool__(self) -> bool:
        return self.nanoseconds != 0

    def __str__(self) -> str:
        return _format(self.nanoseconds)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validate, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": PATTERN, "examples": ["30s", "1h30m"]}


def _validate(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return Duration.parse(value)
    if isinstance(value, timedelta):
        return Duration(value // timedelta(microseconds=1) * 1000)
    raise ValueError("a duration is a text such as 30s or 1h30m")


@lru_cache(maxsize=1024)
def _parse(text: str) -> Duration:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    negative = text.startswith("-")
    if unsigned == "0":
        return Duration(0)
    total = 0
    position = 0
    while position < len(unsigned):
        match = _TERM.match(unsigned, position)
        if match is None or not (match[1] or match[3]):
            raise ValueError(f"{text!r} is no duration: write numbers with units, such as 30s or 1h30m")
        if match[4] not in _UNITS:
            raise ValueError(f"{text!r} is no duration: {match[4]!r} is no unit (ns, us, ms, s, m, h)")
        total += int(match[1] or 0) * _UNITS[match[4]] + _fraction(match[3] or "", _UNITS[match[4]])
        position = match.end()
    if not unsigned:
        raise ValueError("a duration can not be empty: write 0s")
    if total > _MAX + negative:
        raise ValueError(f"{text!r} is longer than a duration can be (about 292 years)")
    return Duration(-total if negative else total)


def _fraction(digits: str, unit: int) -> int:
    """Nanoseconds of ``0.<digits>`` units, in Go's arithmetic: whole digits as far as 63 bits go, then a float."""
    value, scale = 0, 1.0
    for digit in digits:
        longer = value * 10 + int(digit)
        if longer > _MAX:
            break
        value, scale = longer, scale * 10
    return int(float(value) * (float(unit) / scale))


def _format(nanoseconds: int) -> str:
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    if rest < _SECOND:
        unit, size = next((unit, _UNITS[unit]) for unit in ("ms", "\u00b5s", "ns") if rest >= _UNITS[unit])
        return f"{sign}{_decimal(rest, size)}{unit}"
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    text = f"{_decimal(rest, _SECOND)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    if not part:
        return str(whole)
    return f"{whole}.{str(part).zfill(len(str(unit)) - 1).rstrip('0')}"
