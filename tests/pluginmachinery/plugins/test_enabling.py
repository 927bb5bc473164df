"""Enabling: which plugins run and which of them runs a task type, as pure decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.tasks import TaskPluginConfig
from pluginmachinery.plugins import enabling
from pluginmachinery.plugins.enabling import EnablingError


@dataclass(frozen=True)
class Sample:
    id: str
    task_types: Sequence[str]
    is_default: bool = False


CONTAINER = Sample("container", ("container", "python-task"), is_default=True)
POD = Sample("pod", ("container", "python-task", "sidecar"), is_default=True)
SPARK = Sample("spark", ("spark",))
CAPITAL = Sample("Widgets", ("My_Task",))


def config(*enabled: str, **defaults: str) -> TaskPluginConfig:
    named = {name.replace("_", "-"): plugin for name, plugin in defaults.items()}
    return TaskPluginConfig(enabled_plugins=enabled, default_for_task_types=named)


def test_an_empty_list_enables_all() -> None:
    enabled = enabling.enabled_plugins(config())
    assert enabled.ids is None
    assert enabled.includes("anything")


def test_ids_are_compared_without_blanks_and_case_but_other_white_space_counts() -> None:
    enabled = enabling.enabled_plugins(config(" Container ", "SPARK", "\tray"))
    assert [enabled.includes(name) for name in ("container", "Spark", "ray")] == [True, True, False]


def test_a_list_with_an_empty_id_enables_nothing() -> None:
    assert not enabling.enabled_plugins(config("")).includes("container")


def test_a_default_that_is_not_enabled_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(EnablingError, match="spark to the plugin 'ray', which is not enabled; add ray to") as caught:
        enabling.enabled_plugins(config("spark", spark="ray"))
    assert caught.value.code == "EnabledPluginsError"


def test_but_with_an_empty_list_nothing_is_checked() -> None:
    assert enabling.enabled_plugins(config(spark="ray")).defaults == {"ray": ("spark",)}


def test_an_id_with_capitals_keeps_its_default_task_types() -> None:
    """The reference loses some of them."""
    defaults = enabling.enabled_plugins(config("Pod", container="Pod", python_task=" pod")).defaults
    assert defaults == {"pod": ("container", "python-task")}
    assert enabling.handlers([CONTAINER, POD], defaults)["container"] == "pod"


def test_each_task_type_goes_to_its_default_or_to_the_only_plugin_that_knows_it() -> None:
    handlers = enabling.handlers([CONTAINER, POD, SPARK], {"pod": ("container",), "container": ("python-task",)})
    assert handlers == {"container": "pod", "python-task": "container", "sidecar": "pod", "spark": "spark"}


def test_two_plugins_for_one_type_are_an_error_that_says_what_to_write() -> None:
    message = "type container could run by container, pod; choose one in .*: container: container"
    with pytest.raises(EnablingError, match=message) as caught:
        enabling.handlers([CONTAINER, POD], {"pod": ("python-task",)})
    assert caught.value.code == "AmbiguousTaskType"


def test_two_defaults_for_one_type_are_an_error() -> None:
    with pytest.raises(EnablingError, match="container could run by container, pod"):
        enabling.handlers([CONTAINER, POD], {"pod": ("container", "python-task"), "container": ("container",)})


def test_a_default_for_a_type_that_the_plugin_does_not_know_counts_for_nothing() -> None:
    assert enabling.handlers([CONTAINER, SPARK], {"spark": ("container", "nope")})["container"] == "container"


def test_task_types_with_capitals_find_their_default() -> None:
    other = Sample("gadgets", ("My_Task",))
    assert enabling.handlers([CAPITAL, other], {"widgets": ("my_task",)}) == {"My_Task": "Widgets"}


@pytest.mark.parametrize(
    ("task_type", "override", "plugin"),
    [
        pytest.param("spark", (), "spark", id="the only plugin of the type"),
        pytest.param("container", (), "container", id="the default of the type"),
        pytest.param("container", ("pod",), "pod", id="the override of the execution"),
        pytest.param("container", ("ray", "POD"), "pod", id="the first override that is there"),
        pytest.param("container", ("spark",), "container", id="an override that does not know the type is no help"),
        pytest.param("unheard-of", (), "container", id="the first plugin that takes everything"),
    ],
)
def test_resolution(task_type: str, override: tuple[str, ...], plugin: str) -> None:
    plugins = [CONTAINER, POD, SPARK]
    handlers = enabling.handlers(plugins, {"container": ("container", "python-task")})
    assert enabling.resolve(task_type, plugins, handlers, override) == plugin


def test_without_a_plugin_that_takes_everything_an_unknown_type_is_an_error() -> None:
    with pytest.raises(EnablingError, match="no enabled plugin runs tasks of type 'container'") as caught:
        enabling.resolve("container", [SPARK], {"spark": "spark"})
    assert caught.value.code == "NoPluginForTaskType"


NAMES = st.sampled_from(["container", "pod", "spark", "Spark ", " POD", "ray"])


@given(st.lists(NAMES, max_size=4), st.dictionaries(st.sampled_from(["container", "spark", "x"]), NAMES, max_size=3))
def test_whoever_runs_a_type_is_enabled_and_knows_it(enabled: list[str], defaults: dict[str, str]) -> None:
    try:
        read = enabling.enabled_plugins(TaskPluginConfig(enabled_plugins=enabled, default_for_task_types=defaults))
        running = [plugin for plugin in (CONTAINER, POD, SPARK) if read.includes(plugin.id)]
        handlers = enabling.handlers(running, read.defaults)
    except EnablingError:
        return
    by_id = {plugin.id: plugin for plugin in running}
    assert all(task_type in by_id[plugin].task_types for task_type, plugin in handlers.items())
    assert set(handlers) == {task_type for plugin in running for task_type in plugin.task_types}
