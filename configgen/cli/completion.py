"""What the shell offers on TAB: environments, targets, plugins, tasks, keys.

Click asks these functions; ``_CONFIGGEN_COMPLETE=bash_source configgen`` prints the script that makes the shell ask
click. Whatever is wrong with the source offers nothing: a person who presses TAB did not ask for an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def environments(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names in ``configgen.yaml``; of several with commas between them the last is completed."""
    return _last(_environments(ctx), incomplete)


def sides(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What ``diff`` compares: environments, at a revision as well, and files."""
    revision, colon, wanted = incomplete.rpartition(":")
    found = _starting(_environments(ctx), wanted, f"{revision}{colon}")
    return [*found, CompletionItem(incomplete, type="file")]


def targets(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What ``render`` writes."""
    from configgen.targets import TARGETS

    return _last(TARGETS, incomplete)


def plugins(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """IDs of plugins."""
    from pluginmachinery.plugins.registry import BUILTIN

    return _starting({plugin.id: "" for plugin in BUILTIN}, incomplete)


def tasks(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Representative tasks, built-in and the user's own, and files."""
    from importlib import resources

    shipped = [file.name for file in (resources.files("configgen.effects") / "tasks").iterdir()]
    own = _folder(ctx) / "tasks"
    names = [*shipped, *(file.name for file in own.iterdir())] if own.is_dir() else shipped
    known = sorted({Path(name).stem for name in names if name.endswith((".yaml", ".yml", ".json"))})
    return [*_starting(known, incomplete), CompletionItem(incomplete, type="file")]


def keys(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Key paths of the configuration, one level at a time."""
    from configgen.layers.kinds import configuration_kind

    above, dot, wanted = incomplete.rpartition(".")
    kind = configuration_kind()
    for step in above.split(".") if above else ():
        kind = kind.at(step)
    members = {key: kind.member(key) for key in kind.keys}
    meanings = {key: member.description if member else "" for key, member in members.items()}
    if not above:
        meanings |= dict.fromkeys(("plugins", "tasks"), "")
    found = _starting({key: " ".join(meaning.split())[:80] for key, meaning in meanings.items()}, wanted, above + dot)
    if len(found) == 1 and kind.at(found[0].value[len(above + dot) :]).keys:
        # A lone section is no answer yet: what is in it is offered beside it, so that no blank follows.
        only = found[0].value
        found += [CompletionItem(f"{only}.{key}") for key in kind.at(only[len(above + dot) :]).keys]
    return found


def _environments(ctx: click.Context) -> Iterable[str]:
    from configgen.layers.source import read_source
    from configgen.problems import SourceError

    try:
        return tuple(read_source(_folder(ctx)).environments)
    except SourceError:
        return ()


def _folder(ctx: click.Context) -> Path:
    """``-C`` of the command or of ``configgen`` itself; the latter has not run when the shell asks."""
    context: click.Context | None = ctx
    while context is not None:
        said = context.params.get("folder")
        if said and said != Path():
            return Path(said)
        context = context.parent
    return Path()


def _last(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    before, comma, wanted = incomplete.rpartition(",")
    taken = set(before.split(","))
    return _starting([name for name in names if name not in taken], wanted, before + comma)


def _starting(names: Iterable[str] | Mapping[str, Any], wanted: str, prefix: str = "") -> list[CompletionItem]:
    helps: Mapping[str, Any] = names if isinstance(names, Mapping) else {}
    return [CompletionItem(prefix + name, help=helps.get(name)) for name in names if name.startswith(wanted)]
