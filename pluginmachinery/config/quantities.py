"""Kubernetes quantities: ``500m``, ``1Gi``, ``1.5``, ``2e3``.

A :class:`Quantity` is exact: a whole number of billionths (the smallest unit Kubernetes knows; finer texts are rounded
away from zero). The *notation* – binary suffixes, decimal suffixes or exponents – is remembered only for printing:
``1024Mi`` equals ``1Gi`` and prints as ``1Gi``.

Facts are those of apimachinery's ``resource.Quantity``, as is the canonical form. One defect is not carried over:
apimachinery prints amounts of 10^21 and more without their suffix.
"""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

Notation = Literal["decimal", "binary", "exponent"]

_NANO = 10**9
_LARGEST_BINARY = ((1 << 63) - 1) * _NANO
_LARGEST_EXPONENT = 9999
"""Beyond any resource; texts with a larger exponent are refused instead of computed."""

_TEXT = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([a-zA-Z]*)([+-]?[0-9]*)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
"""The same grammar as a regular expression, for JSON Schema."""
NOT_NEGATIVE = PATTERN.replace("[+-]?", "[+]?", 1)
"""The same without a minus sign."""


@functools.total_ordering
class Quantity:
    """An exact, immutable amount; equal, ordered and hashed by value."""

    __slots__ = ("_text", "nanos", "notation")

    nanos: int
    """The amount in billionths."""
    notation: Notation
    _text: str | None

    def __init__(self, nanos: int = 0, notation: Notation = "decimal", text: str | None = None) -> None:
        object.__setattr__(self, "nanos", nanos)
        object.__setattr__(self, "notation", notation)
        object.__setattr__(self, "_text", text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a quantity does not change ({name})")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Quantity], tuple[int, Notation, str | None]]:
        return Quantity, (self.nanos, self.notation, self._text)

    @classmethod
    def parse(cls, text: str | float) -> Quantity:
        """Read the Kubernetes grammar; a number is read as its JSON text. Cached.

        Raises ValueError that names the text.
        """
        return _parse(text if isinstance(text, str) else _number_text(text))

    @classmethod
    def of(cls, whole: int, notation: Notation = "decimal") -> Quantity:
        return cls(whole * _NANO, notation)

    @property
    def is_zero(self) -> bool:
        return self.nanos == 0

    def ceil(self) -> int:
        """The next whole number away from zero, as Kubernetes' ``Value()``."""
        return _divide_up(self.nanos, _NANO)

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __eq__(self, other: object) -> bool:
        return self.nanos == other.nanos if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, (other if self.is_zero else self).notation)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, (other if self.is_zero else self).notation)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.notation)

    def __str__(self) -> str:
        """As Kubernetes writes it: the text as given where that is good enough, else the canonical form."""
        if self._text is None:
            object.__setattr__(self, "_text", self.canonical())
        return self._text or "0"

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def canonical(self) -> str:
        """No fraction, the largest suffix that leaves a whole number."""
        if self.is_zero:
            return "0"
        if self.notation == "binary" and abs(self.nanos) >= 1024 * _NANO and self.nanos % _NANO == 0:
            return _binary_text(self.nanos // _NANO)
        return _decimal_text(self.nanos, "exponent" if self.notation == "exponent" else "decimal")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_validate, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number"}],
            "examples": ["500m", "1Gi"],
        }


@functools.lru_cache(maxsize=8192)
def as_written(text: str) -> str:
    """The amount in this text as Kubernetes writes it. Raises ValueError as :meth:`Quantity.parse`."""
    return str(_parse(text))


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as text ``a`` means less, the same or more than text ``b``."""
    first, second = _parse(a).nanos, _parse(b).nanos
    return (first > second) - (first < second)


def _validate(value: Any) -> Quantity:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return Quantity.parse(value)
    raise ValueError("a quantity is a text such as 500m or 1Gi, or a number")


def _number_text(value: float) -> str:
    """A number as Go writes it in JSON: digits only, but for very large and very small ones."""
    if isinstance(value, int):
        return str(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}" if exponent else mantissa


@functools.lru_cache(maxsize=8192)
def _parse(text: str) -> Quantity:
    match = _TEXT.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is no quantity: write a number and a suffix, such as 500m or 1Gi")
    sign, whole, fraction, letters, tail = match[1], match[2], match[3] or "", match[4], match[5]
    base, exponent, notation = _suffix(letters, tail, text)
    # What comes before the suffix, in units of 10^-len(fraction).
    amount = int((whole + fraction) or "0")
    scale = -len(fraction)
    if base == 2:
        amount <<= exponent
    else:
        scale += exponent
    nanos = amount * 10 ** (scale + 9) if scale >= -9 else _divide_up(amount, 10 ** -(scale + 9))
    if notation == "binary":
        nanos = min(nanos, _LARGEST_BINARY)
    as_given = text if _kept_as_given(whole, match[3], base, exponent) else None
    if notation == "binary" and 0 < nanos < _NANO:
        notation = "decimal"
    return Quantity(-nanos if sign == "-" else nanos, notation, as_given)


def _suffix(letters: str, tail: str, text: str) -> tuple[int, int, Notation]:
    if not tail:
        if letters in _DECIMAL:
            return 10, _DECIMAL[letters], "decimal"
        if letters in _BINARY:
            return 2, _BINARY[letters], "binary"
    elif letters in ("e", "E") and tail not in ("+", "-"):
        if abs(int(tail)) > _LARGEST_EXPONENT:
            raise ValueError(f"{text!r} is no quantity: the exponent is out of range")
        return 10, int(tail), "exponent"
    raise ValueError(
        f"{text!r} is no quantity: {letters + tail!r} is no suffix (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, e3)"
    )


def _kept_as_given(whole: str, fraction: str | None, base: int, exponent: int) -> bool:
    """Does apimachinery print the text as it was given? It does where a cheap look finds it canonical."""
    number = whole.lstrip("0") or "0"
    if base == 2:
        precise = 14 - len(number) - int(exponent * 3 / 10) >= 0
        return fraction in (None, "") and precise and int(number) & 7 != 0
    digits = number + (fraction or "")
    scale = exponent - len(fraction or "")
    fits = 18 - len(digits) >= 0 and scale >= -9
    return fits and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _divide_up(amount: int, divisor: int) -> int:
    """Divide and round away from zero."""
    quotient = -(-abs(amount) // divisor)
    return quotient if amount >= 0 else -quotient


def _binary_text(whole: int) -> str:
    mantissa, exponent = whole, 0
    while mantissa % 1024 == 0 and exponent < 60:
        mantissa, exponent = mantissa // 1024, exponent + 10
    suffix = next((suffix for suffix, size in _BINARY.items() if size == exponent), "")
    return f"{mantissa}{suffix}"


def _decimal_text(nanos: int, notation: Notation) -> str:
    mantissa, exponent = nanos, -9
    while mantissa % 1000 == 0 and (notation == "exponent" or exponent < 18):
        mantissa, exponent = mantissa // 1000, exponent + 3
    if notation == "decimal":
        return f"{mantissa}{_DECIMAL_BY_EXPONENT[exponent]}"
    return f"{mantissa}e{exponent}" if exponent else str(mantissa)
