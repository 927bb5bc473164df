"""A generated name that is too long for its plugin is shortened, the same way by every verb."""

from __future__ import annotations

import dataclasses

from pluginmachinery.core.plugins import PluginProperties
from pluginmachinery.core.tasks import TaskContext
from pluginmachinery.manager.conduct import AS_FLYTE, Conduct
from pluginmachinery.manager.plugin_manager import PluginManager
from tests.pluginmachinery.manager.widgets import WidgetPlugin, cluster, executor, widget_task

LIMITED = WidgetPlugin(properties=PluginProperties(generated_name_max_length=20))


def named(name: str) -> TaskContext:
    task = widget_task(delete_resource_on_finalize=True)
    return dataclasses.replace(task, metadata=dataclasses.replace(task.metadata, generated_name=name))


def created(name: str, conduct: Conduct | None = None) -> str:
    api = cluster()
    executor(api).run(PluginManager(LIMITED, conduct=conduct).handle, named(name), None)
    (ref,) = api.objects
    return ref.name


def test_a_name_that_fits_stays() -> None:
    assert created("training-0") == "training-0"


def test_a_name_that_is_too_long_keeps_its_beginning_and_stays_unique() -> None:
    first, second = created(f"{'training' * 5}-0"), created(f"{'training' * 5}-1")
    assert first != second
    assert first.startswith("training")
    assert len(first) <= len("training" * 5)
    assert max(len(first), len(second)) <= 20


def test_names_count_as_they_are_given_to_kubernetes() -> None:
    """Camel case grows when it becomes a DNS name."""
    assert len(created("aBcDeFgHiJkLmNoPqR")) <= 20


def test_flyte_leaves_names_to_its_engine() -> None:
    assert created("n" * 30, AS_FLYTE) == "n" * 30


def test_what_was_created_is_found_again_aborted_and_finalized() -> None:
    manager, task, api = PluginManager(LIMITED), named("n" * 30), cluster()
    state = executor(api).run(manager.handle, task, None).state
    assert executor(api).run(manager.handle, task, state).phase.phase == "Queued"
    executor(api).run(manager.abort, task, state)
    assert api.objects == {}
    state = executor(api).run(manager.handle, task, None).state
    executor(api).run(manager.finalize, task, state)
    assert api.objects == {}
