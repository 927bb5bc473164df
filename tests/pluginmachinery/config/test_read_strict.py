"""Strict reading: every mistake is found, with its place and how to mend it."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pluginmachinery.config import Configuration, Duration, Quantity
from pluginmachinery.config.documents import (
    ConfigurationError,
    Document,
    Location,
    read_located,
    read_strict,
    read_tree,
    validate,
)
from pluginmachinery.config.sections import Section


def read(*texts: str, **options: Any) -> Configuration:
    names = ("a.yaml", "b.yaml", "c.yaml")
    documents = [Document(name, dedent(text)) for name, text in zip(names, texts, strict=False)]
    return read_strict(documents, **options)


def problems(*texts: str, **options: Any) -> list[str]:
    try:
        read(*texts, **options)
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


MISTAKES: dict[str, tuple[str, str]] = {
    "a typo": (
        "plugins: {k8s: {default-cpu: 1}}",
        "a.yaml:1:17: plugins.k8s.default-cpu: there is no key default-cpu here; did you mean default-cpus?",
    ),
    "the spelling of another section": (
        "plugins: {k8s: {schedulerName: x}}",
        "a.yaml:1:17: plugins.k8s.schedulerName: there is no key schedulerName here; did you mean scheduler-name?",
    ),
    "a capital that Flyte would accept": (
        "plugins: {k8s: {Scheduler-Name: x}}",
        "a.yaml:1:17: plugins.k8s.Scheduler-Name: there is no key Scheduler-Name here; did you mean scheduler-name?",
    ),
    "the right key under the wrong parent": (
        "plugins: {k8s: {enabled-plugins: []}}",
        "a.yaml:1:17: plugins.k8s.enabled-plugins: there is no key enabled-plugins here;"
        " it belongs under tasks.task-plugins",
    ),
    "a section at the root": ("k8s: {}", "a.yaml:1:1: k8s: there is no key k8s here; it belongs under plugins"),
    "an invented key": (
        "plugins: {k8s: {zzz: {}}}",
        "a.yaml:1:17: plugins.k8s.zzz: there is no key zzz here; remove it",
    ),
    "a typo in a Kubernetes structure": (
        "plugins: {k8s: {default-tolerations: [{kye: a}]}}",
        "a.yaml:1:40: plugins.k8s.default-tolerations[0].kye: there is no key kye here; did you mean key?",
    ),
    "quotes around a truth value": (
        'plugins: {k8s: {inject-finalizer: "true"}}',
        "a.yaml:1:17: plugins.k8s.inject-finalizer: true or false is needed, not a text; write true, without quotes",
    ),
    "yes": (
        "plugins: {k8s: {inject-finalizer: yes}}",
        "a.yaml:1:17: plugins.k8s.inject-finalizer: true or false is needed, not a text; write true, without quotes",
    ),
    "quotes around a number": (
        'plugins: {k8s: {update-backoff-retries: "5"}}',
        "a.yaml:1:17: plugins.k8s.update-backoff-retries: a whole number is needed, not a text; remove the quotes",
    ),
    "a number as the value of a variable": (
        "plugins: {k8s: {default-env-vars: [{PORT: 8080}]}}",
        "a.yaml:1:37: plugins.k8s.default-env-vars.PORT: a text is needed, not a number; put it in quotes",
    ),
    "a date as the value of a variable": (
        "plugins: {k8s: {default-env-vars: {SINCE: 2024-01-01}}}",
        "a.yaml:1:36: plugins.k8s.default-env-vars.SINCE: a text is needed, not a date; put it in quotes",
    ),
    "a variable without a value": (
        "plugins: {k8s: {default-env-vars: {A: }}}",
        "a.yaml:1:36: plugins.k8s.default-env-vars.A: the entry has no value;"
        ' write "" for an empty text, or remove the entry',
    ),
    "a key that is a number": (
        "plugins: {k8s: {default-labels: {5: a}}}",
        "a.yaml:1:34: plugins.k8s.default-labels.5: a key must be a text, not a number; put the key in quotes",
    ),
    "a variable twice in a list": (
        "plugins: {k8s: {default-env-vars: [{A: x}, {A: y}]}}",
        "a.yaml:1:45: plugins.k8s.default-env-vars.A: the key is there twice in this list; remove one of them",
    ),
    "a bad amount": (
        "plugins: {k8s: {default-memory: 1GB}}",
        "a.yaml:1:17: plugins.k8s.default-memory: '1GB' is no quantity;"
        " 'GB' is no suffix (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, e3)",
    ),
    "an amount that Kubernetes takes for zero": (
        "plugins: {k8s: {default-memory: Gi}}",
        "a.yaml:1:17: plugins.k8s.default-memory: 'Gi' is no quantity;"
        " write a number and a suffix, such as 500m or 1Gi",
    ),
    "a negative amount": (
        "plugins: {k8s: {default-cpus: -1}}",
        "a.yaml:1:17: plugins.k8s.default-cpus: an amount can not be negative; remove the sign",
    ),
    "an amount that Flyte would choke on later": (
        "plugins: {k8s: {co-pilot: {cpu: half}}}",
        "a.yaml:1:28: plugins.k8s.co-pilot.cpu: 'half' is no quantity;"
        " write a number and a suffix, such as 500m or 1Gi",
    ),
    "a duration without a unit": (
        "plugins: {k8s: {pod-pending-timeout: 5}}",
        "a.yaml:1:17: plugins.k8s.pod-pending-timeout: a duration needs a unit;"
        " Flyte takes a bare number for nanoseconds; write 5s, 5m, …",
    ),
    "days": (
        "plugins: {k8s: {pod-pending-timeout: 1d}}",
        "a.yaml:1:17: plugins.k8s.pod-pending-timeout: '1d' is no duration; 'd' is no unit (ns, us, ms, s, m, h)",
    ),
    "one where a list is needed": (
        "tasks: {task-plugins: {enabled-plugins: container}}",
        "a.yaml:1:24: tasks.task-plugins.enabled-plugins: a list is needed, not a text;"
        " write each element after a dash",
    ),
    "a list where a mapping is needed": (
        "plugins: {k8s: [1]}",
        "a.yaml:1:11: plugins.k8s: a mapping is needed, not a list; write its keys below it, one a line",
    ),
    "a text where a map is needed": (
        "plugins: {k8s: {default-labels: a=b}}",
        "a.yaml:1:17: plugins.k8s.default-labels: a mapping is needed, not a text;"
        " write a mapping, or a list of one-key mappings",
    ),
    "an empty element": (
        "plugins: {k8s: {default-tolerations: [null]}}",
        "a.yaml:1:39: plugins.k8s.default-tolerations[0]: an element is empty; write it out or remove it",
    ),
    "a word that is none of the possible ones": (
        "plugins: {logs: {templates: [{scheme: pod}]}}",
        "a.yaml:1:31: plugins.logs.templates[0].scheme: one of Pod, TaskExecution is needed; did you mean Pod?",
    ),
    "a name where Flyte wants the number": (
        "plugins: {logs: {templates: [{messageFormat: JSON}]}}",
        "a.yaml:1:31: plugins.logs.templates[0].messageFormat: a number is needed:"
        " 0 (UNKNOWN), 1 (CSV), 2 (JSON); write 2",
    ),
    "a number outside of its bounds": (
        "plugin-manager: {workers: 0}",
        "a.yaml:1:18: plugin-manager.workers: 0 is out of bounds; write a number: 1 or more",
    ),
    "a number beyond its bounds": (
        "plugin-manager: {sharding: {count: 61}}",
        "a.yaml:1:29: plugin-manager.sharding.count: 61 is out of bounds; write a number: from 1 to 60",
    ),
    "a number that can not be negative, of a scope": (
        "plugin-manager: {scopes: [{k8s: {update-backoff-retries: -1}}]}",
        "a.yaml:1:34: plugin-manager.scopes[0].k8s.update-backoff-retries: -1 is out of bounds;"
        " write a number: 0 or more",
    ),
    "a negative time span": (
        "plugins: {k8s: {pod-pending-timeout: -1s}}",
        "a.yaml:1:17: plugins.k8s.pod-pending-timeout: a time span can not be negative; remove the sign",
    ),
    "a word in other letters": (
        "plugins: {k8s: {image-pull-policy: always}}",
        "a.yaml:1:17: plugins.k8s.image-pull-policy: 'always' is no possible value; did you mean Always?",
    ),
    "a word that there is not": (
        "plugins: {ray: {serviceType: Headless}}",
        "a.yaml:1:17: plugins.ray.serviceType: 'Headless' is no possible value;"
        " write ClusterIP, NodePort, LoadBalancer or ExternalName",
    ),
    "a word of Kubernetes in other letters": (
        "plugins: {k8s: {default-tolerations: [{key: a, operator: exists}]}}",
        "a.yaml:1:48: plugins.k8s.default-tolerations[0].operator: 'exists' is no possible value; did you mean Exists?",
    ),
    "a tag of configgen's source": (
        "tasks: {task-plugins: {enabled-plugins: !remove [spark]}}",
        "a.yaml:1:41: tasks.task-plugins.enabled-plugins: the tag !remove has no meaning in a configuration;"
        " tags belong to configgen's source; remove it",
    ),
    "a second document in a file": (
        "tasks: {}\n---\nplugins: {}\n",
        "a.yaml:3:1: only the first document of a file is read, and here is another; put it into a file of its own",
    ),
    "no mapping at the top": ("- a\n", "a.yaml:1:1: a mapping is needed at the top; write section: …"),
    "no YAML": (
        "a: [1\n",
        "a.yaml:2:1: this is not valid YAML: did not find expected ',' or ']';"
        " check the indentation and quotes around this place",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_place_and_mend(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_all_mistakes_are_found_at_once_and_sorted_by_place() -> None:
    found = problems(
        """
        plugin-manager: {workers: 0, coalesce: 5x, nonsense: 1}
        plugins:
          k8s: {inject-finalizer: 1, default-cpus: x}
        """,
        "tasks: {backof: {}}",
    )
    assert [message.split(": ")[0:2] for message in found] == [
        ["a.yaml:2:18", "plugin-manager.workers"],
        ["a.yaml:2:30", "plugin-manager.coalesce"],
        ["a.yaml:2:44", "plugin-manager.nonsense"],
        ["a.yaml:4:9", "plugins.k8s.inject-finalizer"],
        ["a.yaml:4:30", "plugins.k8s.default-cpus"],
        ["b.yaml:1:9", "tasks.backof"],
    ]


def test_values_of_variables_are_in_no_message() -> None:
    found = problems("plugins: {k8s: {default-env-vars: [{PASSWORD: [hunter2]}, {TOKEN: {hunter2: 1}}]}}")
    assert len(found) == 2
    assert "hunter2" not in str(found)


def test_both_forms_of_maps_are_read_and_keys_keep_their_case() -> None:
    mapping = read(
        "plugins: {k8s: {default-env-vars: {AWS_REGION: x}, default-node-selector: [{A.b/C: d}]}}"
    ).plugins.k8s
    assert mapping.default_env_vars == {"AWS_REGION": "x"}
    assert mapping.default_node_selector == {"A.b/C": "d"}


def test_documents_are_merged_by_key_whatever_the_form_of_their_maps() -> None:
    base = "plugins: {k8s: {default-env-vars: {A: base, B: base}, default-cpus: 1}}"
    overlay = "plugins: {k8s: {default-env-vars: [{B: overlay}, {C: overlay}], default-cpus: null}}"
    for texts in ((base, overlay), (base, overlay.replace("[{B: overlay}, {C: overlay}]", "{B: overlay, C: overlay}"))):
        merged = read(*texts).plugins.k8s
        assert merged.default_env_vars == {"A": "base", "B": "overlay", "C": "overlay"}
        assert merged.default_cpus == Quantity.parse("1")


def test_a_later_list_replaces_and_an_empty_one_clears() -> None:
    merged = read(
        "plugins: {k8s: {default-tolerations: [{key: a}], default-labels: {a: b}}}",
        "plugins: {k8s: {default-tolerations: [{key: b}], default-labels: []}}",
    ).plugins.k8s
    assert (merged.default_tolerations, merged.default_labels) == (({"key": "b"},), {})


def test_an_explicit_empty_map_is_empty() -> None:
    for empty in ("{}", "[]"):
        assert read(f"plugins: {{k8s: {{default-annotations: {empty}}}}}").plugins.k8s.default_annotations == {}


def test_after_merging_a_problem_is_where_the_bad_value_is_written() -> None:
    base = "plugins: {k8s: {default-memory: 1GB, default-labels: {a: b}}}"
    assert problems(base, "\nplugins: {k8s: {default-memory: 1XB}}")[0].startswith("b.yaml:2:17")
    assert problems(base, "plugins: {k8s: {default-memory: 1Gi}}") == []
    assert problems(base.replace("1GB", "1Gi"), "\n\nplugins: {k8s: {default-labels: [{c: 1}]}}")[0].startswith(
        "b.yaml:3:35"
    )


def test_null_is_as_if_the_key_were_not_there() -> None:
    assert read("plugins: {k8s: null, spark: {features: null}}\ntasks:\n") == Configuration()


def test_sections_of_flytes_other_parts_are_passed_over() -> None:
    assert problems("admin: {endpoint: x}\nremoteData: [1]\nlogger: 5\n") == []


def test_of_propeller_and_storage_only_what_we_read_is_checked_and_values_are_taken_as_flyte_takes_them() -> None:
    """Flyte's own charts write truth values into stow's settings, which are texts."""
    propeller = "propeller: {{workers: 4, node-config: {{max-node-retries-system-failures: {}, x: 1}}}}\n"
    storage = "storage: {type: stow, foo: 1, stow: {kind: s3, config: {v2_signing: true, region: us}}}\n"
    config = read(propeller.format('"7"') + storage)
    assert config.propeller.node_config.max_node_retries_system_failures == 7
    assert config.storage["stow"]["config"] == {"v2_signing": "1", "region": "us"}
    assert problems(propeller.format("x")) == [
        "a.yaml:1:39: propeller.node-config.max-node-retries-system-failures:"
        " a whole number is needed, not a text; write digits"
    ]


class Widgets(Section):
    """Sample of another distribution's section."""

    retries: int = Field(3, ge=0)
    """Retries."""
    grace: Duration = Duration.of(seconds=5)
    """Grace."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels."""


def test_sections_of_other_plugins_are_checked_by_their_models() -> None:
    sections = {"widgets": Widgets, "athena": None}
    texts = (
        "plugins: {widgets: {grace: 1m, labels: {A: b}}, athena: {any: [thing]}}",
        "plugins: {widgets: {labels: [{C: d}]}}",
    )
    config = read(*texts, known_sections=sections)
    widgets = Widgets(grace=Duration.of(minutes=1), labels={"A": "b", "C": "d"})
    assert config.other == {"widgets": widgets, "athena": {"any": ["thing"]}}
    assert problems("plugins: {widgets: {retires: 1, grace: 5, retries: -1}}", known_sections=sections) == [
        "a.yaml:1:21: plugins.widgets.retires: there is no key retires here; did you mean retries?",
        "a.yaml:1:33: plugins.widgets.grace: a duration needs a unit; Flyte takes a bare number for nanoseconds;"
        " write 5s, 5m, …",
        "a.yaml:1:43: plugins.widgets.retries: -1 is out of bounds; write a number: 0 or more",
    ]


def test_ids_of_plugins_are_brought_into_one_spelling() -> None:
    config = read(
        """
        tasks:
          task-plugins:
            enabled-plugins: [" K8S-ARRAY", "container\t", Container]
            default-for-task-types: {container_array: K8S-Array}
        plugin-manager: {optional-plugins: [Athena], scopes: [{project: p, enabled-plugins: [SPARK]}]}
        """
    )
    assert config.tasks.task_plugins.enabled_plugins == ("k8s-array", "container")
    assert config.tasks.task_plugins.default_for_task_types == {"container_array": "k8s-array"}
    assert config.plugin_manager.optional_plugins == ("athena",)
    assert config.plugin_manager.scopes[0].enabled_plugins == ("spark",)


def test_the_place_of_a_value_that_is_right_by_itself_can_be_asked_for() -> None:
    documents = [
        Document("a.yaml", "tasks:\n  task-plugins:\n    enabled-plugins:\n      - container\n      - sprak\n")
    ]
    reading = read_located(documents)
    assert reading.locate(("tasks", "task-plugins", "enabled-plugins", 1)) == Location("a.yaml", 5, 9)
    assert reading.locate(("tasks", "task-plugins", "default-for-task-types", "x")) == Location("a.yaml", 2, 3)
    assert reading.locate(("plugins",)) == Location("a.yaml", 1, 1)


def test_a_plain_tree_is_checked_with_the_callers_own_places() -> None:
    tree = {"plugins": {"k8s": {"default-cpus": "x"}}, "tasks": {"task-plugins": {"enabled-plugins": ["Spark"]}}}
    (problem,) = validate(tree, lambda path: Location("layer.yaml", len(path), 1))
    assert (problem.file, problem.line, problem.path) == ("layer.yaml", 3, "plugins.k8s.default-cpus")
    with pytest.raises(ConfigurationError):
        read_tree(tree)
    tree["plugins"]["k8s"]["default-cpus"] = "1"
    assert validate(tree) == []
    assert read_tree(tree).tasks.task_plugins.enabled_plugins == ("spark",)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["plugins", "k8s", "tasks", "default-labels", "logs", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JUNK)
def test_whatever_is_given_there_are_problems_or_a_configuration(tree: Any) -> None:
    found = validate(tree)
    if found:
        with pytest.raises(ConfigurationError):
            read_tree(tree)
    else:
        assert isinstance(read_tree(tree), Configuration)
