"""Keys of Flyte's configuration that stand where the chart does not read them: the right key under the wrong parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from configgen.importers.forms import Form, Recognised, Values
from configgen.importers.notes import Notes
from pluginmachinery.config.problems import Path
from pluginmachinery.config.yaml_text import key_text

_KEYS: Final = frozenset({"plugins", "tasks", "task_resources", "task-plugins", "enabled-plugins", "enabled_plugins"})
_MENDS: Final = {
    Form.FLYTE_CORE: "flyte-core reads such keys in members of configmap, such as configmap.k8s",
    Form.FLYTE_BINARY: "flyte-binary reads it in configuration.inline",
    Form.FLYTE_2: "flyte-binary reads it in configuration.inline",
}
_ELSEWHERE: Final = (("configuration", "logging", "plugins"), ("enabled_plugins",))
"""Places with such keys that the charts read in another way."""
_DEPTH: Final = 4


def tell_misplaced(values: Values, documents: list[Recognised], files: set[str], notes: Notes) -> None:
    """Warn of the keys that no document of the chart contains."""
    read = [document.prefix for document in documents if document.prefix]
    read += _ELSEWHERE if values.form is not Form.FLYTE_CORE else ()
    for path in _found(values.tree, ()):
        place = values.locations.get(path)
        if place and place.file in files and not any(path[: len(prefix)] == prefix for prefix in read):
            notes.warning(
                place, path, "not understood and left out: the chart does not read it here", _MENDS[values.form]
            )


def _found(tree: Mapping[Any, Any], path: Path) -> Iterator[Path]:
    for key, value in tree.items():
        here = (*path, key_text(key))
        if key in _KEYS and here != ("configmap", "enabled_plugins"):
            yield here
        elif isinstance(value, Mapping) and len(here) < _DEPTH:
            yield from _found(value, here)
