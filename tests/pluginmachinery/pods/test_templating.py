"""Templates in commands and arguments."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.core.errors import BAD_TASK_SPECIFICATION, PluginError
from pluginmachinery.pods.templating import rendered
from tests.pluginmachinery.pods.pod_tasks import pod_task

INPUTS = {"literals": {"x": {"scalar": {"primitive": {"integer": "5"}}}}}
PATHS = {
    "checkpointPrefix": "s3://b/cp",
    "previousCheckpointPrefix": "s3://b/prev",
    "taskTemplatePath": "s3://b/task.pb",
    "inputs": INPUTS,
}


def render(text: str, **members: Any) -> str:
    return rendered([text], pod_task(**{**PATHS, **members}), "args")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{{.input}}", "s3://b/in/inputs.pb", id="input file"),
        pytest.param("{{.inputPrefix}}", "s3://b/in", id="input folder"),
        pytest.param("{{.outputPrefix}}", "s3://b/out", id="output folder"),
        pytest.param("{{.rawOutputDataPrefix}}", "s3://b/raw", id="raw output"),
        pytest.param("{{.checkpointOutputPrefix}}", "s3://b/cp", id="checkpoints of this attempt"),
        pytest.param("{{.prevCheckpointPrefix}}", "s3://b/prev", id="checkpoints of the attempt before"),
        pytest.param("{{.taskTemplatePath}}", "s3://b/task.pb", id="task template"),
        pytest.param("{{.namespace}}", "ns", id="namespace"),
        pytest.param("{{.perRetryUniqueKey}}", "e_n0_0", id="unique key"),
        pytest.param("{{.inputs.x}}", "5", id="value of an input"),
        pytest.param("--x={{ .inputs.x }},{{.INPUTS.x}}", "--x=5,5", id="several in one text"),
        pytest.param("{{ $outputPrefix }}", "s3://b/out", id="dollar introduces a name too"),
        pytest.param("{{\n.INPUT\t}}", "s3://b/in/inputs.pb", id="any case, any blanks"),
        pytest.param("{{ input }}", "{{ input }}", id="neither dot nor dollar"),
        pytest.param("{{..input}}", "{{..input}}", id="two dots"),
        pytest.param("{{ . input}}", "{{ . input}}", id="blank after the dot"),
        pytest.param("{{.unknown}}", "{{.unknown}}", id="unknown name stays"),
        pytest.param("{{.inputs.x}}{{.inputs.x}}", "55", id="one after the other"),
        pytest.param("{{.inputs.x {{.inputs.x}}", "{{.inputs.x 5", id="the first is not closed"),
        pytest.param("{{.inputs.}}", "{{.inputs.}}", id="no name of an input"),
        pytest.param("{{.inputs.x}", "{{.inputs.x}", id="half closed"),
        pytest.param("{{.inputs.x", "{{.inputs.x", id="open at the end"),
        pytest.param("{{{.inputs.x}}}", "{5}", id="three braces"),
        pytest.param("{{.inputsx}}", "{{.inputsx}}", id="no such name"),
        pytest.param("{{.{{.namespace}}}}", "{{.ns}}", id="inside of another template"),
        pytest.param("$1 ${x} $$", "$1 ${x} $$", id="dollars of the text itself stay"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_template_becomes_its_value(text: str, expected: str) -> None:
    assert render(text) == expected


def test_first_attempt_has_quotes_for_earlier_checkpoints() -> None:
    assert render("{{.prevCheckpointPrefix}}", previousCheckpointPrefix="") == '""'


@pytest.mark.parametrize(
    ("name", "expected"), [("1abc-d", "aabc_d"), ("-x.y", "ax_y"), ("_ok", "_ok"), ("a--b", "a_b"), ("", "")]
)
def test_unique_key_is_a_word(name: str, expected: str) -> None:
    assert render("{{.perRetryUniqueKey}}", generatedName=name) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a$$b", "a$b", id="two dollars are one"),
        pytest.param("a$1b", "a", id="reference to nothing takes the whole word"),
        pytest.param("a${x}b", "ab", id="braces"),
        pytest.param("a$0-", "a{{.input}}-", id="zero is the template itself"),
        pytest.param("a${0}b", "a{{.input}}b", id="zero in braces"),
        pytest.param("a$-b${", "a$-b${", id="no reference at all"),
        pytest.param("{{.namespace}}", "ns", id="templates in values are replaced as well"),
    ],
)
def test_dollars_in_values_are_references_as_in_go(path: str, expected: str) -> None:
    assert render("{{.input}}", inputPath=path) == expected


def test_without_inputs_their_templates_stay() -> None:
    assert render("{{.inputs.x}}", inputs=None) == "{{.inputs.x}}"


@pytest.mark.parametrize("inputs", [INPUTS, {"literals": {}}], ids=["some inputs", "no input at all"])
def test_an_input_that_is_not_there_is_an_error(inputs: Any) -> None:
    with pytest.raises(PluginError, match="no input 'nope'") as caught:
        render("{{.inputs.nope}}", inputs=inputs)
    assert (caught.value.code, caught.value.field) == (BAD_TASK_SPECIFICATION, "args[0]")


def test_an_opening_inside_of_a_name_belongs_to_the_name() -> None:
    with pytest.raises(PluginError, match=r"no input 'x\{\{\.inputs\.x'"):
        render("{{.inputs.x{{.inputs.x}}")


@pytest.mark.parametrize(
    "text",
    ["{{.inputs.x" * 90_000, "{{.inputs.x" * 40_000 + " " * 400_000, "{{ " * 300_000, "{{" + " " * 900_000],
    ids=["unclosed names", "unclosed names and blanks", "openings", "blanks"],
)
def test_a_mebibyte_of_openings_takes_no_time(text: str) -> None:
    started = time.process_time()
    assert render(text) == text
    assert time.process_time() - started < 2


def test_an_input_without_a_text_is_an_error() -> None:
    with pytest.raises(PluginError, match="it is a map") as caught:
        render("{{.inputs.m}}", inputs={"literals": {"m": {"map": {}}}})
    assert caught.value.code == BAD_TASK_SPECIFICATION


@given(st.text() | st.lists(st.sampled_from(["{{", "}}", ".", "$", "input", "inputs.x", " ", "\n", "é"])).map("".join))
def test_any_text_gives_a_text(text: str) -> None:
    with contextlib.suppress(PluginError):
        assert isinstance(render(text), str)


@given(st.text().filter(lambda text: "{{" not in text))
def test_texts_without_templates_are_left_alone(text: str) -> None:
    assert render(text) == text
