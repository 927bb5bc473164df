"""Trees that strict reading accepts, made at random from the description of the configuration."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.bounds import UNBOUNDED
from pluginmachinery.config.kinds import Kind, Member, Struct

NAMES = st.sampled_from(["a", "AWS_REGION", "example.com/Team", "nvidia.com/gpu", "x.y", "yes", "5", "Ä"])
TEXTS = st.sampled_from(["", "x", "yes", "5", "1e3", "a,b", " a ", "true", "null", "2024-01-01", "a: b", "ü\n", "0o7"])
DURATIONS = st.sampled_from(["0s", "30s", "1h30m", "1.5ms", "0"])
QUANTITIES = st.sampled_from(["1", "500m", "1Gi", "1.5Gi", "2e3", "0", 2, 0.5])

LOST_BY_FLYTE = ("logsSidecar",)
"""Kubernetes structures with embedded ones, which Flyte's reader can not decode."""


def trees() -> st.SearchStrategy[dict[str, Any]]:
    """Whole configurations, of Flyte's own sections."""
    return _struct(kinds.of_model(Configuration), skip=("plugin-manager",))


def _value(kind: Kind) -> st.SearchStrategy[Any]:
    match kind:
        case kinds.Bool():
            return st.booleans()
        case kinds.Int(bits):
            return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        case kinds.Float():
            return st.sampled_from([0, 0.25, 1, 1e-3])
        case kinds.Text(quantity=True) | kinds.QuantityKind():
            return QUANTITIES
        case kinds.Text(url=True):
            return st.just("http://minio:9000")
        case kinds.Text():
            return TEXTS
        case kinds.DurationKind():
            return DURATIONS
        case kinds.IntOrString():
            return st.sampled_from([80, "http"])
        case kinds.Choice(words):
            return st.sampled_from(words)
        case kinds.Number(enumeration):
            return st.sampled_from([member.value for member in enumeration])
        case kinds.Pointer(item):
            return _value(item)
        case kinds.ListOf(item):
            return st.lists(_value(item), max_size=2)
        case kinds.MapOf(item):
            entries = st.dictionaries(NAMES, _value(item), max_size=3)
            return entries | entries.map(lambda mapping: [{key: value} for key, value in mapping.items()])
        case kinds.KubernetesObject(type_name):
            return _filled(_struct(kinds.of_kubernetes(type_name)))
        case kinds.Plain(section):
            return _struct(section)
        case Struct():
            return _struct(kind)
    raise NotImplementedError(kind)


def _member(member: Member) -> st.SearchStrategy[Any]:
    """What the field takes: values of its kind within its bounds."""
    bounds = member.bounds
    if bounds.words:
        return st.sampled_from(bounds.words)
    if bounds != UNBOUNDED and isinstance(member.kind, kinds.Int):
        return st.integers(int(bounds.least or 0), int(bounds.most or (1 << (member.kind.bits - 1)) - 1))
    return _value(member.kind)


def _struct(struct: Struct, skip: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    members = [member for member in struct.flat_members if member.key not in skip and _is_flytes(member)]
    if not members:
        return st.just({})
    chosen = st.lists(st.sampled_from(members), max_size=3, unique_by=lambda member: member.key)
    return chosen.flatmap(
        lambda some: st.fixed_dictionaries({member.key: st.deferred(lambda m=member: _member(m)) for member in some})
    )


def _is_flytes(member: Member) -> bool:
    return member.read_by_flyte and member.key not in LOST_BY_FLYTE


def _filled(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Without mappings that are empty or hold only empty ones, for Flyte's reader overlooks those."""
    return values.map(_without_empty).filter(bool)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
