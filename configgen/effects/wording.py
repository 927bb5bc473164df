"""Changes of pods in words: "gains toleration spot Exists NoSchedule", "env LOG_LEVEL: debug → info"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from configgen.diff.secrets import Secrets
from configgen.effects.comparing import OUTCOME, Effect, FieldChange, Group, Where
from configgen.effects.fields import Path

NO_SECRETS = Secrets()
_NAMED = {
    "env": "env",
    "envFrom": "env from",
    "labels": "label",
    "annotations": "annotation",
    "nodeSelector": "node selector",
    "volumes": "volume",
    "volumeMounts": "volume mount",
    "imagePullSecrets": "image pull secret",
    "sparkConf": "Spark conf",
    "initContainers": "init container",
    "sidecars": "sidecar",
    "containers": "container",
}
_LISTED = {
    "tolerations": "toleration",
    "matchExpressions": "node affinity",
    "matchFields": "node affinity",
    "envFrom": "env from",
    "topologySpreadConstraints": "topology spread constraint",
}
_LONG = 160


def sentence(change: FieldChange, secrets: Secrets = NO_SECRETS) -> str:
    """One change in a line, without secrets."""
    key = change.path[-1] if change.path else ""
    before, after = (secrets.hidden(value, key=key) for value in (change.before, change.after))
    if before == after and isinstance(before, list | dict):
        return f"{_subject(change.path, before)[0]}: a secret in it"
    return secrets.text(_sentence(FieldChange(change.path, before, after)))


def _sentence(change: FieldChange) -> str:
    subject, is_element = _subject(change.path, change.after if change.before is None else change.before)
    if change.path == OUTCOME:
        return f"{change.before} → {change.after}"
    if is_element or (change.before is None or change.after is None):
        verb = "gains" if change.before is None else "loses" if change.after is None else "changes"
        value = change.after if change.before is None else change.before
        shown = "" if is_element else f" = {shortened(value)}"
        return f"{verb} {subject}{shown}"
    if isinstance(change.before, list) and isinstance(change.after, list):
        return f"{subject}: {_list_change(change.before, change.after)}"
    return f"{subject}: {shortened(change.before)} → {shortened(change.after)}"


def _subject(path: Path, value: Any) -> tuple[str, bool]:
    """What the field is called, and whether that says its value too."""
    if len(path) > 1 and path[-2] in _LISTED and isinstance(value, Mapping):
        preferred = "preferred " if any(step.startswith("preferred") for step in path) else ""
        return f"{preferred}{_LISTED[path[-2]]} {_element(path[-2], value)}", True
    if path[0] == "resources" and len(path) == 3:
        return f"{path[2]} {'limit' if path[1] == 'limits' else 'request'}", False
    if path[0] in _NAMED and len(path) > 1:
        return f"{_NAMED[path[0]]} {' '.join(path[1:])}", False
    return ".".join(path), False


def _element(listed: str, value: Mapping[str, Any]) -> str:
    if listed == "tolerations":
        return (
            " ".join(str(value[key]) for key in ("key", "operator", "value", "effect") if value.get(key))
            or "of everything"
        )
    if listed.startswith("match"):
        values = value.get("values")
        return f"{value.get('key')} {value.get('operator')}" + (f" [{', '.join(map(str, values))}]" if values else "")
    return shortened(value)


def _list_change(before: Sequence[Any], after: Sequence[Any]) -> str:
    lost = [str(one) for one in before if one not in after]
    gained = [str(one) for one in after if one not in before]
    if not lost and not gained:
        return "another order"
    return " ".join([*(f"−{one}" for one in lost), *(f"+{one}" for one in gained)])


def shortened(value: Any) -> str:
    text = value if isinstance(value, str) and value else orjson.dumps(value, default=str).decode()
    text = text.replace("\n", "⏎")
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def subject(group: Group, effect: Effect) -> str:
    """Whose change it is: ``every pod``, ``spark executor, spark-interruptible executor, ray``."""
    if group.every:
        return "every pod"
    by_task: dict[str, set[str]] = {}
    for where in group.where:
        by_task.setdefault(where.task, set()).add(where.role)
    return ", ".join(_task(task, roles, effect.roles[task]) for task, roles in by_task.items())


def _task(task: str, roles: set[str], all_roles: frozenset[str]) -> str:
    if roles >= all_roles or roles == {""}:
        return task
    return f"{task} {' and '.join(sorted(roles))}"


def names(where: Sequence[Where]) -> list[str]:
    """The tasks, each once."""
    return list(dict.fromkeys(one.task for one in where))


def summary(effect: Effect) -> str:
    """``8 of 12 tasks change; 4 unchanged: dask, mpi, …``"""
    total = len(effect.changed) + len(effect.unchanged)
    unchanged = f"; {len(effect.unchanged)} unchanged" if effect.unchanged else ""
    if not effect.changed:
        return f"No pod changes: {total} of {total} representative tasks unchanged."
    return f"{len(effect.changed)} of {total} representative tasks change{unchanged}."
