"""Completion in the shell: commands and options by click, names of tasks from the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def task_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of tasks that begin so. Whatever goes wrong, there is just nothing to offer."""
    from controller.cli.connection import connect

    given = {name: ctx.params.get(name) for name in ("kubeconfig", "context", "namespace")}
    kubeconfig = Path(given["kubeconfig"]) if given["kubeconfig"] else None
    already: Any = ctx.params.get(param.name or "") or ()
    try:
        found = connect(kubeconfig, given["context"], given["namespace"], patience=2).all()
    except click.ClickException:
        return []
    names = [str(task["metadata"]["name"]) for task in found]
    return [name for name in names if name.startswith(incomplete) and name not in already]
