"""The registry: the support matrix, what the configuration enables of it, and plugins of other distributions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from pluginmachinery.config import Configuration
from pluginmachinery.config.documents import Document, read_strict
from pluginmachinery.core.plugins import CorePlugin, KubernetesPlugin
from pluginmachinery.plugins import registry
from pluginmachinery.plugins.enabling import EnablingError
from pluginmachinery.plugins.registry import BUILTIN, Discovery, PluginDeclaration, PluginRegistry, discover

REFERENCE = {
    "container": {"container", "python-task", "raw-container"},
    "sidecar": {"sidecar"},
    "pod": {"container", "python-task", "raw-container", "sidecar"},
    "spark": {"spark"},
    "pytorch": {"pytorch"},
    "tensorflow": {"tensorflow"},
    "mpi": {"mpi"},
    "ray": {"ray"},
    "dask": {"dask"},
    "k8s-array": {"container_array"},
    "aws_array": {"container_array", "aws-batch"},
    "athena": {"hive", "presto"},
    "bigquery": {"bigquery_query_job_task"},
    "snowflake": {"snowflake"},
    "databricks": {"spark"},
    "presto": {"presto"},
    "echo": {"echo"},
    "sagemaker_training": {"sagemaker_training_job_task"},
    "sagemaker_custom_training": {"sagemaker_custom_training_job_task"},
    "sagemaker_hyperparameter_tuning": {"sagemaker_hyperparameter_tuning_job_task"},
    "qubole-hive-executor": {"hive"},
}
"""The reference's plugins and task types; connector-service and agent-service announce theirs when they start."""


def configuration(enabled: str, defaults: str = "{}", optional: str = "[]") -> Configuration:
    text = f"""
    tasks: {{task-plugins: {{enabled-plugins: {enabled}, default-for-task-types: {defaults}}}}}
    plugin-manager: {{optional-plugins: {optional}}}
    """
    return read_strict([Document("a.yaml", dedent(text))])


def test_every_plugin_of_the_reference_is_known_with_its_task_types() -> None:
    known = {declaration.id: set(declaration.task_types) for declaration in BUILTIN}
    assert {plugin: known[plugin] for plugin in REFERENCE} == REFERENCE
    assert set(known) - set(REFERENCE) == {"connector-service", "agent-service"}


IMPLEMENTED = [declaration for declaration in BUILTIN if declaration.implementation]


@pytest.mark.parametrize("declaration", IMPLEMENTED, ids=lambda declaration: declaration.id)
def test_an_implementation_is_what_its_row_says(declaration: PluginDeclaration) -> None:
    plugin = registry.instance(declaration)
    assert isinstance(plugin, (KubernetesPlugin, CorePlugin))
    assert plugin.id == declaration.id
    if isinstance(plugin, KubernetesPlugin):
        assert plugin.resource in declaration.resources
    assert registry.instance(declaration) is plugin


def test_the_plugins_for_unknown_task_types_are_container_and_pod_in_this_order() -> None:
    assert [declaration.id for declaration in BUILTIN if declaration.is_default] == ["container", "pod"]


def test_what_is_enabled_runs_in_the_order_of_registration() -> None:
    found = PluginRegistry.from_config(configuration("[spark, sidecar, container]"))
    assert [declaration.id for declaration in found.declarations] == ["container", "sidecar", "spark"]
    assert found.resolve("python-task").id == "container"
    assert found.resolve("spark").id == "spark"
    assert found.resolve("unheard-of").id == "container"
    assert found.load("Spark").id == "spark"


def test_an_override_may_be_one_id_or_several() -> None:
    found = PluginRegistry.from_config(
        configuration("[container, pod]", "{container: container, python-task: pod, raw-container: pod}")
    )
    assert found.resolve("container", "pod").id == "pod"
    assert found.resolve("container", ["nope", "pod"]).id == "pod"


@pytest.mark.parametrize(
    ("enabled", "defaults", "code", "message"),
    [
        pytest.param("[sparkk]", "{}", "UnknownPlugin", "no plugin 'sparkk'; did you mean spark", id="a typo"),
        pytest.param("[zzz]", "{}", "UnknownPlugin", "plugins are agent-service, athena", id="nothing like it"),
        pytest.param("[container]", "{spark: sprak}", "UnknownPlugin", "did you mean spark", id="a typo in a default"),
        pytest.param("[athena]", "{}", "PluginNotImplemented", "known, but not implemented here", id="not implemented"),
        pytest.param("[container, pod]", "{}", "AmbiguousTaskType", "container: container", id="two for one type"),
        pytest.param(
            "[container]", "{spark: spark}", "EnabledPluginsError", "add spark to", id="a default not enabled"
        ),
    ],
)
def test_what_stops_the_start(enabled: str, defaults: str, code: str, message: str) -> None:
    with pytest.raises(EnablingError, match=message) as caught:
        PluginRegistry.from_config(configuration(enabled, defaults))
    assert caught.value.code == code


def test_an_optional_plugin_that_is_not_implemented_is_reported_and_does_not_stop_the_start() -> None:
    found = PluginRegistry.from_config(configuration("[container, athena]", optional="[Athena]"))
    assert [failed.id for failed in found.failed] == ["athena"]
    assert found.failed[0].reason.code == "PluginNotImplemented"
    assert [declaration.id for declaration in found.declarations] == ["container"]
    with pytest.raises(EnablingError, match="there is no plugin 'athena'"):
        found.load("athena")


def test_an_empty_list_enables_all_that_are_implemented_so_container_and_pod_clash() -> None:
    with pytest.raises(EnablingError, match="could run by container, pod"):
        PluginRegistry.from_config(configuration("[]"))
    defaults = "{container: container, python-task: container, raw-container: container, sidecar: sidecar}"
    found = PluginRegistry.from_config(configuration("[]", defaults))
    assert {declaration.id for declaration in found.declarations} == {declaration.id for declaration in IMPLEMENTED}


def test_tools_can_look_without_importing_a_plugin() -> None:
    broken = PluginDeclaration("widgets", ("widget",), "no_such_module:Plugin", distribution="widgets-dist")
    found = PluginRegistry.from_config(configuration("[widgets]"), Discovery((broken,)), load=False)
    assert found.resolve("widget") is broken


def test_sections_of_plugins_without_an_implementation_are_known_and_kept_unread() -> None:
    sections = registry.known_sections()
    assert {"athena", "aws", "qubole"} <= set(sections)
    document = Document("a.yaml", "plugins: {athena: {defaultCatalog: x}}")
    assert read_strict([document], known_sections=sections).other == {"athena": {"defaultCatalog": "x"}}


# --- Plugins of other distributions -------------------------------------------------------------------------------

MODULE = """
    from pluginmachinery.config.sections import Section
    from pluginmachinery.core.actions import ResourceKind
    from pluginmachinery.core.phases import undefined
    from pluginmachinery.core.plugins import PluginProperties
    from pluginmachinery.plugins.registry import PluginDeclaration

    class WidgetConfig(Section):
        '''Widgets.'''
        retries: int = 3
        '''Retries.'''

    class WidgetPlugin:
        id = "widgets"
        resource = ResourceKind("v1", "Widget", "widgets")
        properties = PluginProperties()
        def build_resource(self, task): return {}
        def build_identity_resource(self, metadata): return {}
        def get_task_phase(self, context, resource): return undefined()

    DECLARATION = PluginDeclaration(
        "widgets", ("widget",), __name__ + ":WidgetPlugin", config_section="widgets", config_model=WidgetConfig,
    )
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A function (distribution, entry points, module text) that installs a distribution for this test."""

    def put(distribution: str, points: str, text: str = MODULE) -> None:
        folder = tmp_path / distribution
        info = folder / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        module = distribution.replace("-", "_")
        (folder / f"{module}.py").write_text(dedent(text))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\n{points.format(module=module)}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def test_an_installed_plugin_is_found_configured_and_run(install: Install) -> None:
    install("acme-widgets", "widgets = {module}:DECLARATION")
    found = discover()
    (declaration,) = found.declarations
    assert (declaration.id, declaration.distribution) == ("widgets", "acme-widgets")
    text = "plugins: {widgets: {retries: 5}}\ntasks: {task-plugins: {enabled-plugins: [widgets]}}"
    config = read_strict([Document("a.yaml", text)], known_sections=registry.known_sections(found))
    assert config.other["widgets"].retries == 5
    assert PluginRegistry.from_config(config, found).load("widgets").id == "widgets"


def test_an_entry_point_may_be_a_function_that_gives_several(install: Install) -> None:
    text = (
        MODULE + "\n    def declarations():\n        return [DECLARATION, PluginDeclaration('gadgets', ('gadget',))]\n"
    )
    install("acme-several", "all = {module}:declarations", text)
    assert [declaration.id for declaration in discover().declarations] == ["widgets", "gadgets"]


def test_a_plugin_that_is_not_enabled_does_no_harm_however_broken(install: Install) -> None:
    install("acme-broken", "broken = {module}:DECLARATION", "raise RuntimeError('no licence')")
    found = discover()
    assert [failure.id for failure in found.failures] == ["broken"]
    assert PluginRegistry.from_config(configuration("[container]"), found).failed == ()


def test_a_broken_plugin_stops_the_start_unless_it_is_optional(install: Install) -> None:
    install("acme-broken", "broken = {module}:DECLARATION", "raise RuntimeError('no licence')")
    message = "broken of acme-broken can not be loaded from acme_broken:DECLARATION: RuntimeError: no licence"
    with pytest.raises(EnablingError, match=message) as caught:
        PluginRegistry.from_config(configuration("[container, broken]"), discover())
    assert caught.value.code == "PluginNotLoaded"
    found = PluginRegistry.from_config(configuration("[container, broken]", optional="[broken]"), discover())
    assert [failed.id for failed in found.failed] == ["broken"]


def test_a_plugin_made_for_another_version_of_the_contract_is_refused() -> None:
    future = PluginDeclaration("widgets", ("widget",), "x:Y", api_version=99, distribution="acme-widgets")
    with pytest.raises(EnablingError, match=r"made for version 99 .* install a version of acme-widgets") as caught:
        PluginRegistry.from_config(configuration("[widgets]"), Discovery((future,)))
    assert caught.value.code == "PluginApiVersion"


def test_two_plugins_of_one_id_are_an_error_that_names_both() -> None:
    mine = PluginDeclaration("Spark", ("spark",), "x:Y", distribution="acme-spark")
    with pytest.raises(EnablingError, match="one of flyte-plugin-manager, one of acme-spark; uninstall") as caught:
        PluginRegistry.from_config(configuration("[container]"), Discovery((mine,)))
    assert caught.value.code == "PluginClash"


def test_an_entry_point_that_names_something_else_is_a_failure(install: Install) -> None:
    install("acme-odd", "odd = {module}:THING", "THING = [5]")
    (failure,) = discover().failures
    assert "a PluginDeclaration is needed, not int" in str(failure.reason)
