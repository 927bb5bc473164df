"""Keeping secrets out of what is printed.

A secret is found by its key (``secret-key``, ``AWS_SECRET_ACCESS_KEY``, ``password``), and then hidden wherever its
value turns up: storage credentials, for one, come back as arguments of co-pilot's containers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MASK: Final = "******"
_SECRET: Final = re.compile(
    r"(?i)(secret|access|private|api|host)[-_]?(access[-_]?)?key$|(?<!default)secret$|password|passwd|passphrase|tokens?$"
    r"|credentials?$|connection[-_]?string$|dsn$"
)
_USER_INFO: Final = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")
_SHORTEST: Final = 4
"""Shorter values are hidden at their own place alone: they turn up everywhere by chance."""


def is_secret_key(key: str) -> bool:
    """Whether the key is one that people keep secrets under."""
    return bool(_SECRET.search(key))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values that are secret, the longest first."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, *trees: Any) -> Secrets:
        """All secrets of these configurations or objects."""
        found = {value for tree in trees for value in _found(tree, secret=False)}
        return cls(tuple(sorted(found, key=lambda value: (-len(value), value))))

    def hidden(self, value: Any, *, key: str = "") -> Any:
        """The value with everything secret in it masked; ``key`` is the one it stands under."""
        if isinstance(value, Mapping):
            return self._mapping(value, key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._listing(value, key)
        if value is None or isinstance(value, bool):
            return value
        if is_secret_key(key):
            return MASK
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self.values:
            text = text.replace(secret, MASK)
        return _USER_INFO.sub(rf"\1{MASK}@", text) if "://" in text else text

    def _mapping(self, value: Mapping[Any, Any], key: str) -> dict[Any, Any]:
        # A variable, {name: PASSWORD, value: …}, stands under its name.
        name = str(value.get("name", ""))
        return {
            member: self.hidden(
                inner, key=name if member == "value" and is_secret_key(name) else _under(key, str(member))
            )
            for member, inner in value.items()
        }

    def _listing(self, values: Sequence[Any], key: str) -> list[Any]:
        hidden, flag = [], ""
        for value in values:
            text = value if isinstance(value, str) else ""
            name, assigned, _ = text.partition("=")
            if text.startswith("-") and assigned and is_secret_key(name):
                hidden.append(f"{name}={MASK}")
            else:
                hidden.append(self.hidden(value, key=flag or key))
            flag = text if text.startswith("-") and not assigned and is_secret_key(text) else ""
        return hidden


def _under(outer: str, key: str) -> str:
    """Members of a mapping have keys of their own; what stands under ``password: {value: …}`` is secret as well."""
    return outer if key == "value" and is_secret_key(outer) else key


def _found(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        name = str(value.get("name", ""))
        for key, member in value.items():
            hides = is_secret_key(str(key)) or (key == "value" and (secret or is_secret_key(name)))
            yield from _found(member, secret=hides)
    elif isinstance(value, str):
        if secret and len(value) >= _SHORTEST and value not in ("true", "false", "null", "default"):
            yield value
    elif isinstance(value, Iterable):
        for element in value:
            yield from _found(element, secret=secret)
