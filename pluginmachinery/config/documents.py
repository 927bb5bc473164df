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
from pluginmachinery.config.identifiers import with_normal_identifiers
from pluginmachinery.config.lenient import Sections
from pluginmachinery.config.merging import Locate, Merged
from pluginmachinery.config.problems import ConfigurationError, Location, Path, Problem, in_order
from pluginmachinery.config.root import Configuration
from pluginmachinery.config.strict import Reader


@dataclass(frozen=True, order=True, slots=True)
class Document:
    """One file: its name, for the order and for messages, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration, and ``locate``: key path → where it is written (None: nowhere)."""

    configuration: Configuration
    locate: Locate


def read_strict(documents: Iterable[Document], *, known_sections: Sections | None = None) -> Configuration:
    """Read and check: unknown keys, wrong types, bad quantities and durations are problems.

    ``known_sections`` are sections of ``plugins`` beyond those of this package, with their models (None: keep the plain
    tree); the registry knows them (``registry.known_sections``). Sections of Flyte's other parts are passed over. IDs
    of plugins are normalised. Raises ConfigurationError with all problems, sorted by place.
    """
    return read_located(documents, known_sections=known_sections).configuration


def read_located(documents: Iterable[Document], *, known_sections: Sections | None = None) -> Reading:
    """:func:`read_strict`, and where everything is written, for messages about values that are right by themselves."""
    merged = Merged(known_sections or {})
    for document in sorted(documents):
        parsed = yaml_text.parse(document.name, document.text)
        merged.problems += (*parsed.problems, *parsed.ignored)
        merged.add(parsed)
    reader = Reader(merged.locate, known_sections or {}, merged.problems)
    configuration = reader.configuration(merged.tree)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return Reading(with_normal_identifiers(configuration), merged.locate)


def validate(
    tree: Mapping[str, Any], locate: Locate | None = None, *, known_sections: Sections | None = None
) -> list[Problem]:
    """All problems of a plain tree that is merged already; ``locate`` tells where a key path is written."""
    reader = Reader(locate or (lambda _: None), known_sections or {})
    reader.configuration(tree)
    return in_order(reader.problems)


def read_tree(
    tree: Mapping[str, Any], locate: Locate | None = None, *, known_sections: Sections | None = None
) -> Configuration:
    """:func:`read_strict` for a plain tree that is merged already. Raises ConfigurationError."""
    reader = Reader(locate or (lambda _: None), known_sections or {})
    configuration = reader.configuration(tree)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return with_normal_identifiers(configuration)


def read_as_flyte(
    documents: Iterable[Document] | Mapping[str, Any] | None, *, known_sections: Sections | None = None
) -> Configuration:
    """Read as Flyte v1.16.8 does: unknown keys are ignored, keys of mappings lower-cased, texts taken for numbers.

    A mapping is one document that is parsed already. Raises ConfigurationError where Flyte does not start.
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


def dump(tree: Mapping[str, Any]) -> str:
    """A plain tree as YAML that Flyte's reader keeps intact: see :mod:`.writing`."""
    from pluginmachinery.config import writing

    return writing.dump(tree)


__all__ = [
    "ConfigurationError",
    "Document",
    "Locate",
    "Location",
    "Path",
    "Problem",
    "Reading",
    "dump",
    "read_as_flyte",
    "read_located",
    "read_strict",
    "read_tree",
    "to_flyte",
    "validate",
]
