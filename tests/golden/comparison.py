"""Is an answer the recorded one? What may differ without meaning anything is normalised away on both sides first.

The rules are those under which the cases were recorded: empty values mean absent, amounts and durations are compared by
value, environment variables that come from a map may have any order among themselves, errors are compared by code,
reasons and messages not at all, and what was random or the current time is only looked at for its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.golden.sequences import outcome

ABSENT = "<absent>"
RANDOM_NAME = "@random4@"
NOW = "@now@"

Case = Mapping[str, Any]
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    wanted: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.path or '(top)'}: wanted {_short(self.wanted)}, got {_short(self.got)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def differences(case: Case, expected: Answer, answer: Answer) -> list[Difference]:
    """All differences that mean something; none: the answer is right."""
    return list(_OPERATIONS[case["op"]](case, expected, answer))


# --- Normalisation ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Brings a value into a form in which equal means equal; ``groups`` are sets of variables without an order."""

    groups: tuple[frozenset[tuple[str, str]], ...] = ()

    def __call__(self, value: Any, keys: tuple[str, str] = ("", "")) -> Any:
        """``keys`` are the two keys under which the value stands, the outer one first."""
        if isinstance(value, Mapping):
            members = {key: self._member(key, item, keys) for key, item in value.items()}
            return {key: item for key, item in members.items() if not is_empty(item)}
        if isinstance(value, list):
            items = self._in_order(value) if keys[1] == "env" else value
            return [self(item) for item in items]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    def _member(self, key: str, value: Any, keys: tuple[str, str]) -> Any:
        if key == "spark.kubernetes.driverEnv.FLYTE_START_TIME":
            return "@now-ms@"
        if not isinstance(value, (Mapping, list)):
            if _AMOUNT_PARENTS.intersection(keys) or key in _AMOUNT_KEYS:
                return amount(value)
            if key in _DURATION_KEYS or key.endswith("-grace-period"):
                return nanoseconds(value)
        return self(value, (keys[1], key))

    def _in_order(self, variables: list[Any]) -> list[Any]:
        """Each run of variables that is one of the groups, sorted. The place of a run counts."""
        result = list(variables)
        position = 0
        while position < len(result):
            for group in self.groups:
                run = result[position : position + len(group)]
                if len(run) == len(group) and {_name_and_value(item) for item in run} == group:
                    result[position : position + len(group)] = sorted(run, key=lambda item: str(item.get("name")))
                    position += len(group) - 1
                    break
            position += 1
        return result


_AMOUNT_PARENTS = frozenset({"limits", "requests"})
_AMOUNT_KEYS = frozenset({"default-cpus", "default-memory", "sizeLimit"})
_DURATION_KEYS = frozenset(
    {"timeout", "start-timeout", "max-duration", "default-pod-template-resync", "pod-pending-timeout"}
)


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, Mapping, list)) and not value)


def _name_and_value(variable: Any) -> tuple[str, str] | None:
    if not isinstance(variable, Mapping) or "valueFrom" in variable:
        return None
    return str(variable.get("name")), str(variable.get("value") or "")


_AMOUNT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE])i|[eE]([+-]?\d+)|([numkMGTPE]?))")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def amount(value: Any) -> Any:
    """A Kubernetes amount as a fraction; anything that is none, as it is."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    match = _AMOUNT.fullmatch(str(value))
    if match is None:
        return value
    number, binary, exponent, decimal = match.groups()
    if binary:
        return Fraction(number) * 1024 ** ("KMGTPE".index(binary) + 1)
    return Fraction(number) * Fraction(10) ** (int(exponent) if exponent else _POWERS[decimal or ""])


_SPAN = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def nanoseconds(value: Any) -> Any:
    """A Go duration as whole nanoseconds; anything that is none, as it is."""
    if value == "0":
        return 0
    unsigned = value.lstrip("+-") if isinstance(value, str) else ""
    if not unsigned or _SPAN.sub("", unsigned):
        return value
    total = sum(Fraction(number) * _UNITS[unit] for number, unit in _SPAN.findall(unsigned))
    return int(-total if value.startswith("-") else total)


def _unordered_variables(case: Case) -> tuple[frozenset[tuple[str, str]], ...]:
    """The three groups of variables that the reference takes from maps."""
    execution = case.get("execution") or {}
    k8s = ((case.get("config") or {}).get("plugins") or {}).get("k8s") or {}
    environment = case.get("environment") or {}
    copied = _entries(k8s.get("default-env-vars-from-env"))
    groups = (
        _entries(execution.get("environmentVariables")),
        _entries(k8s.get("default-env-vars")),
        {name: environment.get(source, "") for name, source in copied.items()},
    )
    return tuple(frozenset((name, str(value)) for name, value in group.items()) for group in groups if len(group) > 1)


def _entries(value: Any) -> dict[str, Any]:
    parts = value if isinstance(value, list) else [value or {}]
    return {name: item for part in parts for name, item in part.items()}


# --- Comparing two normalised values ------------------------------------------------------------------------------


def between(wanted: Any, got: Any, path: str = "") -> Iterator[Difference]:
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for key in sorted({*wanted, *got}):
            yield from between(wanted.get(key, ABSENT), got.get(key, ABSENT), f"{path}.{key}".lstrip("."))
    elif isinstance(wanted, list) and isinstance(got, list):
        for index in range(max(len(wanted), len(got))):
            pair = (side[index] if index < len(side) else ABSENT for side in (wanted, got))
            yield from between(*pair, f"{path}[{index}]")
    elif wanted == RANDOM_NAME and isinstance(got, str) and re.fullmatch("[a-z0-9]{4}", got):
        return
    elif wanted != got or isinstance(wanted, bool) is not isinstance(got, bool):
        yield Difference(path, wanted, got)


def random_names(wanted: Any, got: Any) -> Iterator[str]:
    """What stands where the recording has a random name."""
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        for key in wanted.keys() & got.keys():
            yield from random_names(wanted[key], got[key])
    elif isinstance(wanted, list) and isinstance(got, list):
        for pair in zip(wanted, got, strict=False):
            yield from random_names(*pair)
    elif wanted == RANDOM_NAME:
        yield str(got)


# --- The operations -----------------------------------------------------------------------------------------------


def _or_error(compare: Callable[[Case, Answer, Answer], Iterator[Difference]]) -> Any:
    """Errors first: both or neither, with the same code, and the same kind where both have one."""

    def compare_errors(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
        wanted, got = expected.get("error"), answer.get("error")
        if not wanted and not got:
            yield from compare(case, expected, answer)
        elif not wanted or not got:
            yield Difference("error", wanted or ABSENT, got or ABSENT)
        elif wanted.get("code") != "Panic":
            yield from _errors(wanted, got)

    return compare_errors


def _errors(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Difference]:
    if wanted.get("code") != got.get("code"):
        yield Difference("error.code", wanted.get("code"), got.get("code"))
    if wanted.get("kind") and got.get("kind") and wanted["kind"] != got["kind"]:
        yield Difference("error.kind", wanted["kind"], got["kind"])


def _config(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    normal = Normaliser()
    yield from between(normal(expected["config"]), normal(answer.get("config") or {}))


def _enabled(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    def normal(plugins: Mapping[str, Any]) -> dict[str, Any]:
        defaults = {plugin: sorted(types) for plugin, types in (plugins.get("defaults") or {}).items()}
        lists = {"enabled": sorted(plugins.get("enabled") or ()), "defaults": defaults}
        failed = {"setupError": True} if plugins.get("setupError") else {}
        return dict(Normaliser()({**plugins, **lists, **failed}))

    yield from between(normal(expected["plugins"]), normal(answer.get("plugins") or {}))


def _build(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    normal = Normaliser(_unordered_variables(case))
    wanted, got = normal(expected["object"]), normal(answer.get("object") or {})
    names = set(random_names(wanted, got))
    if len(names) > 1:
        yield Difference("(random names)", "one name", sorted(names))
    yield from between(wanted, got)


def _phase(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    yield from _phases(expected["phase"], answer.get("phase") or {})


def _phases(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Difference]:
    yield from between(_phase_form(wanted, wanted), _phase_form(got, wanted))


def _phase_form(phase: Mapping[str, Any], wanted: Mapping[str, Any]) -> Any:
    kept = {key: phase.get(key) for key in ("phase", "cleanupOnFailure", "version", "logs") if phase.get(key)}
    if phase.get("error"):
        kept["error"] = {key: phase["error"].get(key) for key in ("kind", "code")}
    if wanted.get("occurredAt") != NOW:
        kept["occurredAt"] = phase.get("occurredAt")
    unknown = {key: phase[key] for key in phase if key not in _PHASE_MEMBERS}
    kept["logs"] = [{key: item for key, item in log.items() if item} for log in phase.get("logs") or ()]
    return Normaliser()({**unknown, **kept})


_PHASE_MEMBERS = frozenset(
    {
        *("phase", "version", "error", "cleanupOnFailure", "logs", "occurredAt"),
        # For people only.
        *("reason", "reportedAt", "customInfo", "message"),
    }
)


def _manager(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    wanted, got = expected["manager"], answer.get("manager") or {}
    codes = [(side.get("error") or {}).get("code") for side in (wanted, got)]
    if codes[0] != codes[1]:
        yield Difference("manager.error.code", *codes)
    if bool(wanted.get("phase")) != bool(got.get("phase")):
        yield Difference("manager.phase", wanted.get("phase"), got.get("phase"))
    elif wanted.get("phase"):
        yield from _phases(wanted["phase"], got["phase"])
    yield from between(wanted.get("state") or {}, got.get("state") or {}, "manager.state")
    normal = Normaliser()
    yield from between(normal(wanted.get("calls") or []), normal(got.get("calls") or []), "manager.calls")


def _array(case: Case, expected: Answer, answer: Answer) -> Iterator[Difference]:
    wanted, got = outcome(expected["rounds"]), outcome(answer.get("rounds") or ())
    if wanted.crashed:
        return
    for name in sorted({*wanted.created, *got.created}):
        yield from _build(case, {"object": wanted.created.get(name)}, {"object": got.created.get(name)})
    normal = Normaliser()
    for part in ("written", "outputs"):
        yield from between(normal(getattr(wanted, part)), normal(getattr(got, part)), part)
    for part in ("deleted", "tokens", "phase", "resources"):
        if getattr(wanted, part) != getattr(got, part):
            yield Difference(part, getattr(wanted, part), getattr(got, part))


_OPERATIONS: Mapping[str, Callable[[Case, Answer, Answer], Iterator[Difference]]] = {
    "config": _or_error(_config),
    "enabled": _or_error(_enabled),
    "build": _or_error(_build),
    "phase": _or_error(_phase),
    "manager": _or_error(_manager),
    "array": _or_error(_array),
}
