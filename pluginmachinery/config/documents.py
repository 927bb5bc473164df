"""Documents of the configuration: the two ways to read them, and writing what Flyte's reader keeps intact.

A *document* is one YAML file of the directory that is mounted into FlytePropeller and into our controller alike; all of
them together, in the order of their names, are one configuration.

* :func:`read_strict` is for the controller and for every command: whatever is not right is an error with its place.
* :func:`read_as_flyte` is for showing what Flyte v1.16.8 makes of the same files, mistakes included.

Both give a :class:`~.root.Configuration`; nothing after reading knows which was used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pluginmachinery.config import flyte_form, lenient, yaml_text
from pluginmachinery.config.lenient import Sections
from pluginmachinery.config.problems import ConfigurationError, Location, Path, Problem
from pluginmachinery.config.root import Configuration


@dataclass(frozen=True, order=True, slots=True)
class Document:
    """One file: its name, for the order and for messages, and its text."""

    name: str
    text: str


def read_as_flyte(
    documents: Iterable[Document] | Mapping[str, Any] | None, *, known_sections: Sections | None = None
) -> Configuration:
    """Read as Flyte v1.16.8 does: unknown keys are ignored, keys of mappings lower-cased, texts taken for numbers.

    A mapping is one document that is parsed already. ``known_sections`` are sections of ``plugins`` beyond those of
    this package, with their models (None: keep the plain tree). Raises ConfigurationError where Flyte does not start.
    """
    if documents is None or isinstance(documents, Mapping):
        return lenient.read([documents], known_sections)
    parsed = [yaml_text.parse(document.name, document.text) for document in sorted(documents)]
    if problems := [problem for one in parsed for problem in one.problems]:
        raise ConfigurationError(problems)
    return lenient.read([one.tree for one in parsed], known_sections)


def to_flyte(config: Configuration) -> dict[str, Any]:
    """The sections of Flyte as Flyte prints them once resolved: ``{"plugins": {"k8s": …}, "tasks": …, …}``."""
    shown = ("plugins", "tasks", "task_resources", "propeller", "storage")
    everything: dict[str, Any] = flyte_form.form(config)
    return {key: everything[key] for key in shown}


__all__ = [
    "ConfigurationError",
    "Document",
    "Location",
    "Path",
    "Problem",
    "read_as_flyte",
    "to_flyte",
]
