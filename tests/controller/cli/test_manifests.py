"""From files to TaskExecutions: what is wrong is said with file, line and place."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from controller.cli import documents, manifests
from pluginmachinery.api import names

FILE = Path("train.yaml")
HEAD = """\
apiVersion: plugins.flyte.org/v1alpha1
kind: TaskExecution
metadata: {name: train}
"""


def problems(text: str) -> list[str]:
    return [str(problem) for problem in manifests.load(FILE, text)[1]]


def objects(text: str) -> list[dict[str, Any]]:
    found, wrong = manifests.load(FILE, text)
    assert wrong == []
    return [manifest.object for manifest in found]


def test_an_execution_is_taken_as_it_is() -> None:
    text = HEAD + "spec:\n  template: {type: container, container: {image: busybox}}\n"
    assert objects(text) == [
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": "train"},
            "spec": {"template": {"type": "container", "container": {"image": "busybox"}}},
        }
    ]


def test_what_the_server_sets_and_the_status_are_left_out() -> None:
    text = dedent(
        """\
        apiVersion: plugins.flyte.org/v1alpha1
        kind: TaskExecution
        metadata: {name: a, uid: x, resourceVersion: "1", creationTimestamp: 2026-01-01T00:00:00Z, generation: 2}
        spec: {template: {type: container}}
        status: {phase: Failed}
        """
    )
    (found,) = objects(text)
    assert found["metadata"] == {"name": "a"}
    assert "status" not in found


@pytest.mark.parametrize(
    ("template", "file", "name"),
    [
        ({"type": "container"}, "my_task.yaml", "my-task-"),
        ({"type": "container", "id": {"name": "flows.train.Fit_Model"}}, "x.yaml", "fit-model-"),
        ({"type": "container"}, "-", "stdin-"),
        ({"type": "container", "id": {"name": "__"}}, "x.json", "task-"),
    ],
)
def test_a_bare_template_becomes_an_execution_with_a_name_of_its_own(
    template: dict[str, Any], file: str, name: str
) -> None:
    found, wrong = manifests.load(Path(file), json.dumps(template))
    assert wrong == []
    assert found[0].object["spec"] == {"template": template}
    assert found[0].object["metadata"] == {"generateName": name}


def test_several_documents_and_lists() -> None:
    one = HEAD + "spec: {template: {type: container}}\n"
    items = "kind: List\napiVersion: v1\nitems:\n- type: spark\n- type: ray\n"
    types = [found["spec"]["template"]["type"] for found in objects(f"{one}---\n---\n{items}")]
    assert types == ["container", "spark", "ray"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "train.yaml:1: there is no document in it", id="an empty file"),
        pytest.param("a: [1", "train.yaml:1: no valid YAML:", id="no YAML"),
        pytest.param("\tx: 1", "train.yaml:1: no valid YAML:", id="tabs"),
        pytest.param("- 1", "train.yaml:1: a TaskExecution or a task template is needed", id="a list"),
        pytest.param("kind: Pod", "train.yaml:1: kind: Pod is not TaskExecution", id="another kind"),
        pytest.param("a: 1", "neither a TaskExecution", id="nothing that is known"),
        pytest.param(
            "kind: TaskExecution\napiVersion: v1\n", "train.yaml:2: apiVersion: must be", id="another version"
        ),
        pytest.param(HEAD, "train.yaml:1: spec: is required", id="no spec"),
        pytest.param(
            HEAD + "spec:\n  template:\n    type: c\nspce: 1\n",
            "train.yaml:7: spce: unknown member; did you mean spec?",
            id="a misspelt member",
        ),
        pytest.param(HEAD + "spec: {}\n", "train.yaml:4: spec.template: is required", id="no template"),
        pytest.param(
            HEAD + "spec:\n  template:\n    container: {}\n",
            "train.yaml:5: spec.template.type: is required",
            id="no type",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  maxAttemps: 3\n",
            "train.yaml:6: spec.maxAttemps: unknown member; did you mean maxAttempts?",
            id="a misspelt member of spec",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  overrides:\n    resource: {}\n",
            "train.yaml:7: spec.overrides.resource: unknown member; did you mean resources?",
            id="a misspelt member further down",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  overrides:\n    resources:\n      limits:\n        cpu: lots\n",
            "cpu: 'lots' is no quantity",
            id="a bad quantity",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  suspend: 'true'\n",
            "train.yaml:6: spec.suspend: 'true': input should be a valid boolean",
            id="a text for a truth",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  timeouts: {execution: 1d}\n",
            "train.yaml:6: spec.timeouts.execution: '1d' has not the right form: such as 90s or 1h30m",
            id="a duration in days",
        ),
        pytest.param(
            HEAD + "spec:\n  template:\n    type: c\n    container:\n      image: 7\n",
            "train.yaml:8: spec.template.container.image:",
            id="a wrong type within the template",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c}\n  securityContext:\n    runAs: 7\n",
            "train.yaml:7: spec.securityContext",
            id="a wrong type within a message",
        ),
        pytest.param(
            HEAD + "spec:\n  template: {type: c, container: {args: ['{{.inputs.x}}']}}\n",
            "spec.inputs: the command refers to {{.inputs.…}}, and there are neither",
            id="inputs that are missing",
        ),
        pytest.param("a: 1\nb: {c: 1,\n  c: 2}\n", "train.yaml:3: b.c: the key stands here twice", id="a key twice"),
        pytest.param(
            HEAD.replace("name: train", "name: Train_1") + "spec: {template: {type: c}}\n",
            "train.yaml:3: metadata.name: 'Train_1' is no name",
            id="a bad name",
        ),
        pytest.param(
            HEAD.replace("{name: train}", "{}") + "spec: {template: {type: c}}\n",
            "train.yaml:3: metadata: give a name",
            id="no name",
        ),
        pytest.param(
            HEAD.replace("{name: train}", "{name: a, labels: {b: 1}}") + "spec: {template: {type: c}}\n",
            "train.yaml:3: metadata.labels.b: 1 must be a text: put it in quotes",
            id="a label that is a number",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, expected: str) -> None:
    found = problems(text)
    assert any(expected in problem for problem in found), found


def test_all_mistakes_are_told_at_once() -> None:
    text = HEAD + "spec:\n  template: {type: c}\n  suspend: 1\n  bogus: 2\n  priority: x\n"
    assert [problem.split(": ")[0] for problem in problems(text)] == ["train.yaml:6", "train.yaml:8", "train.yaml:7"]


def test_misspelt_members_of_a_template_are_warned_of() -> None:
    text = HEAD + "spec:\n  template:\n    type: c\n    container:\n      imagee: x\n"
    found, wrong = manifests.load(FILE, text)
    assert wrong == []
    assert [str(problem) for problem in manifests.warnings(found[0])] == [
        "train.yaml:8: spec.template.container.imagee: a task template has no such member; it is passed over"
    ]


def test_dates_stay_texts_and_merge_keys_work() -> None:
    text = "base: &base {a: 2026-01-01, b: 2}\nown: {<<: *base, b: 3}\n"
    (document,) = documents.read(text, "x")
    assert document.data["own"] == {"a": "2026-01-01", "b": 3}


def test_an_alias_to_itself_is_refused() -> None:
    with pytest.raises(documents.BadDocument, match="alias to itself"):
        documents.read("a: &a [*a]", "x")


@pytest.mark.parametrize("path", sorted(Path("examples/tasks").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_good(path: Path) -> None:
    found, wrong = manifests.load(path, path.read_text("utf-8"))
    assert wrong == []
    assert found
    assert [str(warning) for manifest in found for warning in manifests.warnings(manifest)] == []
