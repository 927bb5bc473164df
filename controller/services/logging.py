"""Logs: one line for one event that matters, as JSON for machines or as text for a terminal.

A record that is about a task carries ``extra={"task": {"namespace": …, "name": …, "uid": …, "attempt": …}}``; what is
logged while a worker has a task in hand, by whomever, is about that task without being told (:data:`in_hand`). Nothing
logs headers, tokens or bodies of requests.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson

LogFormat = Literal["json", "text"]

_NOISY = ("aiohttp", "asyncio", "kopf")
"""Libraries that are heard from WARNING on only: their INFO tells of themselves."""


Identity = Mapping[str, object]

in_hand: ContextVar[Callable[[], Identity] | None] = ContextVar("in_hand", default=None)
"""Tells the task that is being handled; asked only when something is logged."""


def _task_of(record: logging.LogRecord) -> Any:
    """The task that a record is about; None: it is about none."""
    task = getattr(record, "task", None)
    if task is None and (tell := in_hand.get()) is not None:
        return tell()["task"]
    return task


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        task = _task_of(record)
        if task is not None:
            line["task"] = task
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        task = _task_of(record)
        whose = f" {task['namespace']}/{task['name']}#{task['attempt']}" if task else ""
        text = f"{time} {record.levelname:<7}{whose} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(log_format: LogFormat | None, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (standard error). No format given: text for a terminal, else JSON."""
    stream = stream or sys.stderr
    chosen = log_format or ("text" if stream.isatty() else "json")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if chosen == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
