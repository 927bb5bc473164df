"""The models themselves: Flyte's defaults, names, and a docstring for every field."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from pluginmachinery.config import Configuration, Quantity, kinds
from pluginmachinery.config.documents import to_flyte
from pluginmachinery.config.k8s import K8sPluginConfig
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.sections import Section
from tests.golden.comparison import Normaliser, between
from tests.golden.recordings import recordings


def _structs(kind: Kind) -> Iterator[Struct]:
    match kind:
        case Struct(model=model) if model is not None:
            yield kind
            for member in kind.members:
                yield from _structs(member.kind)
        case kinds.Pointer(item) | kinds.ListOf(item) | kinds.MapOf(item):
            yield from _structs(item)
        case kinds.Plain(section) | kinds.Part(section):
            yield from _structs(section)


STRUCTS = {struct.name: struct for struct in _structs(kinds.of_model(Configuration))}


@pytest.mark.parametrize("struct", STRUCTS.values(), ids=STRUCTS)
def test_every_field_says_in_a_sentence_what_it_is_for(struct: Struct) -> None:
    assert struct.model is not None
    assert (struct.model.__doc__ or "").strip().endswith(".")
    unsaid = [member.key for member in struct.members if not re.search(r"\w.*[.:)]$", member.description, re.DOTALL)]
    assert unsaid == []


@pytest.mark.parametrize("struct", STRUCTS.values(), ids=STRUCTS)
def test_no_two_keys_of_a_section_differ_only_in_case(struct: Struct) -> None:
    folded = [member.key.lower() for member in struct.members]
    assert len(folded) == len(set(folded))


def test_without_documents_everything_is_as_in_flyte() -> None:
    """Against the recorded case in which every section is mentioned and nothing is set."""
    empty = next(
        recording
        for recording in recordings()["config", "-"]
        if set((recording.case.get("config") or {}).get("plugins") or {}) >= {"dask", "spark", "logs"}
    )
    wanted = empty.expected["config"]
    resolved = to_flyte(Configuration())
    got = {"plugins": {name: resolved["plugins"][name] for name in wanted["plugins"]}, "tasks": resolved["tasks"]}
    normal = Normaliser()
    assert list(between(normal(wanted), normal(got))) == []


@pytest.mark.parametrize(
    ("attribute", "key"),
    [
        ("default_cpus", "default-cpus"),
        ("co_pilot", "co-pilot"),
        ("default_env_from_configmaps", "default-env-from-configmaps"),
        ("gpu_unpartitioned_node_selector_requirement", "gpu-unpartitioned-node-selector-requirement"),
    ],
)
def test_attributes_are_named_after_the_keys(attribute: str, key: str) -> None:
    assert K8sPluginConfig.model_fields[attribute].alias == key


def test_a_model_can_be_made_by_names_and_does_not_change() -> None:
    config = K8sPluginConfig(default_cpus="250m")
    assert config.default_cpus == Quantity.parse("0.25")
    with pytest.raises(ValidationError):
        config.default_cpus = Quantity()  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    Configuration().plugins.k8s.default_labels["a"] = "b"
    assert Configuration().plugins.k8s.default_labels == {}


def test_keys_of_maps_are_the_only_free_ones() -> None:
    class Sample(Section):
        """A sample."""

        labels: dict[str, str]
        """Labels."""

    assert kinds.of_model(Sample).by_key["labels"].kind == kinds.MapOf(kinds.Text())


def test_importing_the_configuration_stays_cheap() -> None:
    heavy = ("kubernetes", "ruamel", "yaml", "flyteidl", "google.protobuf", "jsonschema", "aiohttp")
    program = (
        "import sys, pluginmachinery.config;"
        f"print([name for name in {heavy!r} if any(m == name or m.startswith(name + '.') for m in sys.modules)])"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"


def test_members_carry_the_docstrings_of_the_models() -> None:
    cpus = kinds.of_model(K8sPluginConfig).by_key["default-cpus"]
    assert cpus.description == "CPU of a container for which nobody says anything."
