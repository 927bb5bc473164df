"""The targets for Flyte's own charts: what is rendered, imported again, says the same; and their shape."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configgen.flyte_charts.flyte_2 import for_flyte_2
from configgen.flyte_charts.sections import flyte_sections
from configgen.importers.forms import parts
from configgen.importers.importing import run
from configgen.importers.inputs import Input
from configgen.layers.environments import Source
from configgen.layers.kinds import configuration_kind
from configgen.layers.merge import stack
from configgen.layers.nodes import plain
from configgen.layers.reading import read_document
from configgen.migration.facts import PLATFORM_VARIABLES
from configgen.render.flyte_charts import rendered_values
from configgen.render.releases import documents_of, with_plain_ids
from configgen.render.yaml_text import to_yaml
from configgen.targets import FLYTE_TARGETS
from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, dump, read_as_flyte
from tests.configgen.conftest import EXAMPLE
from tests.configgen.test_round_trip import k8s, maps, quantities, ray, spark, texts

awkward = texts | st.sampled_from(
    [
        "{{",
        "{{{x}}}",
        "a {{- .x -}} b",
        "{{`{{`}}",
        '{{ "q" }}',
        "}}",
        "`",
        "back\\slash",
        "'q' \"d\"",
        "# {{ .x }}",
        "-",
    ]
)
templates = st.lists(
    st.fixed_dictionaries({"displayName": awkward, "templateUris": st.lists(awkward, max_size=2)}),
    max_size=2,
    unique_by=lambda found: found["displayName"],
)
logs = st.fixed_dictionaries(
    {},
    optional={
        "kubernetes-enabled": st.booleans(),
        "cloudwatch-enabled": st.booleans(),
        "cloudwatch-template-uri": awkward,
        "templates": templates,
        "dynamic-log-links": maps(st.fixed_dictionaries({"displayName": awkward})),
    },
)
plugin_sections = st.fixed_dictionaries(
    {},
    optional={
        "k8s": k8s,
        "logs": logs,
        "spark": spark,
        "ray": ray,
        "dask": st.fixed_dictionaries({"logs": logs}),
        "kf-operator": st.fixed_dictionaries({"timeout": st.sampled_from(["1m", "0s"])}),
        "k8s-array": st.fixed_dictionaries(
            {"maxArrayJobSize": st.integers(1, 9_000_000), "logs": st.fixed_dictionaries({"config": logs})},
            optional={"node-selector": maps(awkward)},
        ),
    },
)
amounts = st.fixed_dictionaries({}, optional={"cpu": quantities, "memory": quantities, "ephemeralStorage": quantities})
sections = st.fixed_dictionaries(
    {
        "tasks": st.fixed_dictionaries(
            {
                "task-plugins": st.fixed_dictionaries(
                    {
                        "enabled-plugins": st.lists(
                            st.sampled_from(["SPARK ", "ray", "dask", "pytorch", "k8s-array"]), unique=True
                        ).map(lambda found: ["Container", *found])
                    },
                    optional={"default-for-task-types": maps(st.just("container"))},
                )
            },
            optional={
                "backoff": st.fixed_dictionaries({"base-second": st.integers(0, 2_000_000)}),
                "max-plugin-phase-versions": st.integers(1, 2_000_000),
            },
        )
    },
    optional={
        "plugins": plugin_sections,
        "task_resources": st.fixed_dictionaries({}, optional={"defaults": amounts, "limits": amounts}),
        "propeller": st.fixed_dictionaries(
            {},
            optional={
                "node-config": st.fixed_dictionaries({"max-node-retries-system-failures": st.integers(1, 9)}),
                "resourcemanager": st.just({"type": "redis", "redis": {"hostPath": "redis:6379"}}),
                "literal-offloading-config": st.fixed_dictionaries(
                    {"Enabled": st.booleans()}, optional={"supported-sdk-versions": maps(awkward)}
                ),
            },
        ),
        "webhook": st.just({"secretManagerType": "Global"}),
        "otel": st.just({"type": "otlphttp", "otlphttp": {"endpoint": "http://otel:4318"}}),
        "plugin-manager": st.fixed_dictionaries(
            {"retries": st.fixed_dictionaries({}, optional={"system": st.integers(1, 9)}), "workers": st.just(3)}
        ),
    },
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Effective configurations, as an environment has them."""
    said = draw(sections)
    tree = stack([read_document(to_yaml(said), layer="l", file="l.yaml", kind=configuration_kind())])
    return with_plain_ids(plain(tree))


def meant(tree: dict[str, Any], target: str) -> Configuration:
    """What Flyte is to read."""
    wanted = flyte_sections(tree)
    wanted = for_flyte_2(wanted) if target == "flyte2" else wanted
    return read_as_flyte([Document("wanted.yaml", dump(wanted))])


def without_the_charts_own(found: Configuration, wanted: Configuration) -> Configuration:
    """Flyte 2's chart has a say in two things: variables of the platform, and the sidecar's image where nobody names
    one."""
    k8s = found.plugins.k8s
    variables = {name: value for name, value in k8s.default_env_vars.items() if name not in PLATFORM_VARIABLES}
    sidecar = k8s.co_pilot
    if "flyte-binary-v2" in sidecar.image:
        sidecar = sidecar.model_copy(update={"image": wanted.plugins.k8s.co_pilot.image})
    k8s = k8s.model_copy(update={"default_env_vars": variables, "co_pilot": sidecar})
    return found.model_copy(update={"plugins": found.plugins.model_copy(update={"k8s": k8s})})


def imported(values: str) -> Configuration:
    """What our own importer makes of values, rendered again."""
    result = run([Input("test", [("values.yaml", parts(values, "values.yaml"))])])
    with tempfile.TemporaryDirectory() as name:
        for path, text in result.files.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_text(text, "utf-8")
        tree = plain(Source(Path(name)).environment("test").config)
    return read_as_flyte([Document(file, text) for file, text in documents_of(tree, "a test").items()])


def assert_same(tree: dict[str, Any], target: str) -> None:
    wanted = meant(tree, target)
    found = imported(to_yaml(rendered_values(target, tree)))
    if target == "flyte2":
        found = without_the_charts_own(found, wanted)
        assert found.tasks.task_plugins.default_for_task_types == wanted.tasks.task_plugins.default_for_task_types
    else:
        assert found.tasks == wanted.tasks
    # Of other sections (webhook, otel) the importer leaves some to the installation.
    for section in ("plugins", "task_resources", "propeller"):
        assert getattr(found, section) == getattr(wanted, section)


@pytest.mark.parametrize("target", FLYTE_TARGETS)
@settings(max_examples=40, deadline=None)
@given(tree=configurations())
def test_what_is_rendered_for_flyte_is_imported_as_it_was(target: str, tree: dict[str, Any]) -> None:
    assert_same(tree, target)


@pytest.mark.parametrize("target", FLYTE_TARGETS)
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_example_goes_to_flyte_and_back(target: str, environment: str) -> None:
    assert_same(plain(Source(EXAMPLE).environment(environment).config), target)
