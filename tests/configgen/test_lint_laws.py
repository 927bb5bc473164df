"""Laws of lint: whatever stands in a file, it ends in findings, the same ones every time, each in the file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configgen.lint.linting import Report, lint_file
from pluginmachinery.config import Configuration, kinds
from pluginmachinery.config.kinds import Kind, Struct

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "a", "1Gi", "500m", "30s", "Exists", "spark", " Container", "{{ .Values.x }}", "<X>", "latest"]
    ),
    st.text(max_size=5),
)
_KEYS = st.sampled_from(
    ["a", "A_B", "nvidia.com/gpu", "name", "key", "enabled", "spark", "k8s", "plugins", "tasks", 5, True]
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


def _value(kind: Kind, depth: int) -> st.SearchStrategy[Any]:
    """Sometimes what belongs there, sometimes anything."""
    match kind:
        case kinds.Pointer(item):
            return _value(item, depth)
        case kinds.Part(section) | kinds.Plain(section):
            return _value(section, depth)
        case kinds.KubernetesObject(name):
            return _value(kinds.of_kubernetes(name), depth)
        case Struct() if depth:
            members = {member.key: member for member in kind.flat_members}
            some = st.lists(st.sampled_from(sorted(members)), max_size=4, unique=True) if members else st.just([])
            filled = some.flatmap(
                lambda keys: st.fixed_dictionaries({key: _value(members[key].kind, depth - 1) for key in keys})
            )
            return filled | _ANYTHING
        case kinds.ListOf(item) if depth:
            return st.lists(_value(item, depth - 1), max_size=2) | _ANYTHING
        case kinds.MapOf(item) if depth:
            mapping = st.dictionaries(_KEYS, _value(item, depth - 1), max_size=2)
            return mapping | st.lists(mapping, max_size=2) | _ANYTHING
    return _ANYTHING


_DOCUMENTS = _value(kinds.of_model(Configuration), 5)
_FORMS = {
    "document": lambda tree: tree,
    "core": lambda tree: {"configmap": {"k8s": tree, "core": tree}, "sparkoperator": {"plugin_config": tree}},
    "binary": lambda tree: {"configuration": {"inline": tree}, "enabled_plugins": tree},
    "two": lambda tree: {"flyte-core-components": {"runs": {}}, "configuration": {"inline": tree}},
    "configmap": lambda tree: {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a.yaml": yaml.safe_dump(tree)}},
}


def _linted(content: str) -> Report:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "values.yaml"
        file.write_text(content, "utf-8")
        first, second = lint_file(file), lint_file(file)
        assert first == second
        assert all(finding.file == str(file) for finding in first.findings)
        lines = content.count("\n") + 2  # an end that is missing is missed behind the last line
        assert all(0 <= finding.line <= lines for finding in first.findings)
        return first


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_DOCUMENTS, st.sampled_from(sorted(_FORMS)))
def test_any_configuration_ends_in_findings(tree: Any, form: str) -> None:
    _linted(yaml.safe_dump(_FORMS[form](tree)))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-{}[]<>|&*!'\"#%\n ,.0$"), max_size=60))
def test_any_text_ends_in_findings(text: str) -> None:
    _linted(text)
