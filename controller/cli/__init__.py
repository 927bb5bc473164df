"""``controller``: run the plugin manager, and submit, look at and abort tasks.

One module holds one command, under the command's own name (``controller.cli.submit:submit``); it is imported when that
command is called, so that ``--help`` and completion start in a blink.

Exit codes of the commands that deal with tasks are in :mod:`.exits`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

COMMANDS: Mapping[str, str] = {
    "run": "Run the controller against a cluster.",
    "webhook": "Put secrets into pods that ask for them by Flyte's annotations.",
    "submit": "Submit tasks, and wait for them if wanted.",
    "get": "List tasks, watch them, or show one with its outputs.",
    "describe": "Tell what happened to a task, and why it waits.",
    "logs": "Print the logs of a task's pod.",
    "abort": "Abort tasks; the objects are kept.",
    "retry": "Submit tasks once more.",
    "completion": "Print the completion script for a shell.",
}
"""Command → its line in ``controller --help``, which so needs no import."""

FOR_KUBECTL = ("submit", "get", "describe", "logs", "abort", "retry")
"""Commands of ``kubectl flyte``: those for people who run tasks."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    known: ClassVar[Mapping[str, str]] = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signatures
        return list(self.known)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.known:
            return None
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.known and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.known, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close[0]}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(self.known.items()))


class KubectlGroup(LazyGroup):
    """What kubectl runs as ``kubectl flyte``."""

    known: ClassVar[Mapping[str, str]] = {name: COMMANDS[name] for name in FOR_KUBECTL}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flyte-plugin-manager", prog_name="controller")
def main() -> None:
    """Run Flyte's backend plugins on Kubernetes.

    \b
    Example:
      controller run --config /etc/flyte/config
      controller submit train.yaml --wait
      controller describe train
    """


@click.group(cls=KubectlGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flyte-plugin-manager", prog_name="kubectl flyte")
def flyte() -> None:
    """Submit Flyte's tasks to Kubernetes, look at them, stop them and try them again.

    \b
    Example:
      kubectl flyte submit train.yaml --wait
      kubectl flyte describe train
    """


def kubectl() -> None:
    """``kubectl-flyte``: kubectl finds a plugin by its name on PATH and hands everything on to it."""
    flyte(prog_name="kubectl flyte")


def complete_for_kubectl() -> None:
    """``kubectl_complete-flyte``: what kubectl asks for when a plugin's arguments are to be completed.

    The arguments come as they stand, the last one to be completed; answered is a line for each, then a directive.
    """
    import sys

    from click.shell_completion import ShellComplete

    *before, incomplete = sys.argv[1:] or [""]
    found = ShellComplete(flyte, {}, "kubectl flyte", "").get_completions(before, incomplete)
    for item in found:
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    no_files = 4
    click.echo(f":{0 if any(item.type == 'file' for item in found) else no_files}")
