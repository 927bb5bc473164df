"""The conformance kit: every built-in plugin passes, and every check can fail."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.conformance import Step, check, example, examples
from pluginmachinery.conformance.checking import name_of
from pluginmachinery.conformance.checks.ordered import CHECKS
from pluginmachinery.core import phases
from pluginmachinery.core.actions import Create, Found, ObjectRef, Observation, ResourceKind
from pluginmachinery.core.errors import bad_task
from pluginmachinery.core.phases import ExecutionError, Phase, PhaseInfo, TaskInfo
from pluginmachinery.core.plugins import AbortBehavior, KubernetesPlugin, PluginProperties
from pluginmachinery.core.tasks import PluginContext, TaskContext, TaskMetadata
from pluginmachinery.core.transitions import PluginState, Transition
from pluginmachinery.core.versions import raise_version
from pluginmachinery.plugins.registry import BUILTIN, instance

IMPLEMENTED = [declaration for declaration in BUILTIN if declaration.implementation]
WITH_EXAMPLES = [declaration for declaration in IMPLEMENTED if examples.of_builtin(declaration.id)]


@pytest.mark.parametrize("declaration", WITH_EXAMPLES, ids=lambda declaration: declaration.id)
def test_built_in_plugins_conform(declaration: Any) -> None:
    found = check(instance(declaration), examples.of_builtin(declaration.id))
    assert [str(finding) for finding in found] == []


INJECTING = {"plugins": {"k8s": {"inject-finalizer": True, "delete-resource-on-finalize": True}}}


@pytest.mark.parametrize("declaration", WITH_EXAMPLES, ids=lambda declaration: declaration.id)
def test_built_in_plugins_conform_where_finalizers_are_injected(declaration: Any) -> None:
    config = read_as_flyte(INJECTING)
    found = check(instance(declaration), examples.of_builtin(declaration.id, config))
    assert [str(finding) for finding in found] == []


BUILD_ALL = """
import orjson, sys
from pluginmachinery.conformance import examples
from pluginmachinery.core.plugins import KubernetesPlugin
from pluginmachinery.manager.objects import finished_object
from pluginmachinery.plugins.registry import BUILTIN, instance
for declaration in BUILTIN:
    plugin = instance(declaration) if declaration.implementation else None
    for example in examples.of_builtin(declaration.id) if isinstance(plugin, KubernetesPlugin) else ():
        print(orjson.dumps(finished_object(example.task, plugin, plugin.build_resource(example.task))).decode())
"""


def test_built_objects_are_the_same_bytes_in_every_process() -> None:
    """Neither the seed of Python's hashes nor that of protobuf's maps may show."""

    def built(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", BUILD_ALL], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = built("1")
    assert first.count("\n") > 15
    assert first == built("2") == built("3")


def test_every_built_in_kubernetes_plugin_has_examples_that_reach_an_end() -> None:
    for declaration in IMPLEMENTED:
        if isinstance(instance(declaration), KubernetesPlugin):
            steps = [step for one in examples.of_builtin(declaration.id) for step in one.steps]
            ends = {step.phase for step in steps if step.phase is not None and step.phase.is_terminal}
            assert len(ends) > 1 or declaration.id in ("sidecar", "pod"), declaration.id
            assert ends, declaration.id


# --- Every check can fail ---------------------------------------------------------------------------------------------

WIDGET = ResourceKind("example.org/v1", "Widget", "widgets")


def build(task: TaskContext) -> dict[str, Any]:
    custom = json_format.MessageToDict(task.template.custom)
    size = custom.get("size", 1)
    if not isinstance(size, int | float) or isinstance(size, bool):
        raise bad_task("size has to be a number", field="custom.size")
    return {"apiVersion": WIDGET.api_version, "kind": WIDGET.kind, "spec": {"size": size}}


def read(context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
    state = (resource.get("status") or {}).get("state")
    match state:
        case "Working":
            info = phases.running()
        case "Done":
            info = phases.success()
        case _:
            info = phases.queued(f"the widget is {state if isinstance(state, str) else 'new'}")
    return raise_version(info, context.saved)


@dataclass(frozen=True)
class Widgets:
    """Conforms; what a test replaces makes it fail."""

    id: str = "widget"
    resource: Any = WIDGET
    properties: PluginProperties = PluginProperties()  # noqa: RUF009
    build: Callable[[TaskContext], Any] = build
    read: Callable[[PluginContext, Mapping[str, Any]], Any] = read
    kind: str = "Widget"

    def build_resource(self, task: TaskContext) -> dict[str, Any]:
        built: dict[str, Any] = self.build(task)
        return built

    def build_identity_resource(self, metadata: TaskMetadata) -> dict[str, Any]:
        return {"apiVersion": WIDGET.api_version, "kind": self.kind}

    def get_task_phase(self, context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
        info: PhaseInfo = self.read(context, resource)
        return info


@dataclass(frozen=True)
class StoppedWidgets(Widgets):
    def on_abort(self, task: TaskContext, resource: Mapping[str, Any]) -> AbortBehavior:
        return AbortBehavior(delete=False)


class Spinning:
    """A core plugin that makes an object and never looks at what becomes of it; its verbs do the wrong things."""

    id = "spinning"

    def __init__(self, finalize: str = "") -> None:
        self._finalize = finalize

    def handle(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        if state:
            raise RuntimeError(f"{state} is not mine")
        ref = ObjectRef(WIDGET, "ns", "w")
        if isinstance(observation.object(ref), Found) or observation.results:
            return Transition(phases.running(), {})
        manifest = {"metadata": {"name": "w", "finalizers": ["flyte.org/finalizer-mine"]}}
        return Transition(phases.undefined(), {}, (Create(ref, manifest),))

    def abort(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        return Transition(phases.undefined())

    def finalize(self, task: TaskContext, state: PluginState, observation: Observation) -> Transition:
        if not self._finalize or observation.results:
            return Transition(phases.undefined())
        ref = ObjectRef(WIDGET, "ns", self._finalize)
        return Transition(phases.undefined(), actions=(Create(ref, {"metadata": {}}),))


TASK = {"type": "widget", "custom": {"size": 2}}
STEPS = (
    Step({"state": "Waiting"}, Phase.QUEUED),
    Step({"state": "Working"}, Phase.RUNNING),
    Step({"state": "Done"}, Phase.SUCCESS),
)
EXAMPLE = example("a widget", TASK, STEPS)

numbers = itertools.count()


def with_labels(task: TaskContext) -> dict[str, Any]:
    return {**build(task), "metadata": {"labels": {"name": task.metadata.generated_name}}}


def with_container(task: TaskContext) -> dict[str, Any]:
    return {**build(task), "spec": {"containers": [{"name": task.metadata.generated_name}]}}


def changing(task: TaskContext) -> dict[str, Any]:
    task.template.config["seen"] = str(next(numbers))
    return build(task)


def copying_custom(task: TaskContext) -> dict[str, Any]:
    return {**build(task), "spec": json_format.MessageToDict(task.template.custom)}


def trusting(task: TaskContext) -> dict[str, Any]:
    size = int(json_format.MessageToDict(task.template.custom).get("size", 1))
    return {"apiVersion": WIDGET.api_version, "kind": WIDGET.kind, "spec": {"size": size}}


def counting(context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
    return phases.running(version=context.saved.version + 1)


def reading_all(context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
    return phases.queued(",".join(sorted(resource.get("status") or {})))


def writing(context: PluginContext, resource: Any) -> PhaseInfo:
    resource["seen"] = True
    return read(context, resource)


def never_raising_versions(context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
    info = read(context, resource)
    return replace(info, version=0)


def trusting_status(context: PluginContext, resource: Mapping[str, Any]) -> PhaseInfo:
    return phases.queued(resource["status"]["state"].lower() if resource["status"] else "")


def raising(_: Any, __: Any = None) -> Any:
    raise RuntimeError("boom")


BROKEN: tuple[tuple[str, str, Any], ...] = (
    ("contract", "an object that is no plugin", object()),
    ("contract", "an ID with capitals", Widgets(id="Widget")),
    ("kind", "another identity", Widgets(kind="Gadget")),
    ("kind", "another object", Widgets(build=lambda task: {**build(task), "kind": "Gadget"})),
    ("kind", "no ResourceKind", Widgets(resource="Widget")),
    ("longest-name", "a limit of 3", Widgets(properties=PluginProperties(generated_name_max_length=3))),
    ("builds", "bytes in the object", Widgets(build=lambda task: {**build(task), "spec": {"size": {1, 2}}})),
    ("launches", "a defect", Widgets(build=raising)),
    ("same-every-time", "a counter", Widgets(build=lambda task: {**build(task), "spec": {"size": next(numbers)}})),
    ("nothing-changed", "a config that is written to", Widgets(build=changing)),
    ("names-fit", "the name as a label", Widgets(build=with_labels)),
    ("names-fit", "the name as a container's", Widgets(build=with_container)),
    ("unknown-custom", "custom copied as it is", Widgets(build=copying_custom)),
    ("junk-task", "text that is taken for a number", Widgets(build=trusting)),
    ("expected-phases", "a status that is not read", Widgets(read=lambda context, resource: phases.queued("?"))),
    ("legal-phases", "no versions", Widgets(read=never_raising_versions)),
    ("legal-phases", "aborted", Widgets(read=lambda context, resource: PhaseInfo(Phase.ABORTED))),
    ("legal-phases", "done before it began", Widgets(read=lambda context, resource: phases.success())),
    ("legal-phases", "a failure without code", Widgets(read=lambda *_: PhaseInfo(Phase.PERMANENT_FAILURE))),
    (
        "legal-phases",
        "an error of what did not fail",
        Widgets(read=lambda *_: PhaseInfo(Phase.RUNNING, error=ExecutionError("A", "b"))),
    ),
    ("legal-phases", "a version below zero", Widgets(read=lambda *_: phases.running(version=-1))),
    (
        "legal-phases",
        "a time without a zone",
        Widgets(read=lambda *_: phases.running(info=TaskInfo(occurred_at=datetime(2030, 1, 1)))),  # noqa: DTZ001
    ),
    (
        "legal-phases",
        "links that are no JSON",
        Widgets(read=lambda *_: phases.running(info=TaskInfo(logs=({"uri": {1}},)))),  # type: ignore[dict-item]
    ),
    ("same-phase-every-time", "a counter", Widgets(read=lambda *_: phases.queued(str(next(numbers))))),
    ("same-phase-every-time", "an object that is written to", Widgets(read=writing)),
    ("unknown-status", "all fields count", Widgets(read=reading_all)),
    ("junk-status", "a text that is trusted", Widgets(read=trusting_status)),
    ("junk-status", "no phase", Widgets(read=lambda *_: None)),
    ("state-stays-small", "a version that always rises", Widgets(read=counting)),
    ("junk-state", "a state that is not its own", Spinning()),
    ("typed-errors", "a defect", Widgets(read=raising)),
    ("deletion-in-progress", "a plugin that does not look", Spinning()),
    ("abort-twice", "nothing to be done", StoppedWidgets()),
    ("finalize-twice", "objects are made", Spinning("another")),
    ("finalize-twice", "a finalizer is left", Spinning()),
)


@pytest.mark.parametrize(("name", "plugin"), [pytest.param(one[0], one[2], id=" ".join(one[:2])) for one in BROKEN])
def test_a_broken_plugin_is_found_out(name: str, plugin: Any) -> None:
    found = check(plugin, [EXAMPLE])
    assert name in {finding.check for finding in found}, found
    assert all(finding.message and finding.mend and finding.example == "a widget" for finding in found)


def test_every_check_is_seen_to_fail() -> None:
    assert {one[0] for one in BROKEN} == {name_of(one) for one in CHECKS}


def test_a_plugin_that_conforms_has_no_findings() -> None:
    assert check(Widgets(), [EXAMPLE]) == []


def test_an_example_that_can_not_be_built_is_told_once() -> None:
    found = check(Widgets(), [example("bad", {"type": "widget", "custom": {"size": "big"}})])
    assert [(finding.check, "custom.size" in finding.message) for finding in found] == [("builds", True)]


def test_without_examples_nothing_is_called_good() -> None:
    with pytest.raises(ValueError, match="without an example"):
        check(Widgets(), [])


def test_what_a_plugin_raises_is_a_finding_with_its_place() -> None:
    found = check(Widgets(build=raising), [EXAMPLE])
    assert any("RuntimeError: boom (test_checking.py:" in finding.message for finding in found)


# --- Examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [", "not YAML", id="no YAML"),
        pytest.param("{}", "a list of examples", id="no list"),
        pytest.param("[{name: a}]", "example 1 has to be a mapping with at least a task", id="no task"),
        pytest.param("[{task: {}, taks: 1}]", "unknown keys: taks", id="a key that is not known"),
        pytest.param("[{task: {}, steps: [{phase: Running}]}]", "step 1 of example 1", id="no status"),
        pytest.param("[{task: {}, steps: [{status: {}, phase: Runing}]}]", "Runing is no phase", id="no phase"),
    ],
)
def test_bad_examples(text: str, problem: str) -> None:
    with pytest.raises(examples.BadExample, match=problem):
        examples.read(text)


# --- The command ------------------------------------------------------------------------------------------------------

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    from pluginmachinery.conformance.__main__ import main

    return main(["check", *arguments])


def test_the_command_checks_a_built_in_plugin(capsys: Capture) -> None:
    assert run("dask") == 0
    assert capsys.readouterr().out.startswith("dask: conforms (tried: a job that succeeds")


def test_the_command_reads_a_configuration(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "k8s.yaml"
    file.write_text("plugins: {k8s: {inject-finalizer: true}}")
    assert run("container", "--config", str(tmp_path)) == 0
    file.write_text("plugins: {k8s: {inject-finaliser: true}}")
    with pytest.raises(SystemExit) as end:
        run("container", "--config", str(tmp_path))
    assert end.value.code == 2
    assert "k8s.yaml:1" in capsys.readouterr().err


def test_the_command_tells_findings_and_their_mend(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_widgets.py").write_text(
        "from pluginmachinery.plugins.dask import DaskPlugin\n"
        "class Broken(DaskPlugin):\n"
        "    id = 'Broken'\n"
        "broken = Broken()\n"
        "def make(): return Broken()\n"
        "def fail(): raise RuntimeError('boom')\n"
        "from pluginmachinery.plugins.registry import declaration_of\n"
        "DECLARATION = declaration_of('dask')\n"
    )
    file = tmp_path / "examples.yaml"
    file.write_text("[{name: mine, task: {type: dask, container: {image: i}, custom: {workers: {}}}}]")
    monkeypatch.chdir(tmp_path)
    assert run("broken_widgets:broken", "--examples", str(file)) == 1
    told = capsys.readouterr().out
    assert "contract (mine)" in told
    assert "mend: IDs are compared that way" in told
    assert run("broken_widgets:Broken", "--examples", str(file), "-o", "json") == 1
    assert '"check": "contract"' in capsys.readouterr().out
    assert run("broken_widgets:make") == 1
    assert "checked with a plain container task only" in capsys.readouterr().err
    assert run("broken_widgets:DECLARATION") == 0
    with pytest.raises(SystemExit):
        run("broken_widgets:fail")
    assert "RuntimeError: boom" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(("no-such-plugin",), "no plugin 'no-such-plugin' is installed", id="unknown ID"),
        pytest.param(("no.such.module:Plugin",), "can not be imported: ModuleNotFoundError", id="unknown module"),
        pytest.param(("k8s-none:",), "can not be imported", id="nonsense"),
        pytest.param(("dask", "--examples", "no-such-file"), "no-such-file", id="no file"),
        pytest.param(("dask", "--config", "no-such-folder"), "has no *.yaml files", id="no configuration"),
    ],
)
def test_the_command_refuses_what_it_can_not_check(arguments: tuple[str, ...], problem: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    assert problem in capsys.readouterr().err
