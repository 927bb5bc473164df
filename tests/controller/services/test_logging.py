"""One line for one event, with the task in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from controller.services.logging import configure, in_hand

TASK = {"namespace": "ns", "name": "t", "uid": "u", "attempt": 1}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("aiohttp", "asyncio", "kopf")}
    yield io.StringIO()
    root.handlers[:] = before
    root.setLevel(level)
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)


def test_json_has_the_task_in_every_line_about_one(stream: io.StringIO) -> None:
    configure("json", stream=stream)
    logging.getLogger("x").info("task %s", "Failed", extra={"task": TASK})
    logging.getLogger("x").warning("other")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {"level": "info", "logger": "x", "message": "task Failed", "task": TASK}
    assert "task" not in second


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_is_logged_while_a_task_is_in_hand_is_about_it(
    stream: io.StringIO, log_format: Literal["json", "text"]
) -> None:
    configure(log_format, stream=stream)
    in_hand.set(lambda: {"task": TASK})
    logging.getLogger("a.library").warning("a retry")
    in_hand.set(None)
    logging.getLogger("a.library").warning("another")
    first, second = stream.getvalue().splitlines()
    told = '"name":"t"' if log_format == "json" else "ns/t#1"
    assert (told in first, told in second) == (True, False)


def test_an_exception_stays_in_its_line(stream: io.StringIO) -> None:
    configure("json", stream=stream)
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "RuntimeError: boom" in json.loads(line)["exception"]


def test_text_is_for_people(stream: io.StringIO) -> None:
    configure("text", stream=stream)
    logging.getLogger("x").info("task Succeeded", extra={"task": TASK})
    assert stream.getvalue().rstrip().endswith("INFO    ns/t#1 task Succeeded")


def test_no_terminal_no_format_is_json(stream: io.StringIO) -> None:
    configure(None, stream=stream)
    logging.getLogger("x").info("hello")
    assert json.loads(stream.getvalue())["message"] == "hello"


@pytest.mark.parametrize(("level", "heard"), [("INFO", False), ("DEBUG", False), ("ERROR", False)])
def test_libraries_keep_their_own_affairs_to_themselves(stream: io.StringIO, level: str, heard: bool) -> None:
    configure("json", level, stream)
    logging.getLogger("kopf.activities").info("Initial authentication has been initiated.")
    assert bool(stream.getvalue()) is heard
