"""Phases as they happen, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from controller.cli import printing
from controller.cli.following import phase_of

_WIDTH = len("WaitingForResources")


class Progress:
    """Prints what is new about tasks: phases, attempts, reasons."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self._width = max((len(name) for name in tasks), default=0) if len(tasks) > 1 else 0
        self._told: dict[str, tuple[Any, ...]] = {}

    def tell(self, task: Mapping[str, Any]) -> None:
        """A line if it is news. Outputs follow success, the whole message failure."""
        metadata, status = task["metadata"], task.get("status") or {}
        phase = phase_of(task)
        reason = (status.get("waiting") or {}).get("reason") or status.get("reason") or ""
        news = (phase, status.get("attempt"), reason)
        if self._told.get(metadata["uid"]) == news:
            return
        self._told[metadata["uid"]] = news
        attempt = status.get("attempt") or 0
        words = [
            printing.clock(printing.now()),
            *([metadata["name"].ljust(self._width)] if self._width else []),
            printing.phase_word(phase, _WIDTH),
            ": ".join(filter(None, (f"attempt {attempt}" if attempt else "", reason))),
        ]
        click.echo("  ".join(words).rstrip())
        if phase == "Succeeded":
            printing.outputs(task)
        message = (status.get("error") or {}).get("message") or ""
        if phase == "Failed" and len(message) > len(reason):
            click.echo("".join(f"    {line}\n" for line in message.splitlines()), nl=False)
