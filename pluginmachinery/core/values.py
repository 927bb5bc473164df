"""Values: small records that are handed on and never changed.

The type checker holds every ``@value_class`` to that, as it does frozen dataclasses. At run time nothing does, on
purpose: a frozen dataclass sets each of its fields through ``object.__setattr__`` and is five times as slow to make,
and each decision about a task makes dozens of them. What is made once in a process – a plugin, a setting – can as well
be a frozen dataclass. ``dataclasses.replace`` makes another one with changes.
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value_class(kind: type[T]) -> type[T]:
    """Make this class a value: a dataclass with slots, compared and hashed by its fields."""
    return dataclasses.dataclass(slots=True, unsafe_hash=True)(kind)
