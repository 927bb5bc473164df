"""Writing manifests as YAML that every parser reads alike.

Plain text that some version of YAML takes for a number or a boolean is put in quotes (``yes``, ``1e3``, ``0o17``,
``12:30``), texts of several lines become blocks, keys keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc] # chosen at run time
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _represent_text(dumper: Any, text: str) -> yaml.Node:
    style = "|" if "\n" in text and not re.search(r"[^\S\n]\n", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # type: ignore[no-any-return]


_Dumper.add_representer(str, _represent_text)
_DIGITS = list("-+.0123456789")
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), _DIGITS
)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?0[oO][0-7_]+$"), _DIGITS)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$"), list("yYnN"))


def to_yaml(value: Any) -> str:
    """One document."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)
    return text


def to_yaml_documents(values: Iterable[Any]) -> str:
    """Several documents in one file."""
    return "---\n".join(to_yaml(value) for value in values)
