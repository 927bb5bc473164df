"""``configgen``: render layered configuration, and compare what environments come to.

One module holds one command, under the command's own name (``configgen.cli.render:render``); it is imported when that
command is called, so that ``--help`` and completion start in a blink.

Exit codes are the same everywhere: 0 as wished; 1 an answer that scripts ask for (stale, differs); 2 an error; 130
interrupted (Ctrl-C); 141 whoever read the output went away.
"""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Mapping
from pathlib import Path

import click

COMMANDS: Mapping[str, str] = {
    "init": "Make a new source: base, dev, prod, and a workflow that posts diffs.",
    "import": "Make a source of an existing install's values, ConfigMaps or files.",
    "render": "Write what a cluster reads: kustomize overlays, Helm values, ConfigMaps.",
    "diff": "Show how two configurations differ, and what that does to the pods of tasks.",
    "simulate": "Show the object that the controller would create for a task.",
    "explain": "Tell what a key means, its value, and which layer set it.",
    "fmt": "Put the documents of all layers into one order, comments kept.",
    "lint": "Find what is most likely a mistake.",
    "check": "Hold an environment against a live cluster.",
    "migrate": "Tell what a move to Flyte 2 changes, and do what can be done.",
    "catalog": "List every plugin: ID, task types, objects, rights, section.",
    "schema": "Write JSON Schemas, for completion in editors.",
}
"""Command → its line in ``configgen --help``, which so needs no import."""

ERROR = 2


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        # A word of Python can not name a module's function: `import` is in import_.py.
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        from configgen.cli.endings import ended_well

        with ended_well():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flyte-plugin-manager", prog_name="configgen")
@click.option(
    "-C",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with configgen.yaml. Commands take it as well. Default: here.",
)
@click.pass_context
def main(ctx: click.Context, folder: Path | None) -> None:
    """One layered source of Flyte's configuration → everything a cluster reads.

    \b
    Example:
      configgen -C examples/configuration render --all --out deploy
      configgen -C examples/configuration diff dev prod
    """
    ctx.obj = folder
