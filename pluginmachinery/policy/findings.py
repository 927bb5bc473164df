"""What a check says: a field that a level forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from pluginmachinery.core.values import value_class


@value_class
class Finding:
    """One forbidden field: the check that found it, the field's path in the object, and what is wrong with it."""

    check: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} ({self.check})"


@value_class
class Allowed:
    """What the platform itself asked for; a task may then have it too.

    ``service_accounts`` may end in ``*``. ``security_context`` and ``pod_security_context`` are the configured
    defaults: a field with exactly the configured value is the platform's word, not the task's.
    """

    namespace: str = ""
    host_network: bool = False
    service_accounts: frozenset[str] = frozenset()
    security_context: Mapping[str, Any] = field(default_factory=dict)
    pod_security_context: Mapping[str, Any] = field(default_factory=dict)

    def service_account(self, name: str) -> bool:
        return name in self.service_accounts or any(
            name.startswith(pattern[:-1]) for pattern in self.service_accounts if pattern.endswith("*")
        )
