"""What is wrong with a document ends in problems that say where, what and how to mend it; never in a traceback."""

from __future__ import annotations

import pytest

from configgen.layers.kinds import configuration_kind
from configgen.layers.reading import read_document
from configgen.problems import SourceError

CASES = {
    "a duplicate key": (
        "plugins:\n  k8s:\n    scheduler-name: a\n    scheduler-name: b\n",
        "4:5: the key 'scheduler-name' twice; it is in line 3 already: keep one",
    ),
    "a duplicate key in the list form of a map": (
        "plugins:\n  k8s:\n    default-env-vars:\n      - A: 1\n      - A: 2\n",
        "5:9: plugins.k8s.default-env-vars: the key 'A' twice; keep one of them",
    ),
    "an anchor": ("a: &x 1\n", "1:4: an anchor (x); write the value out, or put it into a layer that both share"),
    "an alias": ("a: &x 1\nb: *x\n", "2:4: an alias (x); write the value out, or put it into a layer that both share"),
    "a merge key": ("a:\n  <<: {b: 1}\n", "2:3: a merge key (<<); write the keys out"),
    "a tab": ("a:\n\tb: 1\n", "2:1: a tab in the indentation; indent with spaces"),
    "an unknown tag": ("a: !appendd [1]\n", "1:4: the tag !appendd; did you mean !append?"),
    "a foreign tag": ("a: !vault secret\n", "1:4: the tag !vault; known tags: !append, !remove, !replace"),
    "a second document": (
        "a: 1\n---\nb: 1\n",
        "2:1: a second document in one file; give each document a file of its own",
    ),
    "a list at the root": ("- a\n", "1:1: no mapping of sections; start with keys such as plugins:"),
    "an unquoted template as a value": ("a: {{ x }}\n", "1:5: a key that is no text; put {{ … }} in quotes"),
    "an unclosed quote": ('a: "b\n', "no valid YAML: found unexpected end of stream"),
    "!append of a mapping": (
        "plugins:\n  k8s: !append\n    a: 1\n",
        "2:3: plugins.k8s: !append of a mapping; mappings merge by themselves",
    ),
    "!remove of a single value": (
        "plugins:\n  k8s:\n    default-env-from-secrets: !remove x\n",
        "3:5: plugins.k8s.default-env-from-secrets: !remove of a single value; put the value in brackets: !remove [x]",
    ),
    "a tag on an element": (
        "tasks:\n  task-plugins:\n    enabled-plugins:\n      - !remove spark\n",
        "4:9: tasks.task-plugins.enabled-plugins[0]: !remove of an element; tag the list, not its elements",
    ),
    "a plugin named twice": (
        "tasks:\n  task-plugins:\n    enabled-plugins: [Spark, 'spark ']\n",
        "3:30: tasks.task-plugins.enabled-plugins[1]: spark twice in one list; keep one of them",
    ),
    "a map's list form with a plain element": (
        "plugins:\n  k8s:\n    default-labels: [a]\n",
        "3:22: plugins.k8s.default-labels: an element that is no key of a map; write - KEY: value",
    ),
    "a bare date": ("a: 2020-01-01\n", "1:4: a bare date; put it in quotes"),
    "a control character": ("a: \x01\n", "1: character #x0001 may not appear in YAML"),
    "a document of a thousand levels": ("a: " + "[" * 1000 + "]" * 1000, "nested deeper than 60 levels"),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_document_that_is_wrong(text: str, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_document(text, layer="base", file="base/config/x.yaml", kind=configuration_kind())
    shown = [str(problem).removeprefix("base/config/x.yaml:") for problem in caught.value.problems]
    assert any(expected in line for line in shown), shown


def test_all_problems_are_reported_at_once_in_order_of_place() -> None:
    text = "b: !x 1\na: &y 2\nc:\n  d: 1\n  d: 2\n"
    with pytest.raises(SourceError) as caught:
        read_document(text, layer="base", file="f.yaml", kind=configuration_kind())
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(1, 4), (2, 4), (5, 3)]
