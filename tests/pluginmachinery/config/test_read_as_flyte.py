"""Reading as Flyte v1.16.8 reads: each rule with an example that was run through Flyte's own loader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config import Configuration, Duration, Quantity
from pluginmachinery.config.documents import ConfigurationError, Document, read_as_flyte, to_flyte
from pluginmachinery.config.logs import MessageFormat, TemplateScheme
from pluginmachinery.config.sections import Section

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def k8s(**keys: Any) -> Any:
    """``plugins.k8s`` of a document with these keys, ``_`` for ``-``."""
    return read_as_flyte(
        {"plugins": {"k8s": {key.replace("_", "-"): value for key, value in keys.items()}}}
    ).plugins.k8s


def test_keys_match_without_case_but_not_in_another_spelling() -> None:
    read = read_as_flyte({"PLUGINS": {"K8s": {"Scheduler-Name": "a", "schedulerName": "b", "gpu_resource_name": "c"}}})
    assert (read.plugins.k8s.scheduler_name, read.plugins.k8s.gpu_resource_name) == ("a", "nvidia.com/gpu")


def test_unknown_keys_and_sections_are_ignored() -> None:
    document = {"plugins": {"k8s": {"nonsense": [1]}, "nonesuch": {"a": 1}}, "totally": {"a": 1}}
    assert read_as_flyte(document) == Configuration()


MAPS = {
    "a mapping loses the case of its keys": ({"AWS_REGION": "x", "b": "y"}, {"aws_region": "x", "b": "y"}),
    "a list of mappings keeps it": ([{"AWS_REGION": "x"}, {"b": "y"}], {"AWS_REGION": "x", "b": "y"}),
    "of a list the later entry wins": ([{"A": "x"}, {"A": "y"}], {"A": "y"}),
    "keys with dots survive": ({"example.com/a": "x"}, {"example.com/a": "x"}),
    "keys with dots and capitals are there twice": (
        {"Example.com/A": "x"},
        {"Example.com/A": "x", "example.com/a": "x"},
    ),
    "numbers and truth values become texts": (
        [{"A": 1, "B": True, "C": 2.50, "D": False}],
        {"A": "1", "B": "1", "C": "2.5", "D": "0"},
    ),
    "null becomes an empty text": ([{"A": None}], {"A": ""}),
    "an empty list is an empty map": ([], {}),
    "a list with anything else in it starts again at every mapping": ([{"A": "x"}, None], {}),
}


@pytest.mark.parametrize(("written", "read"), MAPS.values(), ids=MAPS)
def test_maps(written: Any, read: dict[str, str]) -> None:
    assert k8s(default_env_vars=written).default_env_vars == read


def test_what_is_given_replaces_the_default_map_but_an_empty_mapping_and_null_leave_it() -> None:
    default = {SAFE_TO_EVICT: "false"}
    assert k8s(default_annotations={"a": "b"}).default_annotations == {"a": "b"}
    assert k8s(default_annotations={}).default_annotations == default
    assert k8s(default_annotations=None).default_annotations == default
    assert k8s(default_annotations=[]).default_annotations == {}
    assert k8s(default_annotations={"a": None}).default_annotations == default


def test_in_a_map_that_is_there_by_default_dotted_keys_keep_their_case_and_are_there_once() -> None:
    assert k8s(default_annotations={"Example.com/A": "x"}).default_annotations == {"Example.com/A": "x"}


def test_sections_are_merged_field_by_field() -> None:
    copilot = k8s(co_pilot={"image": "i", "timeout": None}).co_pilot
    assert (copilot.image, copilot.timeout, copilot.name) == ("i", Duration.of(hours=1), "flyte-copilot-")


def test_elements_of_lists_start_empty_not_at_the_defaults() -> None:
    features = {"plugins": {"spark": {"features": [{"name": "a"}, None]}}}
    read = read_as_flyte(features).plugins.spark.features
    assert [(feature.name, feature.spark_config) for feature in read] == [("a", {}), ("", {})]


SCALARS: dict[str, tuple[str, Any, Any]] = {
    "a text is true": ("inject_finalizer", "T", True),
    "an empty text is false": ("inject_finalizer", "", False),
    "a number is true": ("inject_finalizer", 2, True),
    "hexadecimal text": ("update_backoff_retries", "0x10", 16),
    "grouped digits": ("update_backoff_retries", "1_000", 1000),
    "an empty text is zero": ("update_backoff_retries", "", 0),
    "a float is cut off": ("update_backoff_retries", 3.9, 3),
    "a truth value is one": ("update_backoff_retries", True, 1),
    "a number as text": ("scheduler_name", 12, "12"),
    "a float as text": ("scheduler_name", 1e21, "1000000000000000000000"),
    "a truth value as text": ("scheduler_name", True, "1"),
    "a bare number is nanoseconds": ("pod_pending_timeout", 1500, Duration(1500)),
    "an empty duration": ("pod_pending_timeout", "", Duration()),
    "a mapping for a duration leaves the default": (
        "image_pull_backoff_grace_period",
        {"a": 1},
        Duration.of(minutes=3),
    ),
    "unless it names the field of Go's type": ("pod_pending_timeout", {"duration": "5s"}, Duration.of(seconds=5)),
    "a number for an amount": ("default_cpus", 0.5, Quantity.parse("500m")),
    "blanks around an amount": ("default_memory", " 1Gi ", Quantity.parse("1Gi")),
    "a mapping for an amount leaves the default": ("default_cpus", {"a": 1}, Quantity.parse("1")),
    "a text for a list is split at commas": ("default_env_from_secrets", "a, b", ("a", " b")),
    "a number for a list": ("default_env_from_secrets", 5, ("5",)),
    "one toleration for a list": ("default_tolerations", {"key": "a"}, ({"key": "a"},)),
    "an empty toleration for null": ("default_tolerations", [None], ({},)),
    "false is not absent": ("enable_host_networking_pod", "false", False),
    "unknown fields of Kubernetes structures are dropped": (
        "default_security_context",
        {"RunAsUser": "10", "capabilities": {"drop": "A,B"}, "x": 1},
        {"capabilities": {"drop": ["A,B"]}, "runAsUser": 10},
    ),
    "but a plain list of texts is split": (
        "interruptible_node_selector_requirement",
        {"key": "k", "operator": "In", "values": "a,b"},
        {"key": "k", "operator": "In", "values": ["a", "b"]},
    ),
}


@pytest.mark.parametrize(("field", "written", "read"), SCALARS.values(), ids=SCALARS)
def test_values_are_taken_for_what_they_are_not(field: str, written: Any, read: Any) -> None:
    assert getattr(k8s(**{field: written}), field) == read


REFUSED: dict[str, tuple[str, Any]] = {
    "yes is no truth value": ("inject_finalizer", "yes"),
    "a mapping for a truth value": ("inject_finalizer", {"a": 1}),
    "a list for a text": ("scheduler_name", ["a"]),
    "a text for a number": ("update_backoff_retries", "x"),
    "a duration without a unit": ("pod_pending_timeout", "5"),
    "days": ("pod_pending_timeout", "1d"),
    "a truth value for a duration": ("pod_pending_timeout", True),
    "a bad amount": ("default_cpus", "1GB"),
    "a list for an amount": ("default_cpus", ["1"]),
    "a mapping in a map of texts": ("default_labels", {"a": {"b": "c"}}),
    "a text for a map": ("default_labels", "a=b"),
    "a list for one structure": ("default_security_context", [{"runAsUser": 1}]),
    "a text for a section": ("co_pilot", "x"),
}


@pytest.mark.parametrize(("field", "written"), REFUSED.values(), ids=REFUSED)
def test_what_flyte_does_not_start_with(field: str, written: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        k8s(**{field: written})
    (problem,) = caught.value.problems
    assert problem.path.startswith(f"plugins.k8s.{field.replace('_', '-')}")


def test_embedded_structs_of_kubernetes_are_lost_unless_named_as_in_go() -> None:
    def sidecar(**container: Any) -> Any:
        return read_as_flyte({"plugins": {"ray": {"logsSidecar": container}}}).plugins.ray.logs_sidecar

    lost = sidecar(name="s", envFrom=[{"secretRef": {"name": "x"}}], livenessProbe={"httpGet": {"port": 1}})
    assert lost == {"name": "s", "envFrom": [{"secretRef": {}}], "livenessProbe": {}}
    kept = sidecar(name="s", envFrom=[{"secretRef": {"LocalObjectReference": {"name": "x"}}}])
    assert kept == {"name": "s", "envFrom": [{"secretRef": {"name": "x"}}]}


def test_enumerations() -> None:
    def template(**keys: Any) -> Any:
        return read_as_flyte({"plugins": {"logs": {"templates": [keys]}}}).plugins.logs.templates[0]

    assert template(scheme="TaskExecution", messageFormat=2).scheme is TemplateScheme.TASK_EXECUTION
    assert template(scheme=1).scheme is TemplateScheme.TASK_EXECUTION
    assert template(messageFormat="2").message_format is MessageFormat.JSON
    with pytest.raises(ConfigurationError):
        template(messageFormat="JSON")
    with pytest.raises(ConfigurationError):
        template(scheme="Nonsense")


def test_ray_falls_back_to_the_old_address_only_where_the_new_one_was_emptied() -> None:
    def addresses(**ray: Any) -> tuple[str, str]:
        defaults = read_as_flyte({"plugins": {"ray": ray}}).plugins.ray.defaults
        return defaults.head_node.ip_address, defaults.worker_node.ip_address

    assert addresses(nodeIPAddress="1.2.3.4") == ("$MY_POD_IP", "$MY_POD_IP")
    assert addresses(nodeIPAddress="1.2.3.4", defaults={"headNode": {"ipAddress": ""}}) == ("1.2.3.4", "$MY_POD_IP")


def env_documents(*maps: Any) -> Configuration:
    """Documents a, b, … of which each sets ``default-env-vars`` as given in YAML."""
    documents = [
        Document(f"{letter}.yaml", f"plugins: {{k8s: {{default-env-vars: {text}}}}}")
        for letter, text in zip("abcdef", maps, strict=False)
    ]
    return read_as_flyte(reversed(documents))


@pytest.mark.parametrize(
    ("earlier", "later", "read"),
    [
        pytest.param("{a: x, b: x}", "{b: y, c: y}", {"a": "x", "b": "y", "c": "y"}, id="map and map merge by key"),
        pytest.param("{a: x}", "[{B: y}]", {"a": "x"}, id="a list after a map is dropped"),
        pytest.param("[{A: x}]", "{b: y}", {"b": "y"}, id="a map after a list replaces it"),
        pytest.param("[{A: x}]", "[{B: y}]", {"B": "y"}, id="a list after a list replaces it"),
        pytest.param("{a: x}", "null", {"a": "x"}, id="null after a map is dropped"),
        pytest.param("[{A: x}]", "null", {}, id="null after a list clears it"),
    ],
)
def test_several_documents_are_merged_in_the_order_of_their_names(
    earlier: str, later: str, read: dict[str, str]
) -> None:
    assert env_documents(earlier, later).plugins.k8s.default_env_vars == read


def test_a_document_that_is_no_yaml_or_no_mapping_stops_flyte() -> None:
    for text in ("a: [", "- a", "x", "a: {b: 1, b: 2}"):
        with pytest.raises(ConfigurationError):
            read_as_flyte([Document("a.yaml", text)])


def test_only_the_first_document_of_a_file_counts() -> None:
    text = "plugins: {k8s: {scheduler-name: a}}\n---\nplugins: {k8s: {scheduler-name: b}}\n"
    assert read_as_flyte([Document("a.yaml", text)]).plugins.k8s.scheduler_name == "a"


def test_an_unquoted_date_is_no_text() -> None:
    with pytest.raises(ConfigurationError, match="a text is needed"):
        read_as_flyte([Document("a.yaml", "plugins: {k8s: {default-env-vars: [{A: 2024-01-01}]}}")])


def test_sections_of_other_plugins_are_read_by_their_models_or_kept() -> None:
    class Model(Section):
        """A section."""

        retries: int = 3
        """Retries."""

    document = {"plugins": {"Widgets": {"retries": "5"}, "athena": {"defaultCatalog": "x"}}}
    read = read_as_flyte(document, known_sections={"widgets": Model, "athena": None, "gadgets": Model})
    assert read.other == {"widgets": Model(retries=5), "athena": {"defaultcatalog": "x"}, "gadgets": Model()}


def test_fields_that_only_flyte_2_has_are_unknown_to_flyte_1() -> None:
    assert k8s(disable_inject_owner_references=True).disable_inject_owner_references is False


def test_storage_travels_as_a_mapping_with_all_defaults() -> None:
    read = read_as_flyte(
        {"Storage": {"type": "stow", "stow": {"kind": "s3", "config": {"Region": "r", "disable_ssl": True}}}}
    )
    assert read.storage["stow"] == {"kind": "s3", "config": {"region": "r", "disable_ssl": "1"}}
    assert (read.storage["type"], read.storage["connection"]["auth-type"]) == ("stow", "iam")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(to_flyte(Configuration())["plugins"]["k8s"]))


@given(st.dictionaries(KEYS, JUNK, max_size=4))
def test_whatever_is_written_it_is_read_or_refused(section: dict[str, Any]) -> None:
    try:
        read = read_as_flyte({"plugins": {"k8s": section}})
    except ConfigurationError:
        return
    assert to_flyte(read)["plugins"]["k8s"]
