"""Differences for programs: the same as the text, with the whole chain of origins."""

from __future__ import annotations

from typing import Any

import orjson

from configgen.diff.comparing import Change, Comparison, Said
from configgen.diff.leaves import shown
from configgen.diff.printing import hidden, origin_as_json


def as_json(comparisons: list[Comparison], *, several: bool = False) -> str:
    """One comparison is an object; ``several`` are ``{"comparisons": […]}``.

    ``{"before": …, "after": …, "changes": [{path, before, after}], "effect": …}``; each side of a change is null or
    ``{value, origins}``; the effect is null where nothing that tasks see is different.
    """
    contents = [_comparison(comparison) for comparison in comparisons]
    content = {"comparisons": contents} if several else contents[0]
    return orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode()


def _comparison(comparison: Comparison) -> dict[str, Any]:
    content: dict[str, Any] = {
        "before": comparison.before,
        "after": comparison.after,
        "changes": [
            {
                "path": shown(change.path),
                "before": _side(change.before, change, comparison),
                "after": _side(change.after, change, comparison),
            }
            for change in comparison.changes
        ],
        "effect": _effect(comparison),
    }
    more = {"remark": comparison.remark, "noEffect": comparison.no_effect}
    return {**content, **{name: text for name, text in more.items() if text}}


def _side(said: Said | None, change: Change, comparison: Comparison) -> dict[str, Any] | None:
    if said is None:
        return None
    secrets = comparison.secrets
    return {
        "value": hidden(said.value, change, secrets),
        "origins": [origin_as_json(origin, secret=change.secret, secrets=secrets) for origin in said.origins],
    }


def _effect(comparison: Comparison) -> dict[str, Any] | None:
    if comparison.effect is None:
        return None
    from configgen.effects import wording

    effect, secrets = comparison.effect, comparison.secrets
    return {
        "changed": effect.changed,
        "unchanged": effect.unchanged,
        "groups": [
            {
                "subject": wording.subject(group, effect),
                "every": group.every,
                "breaks": group.breaks,
                "pods": [{"task": where.task, "role": where.role} for where in group.where],
                "changes": [
                    {
                        "path": change.path,
                        "before": secrets.hidden(change.before, key=change.path[-1]),
                        "after": secrets.hidden(change.after, key=change.path[-1]),
                        "text": wording.sentence(change, secrets),
                    }
                    for change in group.changes
                ],
            }
            for group in effect.groups
        ],
    }
