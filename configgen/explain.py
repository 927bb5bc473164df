"""What a key means, what it is set to, and who says so: the answer behind ``configgen explain``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from configgen.diff.comparing import MASK, effective, is_secret
from configgen.diff.leaves import Element, LeafPath, leaves, origins, shown
from configgen.layers.environments import Environment
from configgen.layers.kinds import Kind, configuration_kind
from configgen.layers.nodes import Origin
from configgen.problems import Problem, SourceError
from pluginmachinery.config import kinds as described

_STEP: Final = re.compile(r'\.?(?:"(?P<quoted>[^"]*)"|\[(?P<element>[^]]*)\]|(?P<key>[^.\[\]"]+))')


@dataclass(frozen=True, slots=True)
class Value:
    """One leaf at or below the path. No origins: the built-in default holds."""

    path: str
    value: Any
    origins: tuple[Origin, ...]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """``remarks``: since or until which Flyte, deprecated in favour of what. ``section``: keys lie below the path.
    ``values``: none if nothing is set."""

    path: str
    meaning: str
    type: str
    remarks: tuple[str, ...]
    default: Any
    section: bool
    values: tuple[Value, ...]


def explain(environment: Environment, text: str) -> Explanation:
    """Explain the key path ``text`` of an environment. Raises SourceError where there is no such key."""
    path, member, kind = _resolve(text)
    resolved = effective(environment)
    found = [
        Value(shown(leaf), MASK if is_secret(leaf) else value, origins(environment.config, leaf), is_secret(leaf))
        for leaf, value in leaves(resolved)
        if leaf[: len(path)] == path
    ]
    return Explanation(
        shown(path),
        member.description if member else "",
        type_text(kind.value),
        _remarks(member),
        _default(path),
        bool(kind.keys),
        tuple(found),
    )


def _resolve(text: str) -> tuple[LeafPath, described.Member | None, Kind]:
    """The path as steps, the field that it ends in, and its kind."""
    kind, member = configuration_kind(), None
    path: LeafPath = ()
    position = 0
    while position < len(text):
        if kind.free and not text[position:].startswith(('."', "[")):
            # Whatever is left is one key, dots and all.
            return (*path, text[position:].lstrip(".")), None, kind.at("")
        match = _STEP.match(text, position)
        if match is None:
            raise _no_such_key(text, text[position:], ())
        position = match.end()
        if (element := match["element"]) is not None:
            path, kind, member = (*path, Element(element)), kind.element, None
            continue
        key = match["quoted"] if match["quoted"] is not None else match["key"]
        member = kind.member(key)
        if member is None and isinstance(kind.value, described.Struct) and not _may_have_others(path):
            raise _no_such_key(text, key, kind.keys)
        path, kind = (*path, key), kind.at(key)
    return path, member, kind


def _may_have_others(path: LeafPath) -> bool:
    """Sections that are not ours stand at the top and under ``plugins``."""
    return path in ((), ("plugins",))


def _no_such_key(text: str, key: str, known: tuple[str, ...]) -> SourceError:
    close = get_close_matches(key, known, n=1)
    mend = f"did you mean {close[0]}?" if close else f"keys here: {', '.join(known)}" if known else ""
    return SourceError([Problem(text, 0, 0, "", f"there is no key {key!r}", mend)])


def _default(path: LeafPath) -> Any:
    from pluginmachinery.config import Configuration

    value: Any = Configuration().model_dump(by_alias=True, mode="json")
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def _remarks(member: described.Member | None) -> tuple[str, ...]:
    if member is None:
        return ()
    found = []
    if bounds := str(member.bounds):
        found.append(bounds)
    if member.since:
        found.append(f"only Flyte {member.since} and this controller know it")
    if member.until:
        found.append(f"gone after Flyte {member.until}")
    if member.instead:
        found.append(f"deprecated; use {member.instead}")
    return tuple(found)


def type_text(kind: described.Kind) -> str:
    """A kind in words."""
    match kind:
        case described.Pointer(item=item):
            return type_text(item)
        case described.ListOf(item=item):
            return f"list of {type_text(item)}"
        case described.MapOf(item=item):
            return f"map of {type_text(item)}"
        case described.Choice(words=words):
            return " | ".join(words)
        case described.Struct(name=name):
            return name
        case described.KubernetesObject(type_name=name):
            return name
    return _WORDS.get(type(kind), "any value")


_WORDS: Final = {
    described.Bool: "true | false",
    described.Int: "whole number",
    described.Float: "number",
    described.Text: "text",
    described.DurationKind: "duration (1h30m, 10s)",
    described.QuantityKind: "quantity (500m, 1Gi)",
    described.IntOrString: "number or text",
    described.Number: "whole number",
}
