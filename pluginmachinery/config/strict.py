"""Strict reading: whatever is not right is a problem, with its place and the mend, and all of them are found at once.

One method per kind, as in :mod:`.mapstructure`, but without its good will: keys are spelt exactly, values have their
own type, amounts and durations parse. Two liberties remain, because Flyte has them too and nothing is lost: a map may
be written as a mapping or as a list of mappings, and an amount may be a number. Null means "not set".

Sections of Flyte of which we only read a part (``storage``, ``propeller``) are not ours to be strict about: there
unknown keys are passed over, and single values are taken as Flyte takes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from pluginmachinery.config import kinds, kubernetes_schema, suggestions
from pluginmachinery.config.kinds import Kind, Member, Struct
from pluginmachinery.config.kubernetes_schema import SchemaError, describe
from pluginmachinery.config.merging import Entry, Locate, duplicate, entries, has_map_form
from pluginmachinery.config.problems import Location, Path, Problem
from pluginmachinery.config.root import Configuration, PluginsConfig
from pluginmachinery.config.scalars import Unfit, scalar, within
from pluginmachinery.config.weak_scalars import DecodeError, weak_scalar
from pluginmachinery.config.yaml_text import key_text

BAD: Final = object()
"""Stands for a value with a problem."""

FLYTE_SECTIONS: Final = frozenset(
    {
        # Flyte 1: admin, scheduler, data catalog, propeller and its manager, and what all of them share.
        *("admin", "auth", "catalog-cache", "cloudevents", "clusterpools", "cluster_resources", "clusters", "console"),
        *("database", "datacatalog", "domains", "event", "externalevents", "files", "flyteadmin", "logger", "manager"),
        *("namespace_mapping", "notifications", "prof", "qualityofservice", "queues", "registration"),
        *("remotedata", "resourcemanager", "scheduler", "server", "task_type_whitelist"),
        *("adminutils", "application", "cacheservice", "flyte", "rawoutput-prefix"),
        # Flyte 2.
        *("actions", "apps", "cache_service", "dataproxy", "events", "executor", "internalapps", "runs", "secret"),
    }
)
"""Sections of Flyte's other parts: none of our business, and no mistake."""


@dataclass
class Reader:
    """Reads a plain tree. ``locate`` tells where a path is written; ``sections`` are those of further plugins."""

    locate: Locate
    sections: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _good_will: bool = field(default=False, init=False)
    """Within a section that is not ours."""

    def configuration(self, tree: Any) -> Configuration:
        """The configuration; worth something only if there are no problems."""
        if not isinstance(tree, Mapping):
            self._problem((), f"a mapping is needed, not {describe(tree)}", "write section: …")
            return Configuration()
        ours = {key: value for key, value in tree.items() if key_text(key).lower() not in FLYTE_SECTIONS}
        plugins = ours.get("plugins")
        others: dict[str, Any] = {}
        if isinstance(plugins, Mapping):
            others = self._others(plugins)
            ours["plugins"] = {key: value for key, value in plugins.items() if key not in self.sections}
        config = self._section(kinds.of_model(Configuration), ours, (), Configuration())
        if not isinstance(config, Configuration):
            return Configuration()
        read = config.plugins.model_copy(update={"ray": config.plugins.ray.with_old_addresses()})
        return config.model_copy(update={"other": others, "plugins": read})

    def _others(self, plugins: Mapping[Any, Any]) -> dict[str, Any]:
        others: dict[str, Any] = {}
        for name, model in self.sections.items():
            value = plugins.get(name)
            if model is not None:
                default = model()
                given = {} if value is None else value
                others[name] = self._section(kinds.of_model(model), given, ("plugins", name), default)
            elif value is not None:
                others[name] = value
        return others

    def value(self, kind: Kind, value: Any, path: Path, default: Any = None) -> Any:
        """The typed value, or BAD after a problem was noted."""
        match kind:
            case kinds.Pointer(item):
                return self.value(item, value, path)
            case kinds.ListOf(item):
                return self._list(item, value, path)
            case kinds.MapOf(item):
                return self._map(item, value, path)
            case kinds.KubernetesObject(type_name):
                return self._kubernetes_object(type_name, value, path)
            case kinds.Plain(section):
                base = section.model() if section.model else None
                read = self._section(section, value, path, base)
                return BAD if read is BAD else read.as_mapping()
            case kinds.Part(section):
                fields, sound = self._fields(section, value, path, {}, part=True)
                return fields if sound else BAD
            case kinds.Foreign(annotation):
                return self._foreign(annotation, value, path)
            case Struct():
                return self._section(kind, value, path, default)
            case kinds.Anything():
                return value
            case _:
                return self._scalar(kind, value, path)

    def _scalar(self, kind: Kind, value: Any, path: Path) -> Any:
        try:
            return scalar(kind, value)
        except Unfit as unfit:
            if self._good_will:
                with contextlib.suppress(DecodeError):
                    return weak_scalar(kind, value)
            return self._problem(path, unfit.message, unfit.mend)

    def _list(self, item: Kind, value: Any, path: Path) -> Any:
        if not isinstance(value, (list, tuple)):
            return self._problem(path, f"a list is needed, not {describe(value)}", "write each element after a dash")
        read = tuple(self._element(item, element, (*path, index)) for index, element in enumerate(value))
        return BAD if BAD in read else read

    def _element(self, item: Kind, value: Any, path: Path) -> Any:
        if value is None:
            return self._problem(path, "an element is empty", "write it out or remove it")
        return self.value(item, value, path)

    def _map(self, item: Kind, value: Any, path: Path) -> Any:
        if not has_map_form(value):
            found = "a list with other things than mappings" if isinstance(value, (list, tuple)) else describe(value)
            mend = "write a mapping, or a list of one-key mappings"
            return self._problem(path, f"a mapping is needed, not {found}", mend)
        read: dict[str, Any] = {}
        for entry in entries(value, path):
            if entry.key in read:
                self.problems.append(duplicate(self.locate(entry.path), entry.path))
            read[key_text(entry.key)] = self._entry(item, entry)
        return BAD if BAD in read.values() else read

    def _entry(self, item: Kind, entry: Entry) -> Any:
        if not isinstance(entry.key, str):
            return self._problem(
                entry.path, f"a key must be a text, not {describe(entry.key)}", "put the key in quotes"
            )
        if entry.value is None:
            return self._problem(
                entry.path, "the entry has no value", 'write "" for an empty text, or remove the entry'
            )
        return self.value(item, entry.value, entry.path)

    def _kubernetes_object(self, type_name: str, value: Any, path: Path) -> Any:
        fields, sound = self._fields(kinds.of_kubernetes(type_name), value, path, {})
        if not sound:
            return BAD
        try:
            return kubernetes_schema.coerce(type_name, fields)
        except SchemaError as error:
            return self._problem(path, str(error), "see the Kubernetes API reference")

    def _section(self, struct: Struct, value: Any, path: Path, default: Any) -> Any:
        if struct.model is None:
            fields, sound = self._fields(struct, value, path, {})
            return fields if sound else BAD
        base = default if isinstance(default, struct.model) else struct.model()
        current = {member.attribute: getattr(base, member.attribute) for member in struct.members}
        outside, self._good_will = self._good_will, getattr(struct.model, "passes_over_unknown", False)
        fields, sound = self._fields(struct, value, path, current)
        self._good_will = outside
        try:
            # Fields with problems have their defaults here, so that the problems of the others show too.
            section = struct.model.model_validate({**current, **fields})
            return section if sound else BAD
        except ValidationError as error:
            return self._invalid(error, path, struct)

    def _fields(
        self, struct: Struct, value: Any, path: Path, current: Mapping[str, Any], *, part: bool = False
    ) -> tuple[dict[str, Any], bool]:
        """The fields that could be read, and whether that was all. Of a part, sections are parts too."""
        if not isinstance(value, Mapping):
            self._problem(path, f"a mapping is needed, not {describe(value)}", "write its keys below it, one a line")
            return {}, False
        before = len(self.problems)
        read: dict[str, Any] = {}
        for key, item in value.items():
            here = (*path, key_text(key))
            member = struct.by_key.get(key)
            if member is not None and item is not None:
                kind = kinds.Part(member.kind) if part and isinstance(member.kind, Struct) else member.kind
                found = self.value(kind, item, here, current.get(member.attribute))
                read[member.attribute] = self._bounded(member, found, here)
            elif member is None and not getattr(struct.model, "passes_over_unknown", False):
                self._unknown(here, struct)
        good = {attribute: item for attribute, item in read.items() if item is not BAD}
        return good, len(self.problems) == before

    def _bounded(self, member: Member, value: Any, path: Path) -> Any:
        """The value, unless it is out of the field's bounds."""
        if value is BAD or self._good_will:
            return value
        try:
            return within(member.bounds, value)
        except Unfit as unfit:
            return self._problem(path, unfit.message, unfit.mend)

    def _unknown(self, path: Path, struct: Struct) -> Any:
        key = str(path[-1])
        known = [member.key for member in struct.flat_members]
        if struct.model is PluginsConfig:
            known += self.sections
        return self._problem(path, f"there is no key {key} here", suggestions.for_key(key, path[:-1], known))

    def _foreign(self, annotation: Any, value: Any, path: Path) -> Any:
        try:
            return TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            return self._invalid(error, path, None)

    def _invalid(self, error: ValidationError, path: Path, struct: Struct | None) -> Any:
        keys = {member.attribute: member.key for member in struct.members} if struct else {}
        for detail in error.errors(include_input=False, include_url=False):
            below = tuple(keys.get(part, part) if isinstance(part, str) else part for part in detail["loc"])
            self._problem((*path, *below), detail["msg"], "")
        return BAD

    def _problem(self, path: Path, message: str, mend: str) -> Any:
        self.problems.append(Problem(self.locate(path) or Location(), path, message, mend))
        return BAD
