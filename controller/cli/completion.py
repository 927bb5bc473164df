"""``controller completion``: the script that makes a shell complete commands, options and names of tasks."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Example:
      source <(controller completion bash)
      controller completion fish > ~/.config/fish/completions/controller.fish
    """
    from click.shell_completion import get_completion_class

    from controller.cli import main

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(made(main, {}, "controller", "_CONTROLLER_COMPLETE").source())
