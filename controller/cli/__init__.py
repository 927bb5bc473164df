"""``controller``: run the plugin manager, and submit, look at and abort tasks.

One module holds one command, under the command's own name (``controller.cli.submit:submit``); it is imported when that
command is called, so that ``--help`` and completion start in a blink.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

COMMANDS: Mapping[str, str] = {
    "run": "Run the controller against a cluster.",
    "submit": "Submit tasks, and wait for them if wanted.",
    "get": "List tasks, or show one with its outputs.",
    "describe": "Tell what happened to a task, and why it waits.",
    "logs": "Print the logs of a task's pod.",
    "abort": "Abort tasks; the objects are kept.",
}
"""Command → its line in ``controller --help``, which so needs no import."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signatures
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flyte-plugin-manager", prog_name="controller")
def main() -> None:
    """Run Flyte's backend plugins on Kubernetes."""
