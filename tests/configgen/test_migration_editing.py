"""Edits of YAML texts: comments stay with what they are about, and what can not be done leaves the text as it was."""

from __future__ import annotations

from textwrap import dedent

import pytest

from configgen.migration.editing import Edit, edited


def keys(text: str) -> tuple[str, ...]:
    return tuple(text.split("."))


DONE = {
    "an entry goes with the comment above it": (
        "a: 1  # one\n# two\nb: 2\n# three\nc: 3\n",
        Edit(keys("b")),
        "a: 1  # one\n# three\nc: 3\n",
    ),
    "what it leaves empty goes too": ("a:\n  b:\n    c: 1\nd: 2\n", Edit(keys("a.b.c")), "d: 2\n"),
    "a list at the column of its key": ("a:\n- 1\n- 2\nb: 2\n", Edit(keys("a")), "b: 2\n"),
    "a comment below belongs to what follows": (
        "a:\n  x: 1\n\n# about b\nb: 2\n",
        Edit(keys("a")),
        "\n# about b\nb: 2\n",
    ),
    "a name of its own": ("a:\n  old: 1  # why\n", Edit(keys("a.old"), keys("a.new")), "a:\n  new: 1  # why\n"),
    "a name in quotes, in braces": ('a: {"old": 1}\n', Edit(keys("a.old"), keys("a.new")), 'a: {"new": 1}\n'),
    "a move to a mapping that is there": (
        "a:\n  # why\n  b:\n    - 1  # one\nc:\n    d: 1\ne: 2\n",
        Edit(keys("a.b"), keys("c.b")),
        "c:\n    d: 1\n    # why\n    b:\n      - 1  # one\ne: 2\n",
    ),
    "a move to one that is empty": (
        "x:\n  a: {b: 1}\n  inline: {}\n",
        Edit(keys("x.a"), keys("x.inline.plugins.a")),
        "x:\n  inline:\n    plugins:\n      a: {b: 1}\n",
    ),
    "a move upwards, to a place that has to be made": (
        "z:\n  y:\n    a: |\n      text\n\n      more\n",
        Edit(keys("z.y.a"), keys("b.a")),
        "b:\n  a: |\n    text\n\n    more\n",
    ),
    "a move below its own place": (
        "db:\n  host: a\n",
        Edit(keys("db.host"), keys("db.pg.host")),
        "db:\n  pg:\n    host: a\n",
    ),
    "the first entry in braces": ("a: {b: 1, c: 2}  # x\n", Edit(keys("a.b")), "a: {c: 2}  # x\n"),
    "the last entry in braces": ("a: {b: 1, c: 2}  # x\n", Edit(keys("a.c")), "a: {b: 1}  # x\n"),
    "all there is in braces": ("a: {b: 1}\nc: 2\n", Edit(keys("a.b")), "c: 2\n"),
    "a value": ("a:\n  b: old  # why\n", Edit(keys("a.b"), value="new"), "a:\n  b: new  # why\n"),
}


@pytest.mark.parametrize(("text", "edit", "expected"), DONE.values(), ids=DONE)
def test_an_edit(text: str, edit: Edit, expected: str) -> None:
    assert edited(text, "a.yaml", [edit]) == (expected, [])


LEFT = {
    "a place that is taken": ("a: 1\nb: 2\n", Edit(keys("a"), keys("b"))),
    "an entry of braces over several lines": ("a: {b: 1,\n  c: 2}\n", Edit(keys("a.b"))),
    "an anchor": ("a: &x {b: 1}\nc: *x\n", Edit(keys("a"))),
    "two documents": ("a: 1\n---\nb: 2\n", Edit(keys("a"))),
    "a text on the way": ("a: 1\nb: text\n", Edit(keys("a"), keys("b.a"))),
    "nothing there": ("a: 1\n", Edit(keys("b"))),
}


@pytest.mark.parametrize(("text", "edit"), LEFT.values(), ids=LEFT)
def test_what_is_left_to_a_person(text: str, edit: Edit) -> None:
    assert edited(text, "a.yaml", [edit]) == (text, [edit])


def test_edits_follow_each_other() -> None:
    text = dedent(
        """
        configuration:
          database:
            host: a   # the one in eu-west-1
            port: 5432
          inline: {}
        """
    )
    edits = [
        Edit(keys(f"configuration.database.{key}"), keys(f"configuration.database.postgres.{key}"))
        for key in ("host", "port")
    ]
    changed, left = edited(text, "a.yaml", edits)
    assert left == []
    assert changed == dedent(
        """
        configuration:
          database:
            postgres:
              host: a   # the one in eu-west-1
              port: 5432
          inline: {}
        """
    )
