"""What a reader of Flyte's charts has no word for: said in a source, and lost on the way to Flyte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from configgen.flyte_charts.sections import OURS, STORE
from configgen.migration.facts import CONFIGURATION, GONE_PLUGINS, KEPT_IN_SOURCES, Change, Fact
from configgen.targets import FLYTE_TARGETS
from configgen.trees import value_at
from pluginmachinery.config.problems import Path

FLYTE_2: Final = "flyte2"


@dataclass(frozen=True, slots=True)
class Unexpressed:
    """One thing that does not arrive. ``targets``: those that can not express it."""

    path: Path
    targets: tuple[str, ...]
    message: str
    mend: str


_CONTROLLER: Final[Mapping[str, tuple[str, str]]] = {
    "scopes": (
        "overrides per project and domain",
        "drop the target, or give the project an environment of its own",
    ),
    "policy": (
        "what a task may bring into a pod",
        "drop the target, or let the admission of the namespaces enforce the level",
    ),
    "secrets": (
        "how tasks get secrets: Flyte always leaves that to its webhook",
        "drop the target, or say webhook",
    ),
}
"""Members of ``plugin-manager`` that show in a task's pod. The others are about our controller itself, or (``retries``)
have a name in Flyte."""


def unexpressed(tree: Mapping[str, Any], targets: tuple[str, ...]) -> Iterator[Unexpressed]:
    """Everything in a configuration that some of the targets leave out."""
    yield from of_our_controller(tree, targets)
    yield from of_the_store(tree, targets)
    if FLYTE_2 in targets:
        for path, fact in dropped_by_flyte_2(tree):
            yield Unexpressed(path, (FLYTE_2,), f"leaves it out: {fact.message}", f"{fact.mend}, or drop the target")
        yield from gone_plugins(tree)


def of_our_controller(tree: Mapping[str, Any], targets: tuple[str, ...]) -> Iterator[Unexpressed]:
    """Settings of our controller that change what becomes of a task, and that Flyte does not have."""
    flytes = _flytes(targets)
    if not flytes:
        return
    for member, (what, mend) in _CONTROLLER.items():
        said = value_at(tree, (OURS, member))
        if said and not (member == "secrets" and said == {"inject": "webhook"}):
            yield Unexpressed((OURS, member), flytes, f"can not express {what}", mend)
    if FLYTE_2 in flytes:
        threshold: Path = (OURS, "retries", "interruptible-threshold")
        if value_at(tree, threshold) is not None:
            message = "has no threshold from which tasks are no longer interruptible"
            yield Unexpressed(threshold, (FLYTE_2,), message, "drop it, or the target")
        for path in ((OURS, "retries", "system"), _SYSTEM_FAILURES):
            if value_at(tree, path) == 0:
                yield Unexpressed(path, (FLYTE_2,), "takes 0 for its default, 3", "say at least 1")


def of_the_store(tree: Mapping[str, Any], targets: tuple[str, ...]) -> Iterator[Unexpressed]:
    """The object store, which is a matter of the installation's own values."""
    flytes = _flytes(targets)
    if flytes and tree.get(STORE):
        where = " and ".join(dict.fromkeys(_STORE_VALUES[target] for target in flytes))
        yield Unexpressed((STORE,), flytes, "leaves the store to the installation's own values", f"set {where} there")


def dropped_by_flyte_2(tree: Mapping[str, Any], *, in_source: bool = True) -> Iterator[tuple[Path, Fact]]:
    """Keys that Flyte 2 does not read. In a source, those that configgen itself reads are no mistake."""
    for fact in CONFIGURATION:
        path: Path = tuple(fact.path.split("."))
        if fact.change is not Change.DROPPED or (in_source and fact.path in KEPT_IN_SOURCES):
            continue
        value = value_at(tree, path)
        if value not in (None, {}, []) and not _is_moved(path, value):
            yield path, fact


def gone_plugins(tree: Mapping[str, Any]) -> Iterator[Unexpressed]:
    """Plugins that are enabled, and that Flyte 2 does not have."""
    enabled: Path = ("tasks", "task-plugins", "enabled-plugins")
    said = value_at(tree, enabled)
    for name in said if isinstance(said, list) else ():
        if str(name).strip().lower() in GONE_PLUGINS:
            message = f"does not have the plugin {name}: its tasks run as plain containers"
            yield Unexpressed(enabled, (FLYTE_2,), message, f"do without {name}, or drop the target")


def _flytes(targets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(target for target in targets if target in FLYTE_TARGETS)


_STORE_VALUES: Final = {
    "flyte-core": "storage",
    "flyte-binary": "configuration.storage",
    FLYTE_2: "configuration.storage",
}
_SYSTEM_FAILURES: Final[Path] = ("propeller", "node-config", "max-node-retries-system-failures")


def _is_moved(path: Path, value: Any) -> bool:
    """A section with nothing in it but what has another name in Flyte 2."""
    if path == ("propeller",) and isinstance(value, Mapping):
        inner = value.get("node-config")
        return set(value) == {"node-config"} and isinstance(inner, Mapping) and set(inner) <= {_SYSTEM_FAILURES[-1]}
    return path[0] == STORE
