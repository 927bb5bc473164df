"""JSON Schemas, from the same description that both readings use, so that editors complete and explain the keys.

=================  =============================================================================================
``source``         a document of a layer (``config/*.yaml``): tags are allowed, so an empty value may stand anywhere
``config``         a rendered document, and what ``controller run`` reads
``release``        a layer's ``release.yaml``
``environments``   ``configgen.yaml``
=================  =============================================================================================

Draft 7, because the YAML language server knows that one best. The chart's ``values.schema.json`` has its own place
(:mod:`configgen.release.chart_files`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from configgen.explain import type_text
from configgen.layers.plugin_checks import discovered
from configgen.targets import TARGETS
from pluginmachinery.config import Configuration, durations, kinds, quantities
from pluginmachinery.config.kinds import Kind, Member, Struct
from pluginmachinery.config.strict import FLYTE_SECTIONS
from pluginmachinery.plugins.registry import BUILTIN, known_sections

Schema = dict[str, Any]

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
CUSTOM_TAGS: Final = tuple(
    f"{tag} {form}" for tag in ("!append", "!remove", "!replace") for form in ("scalar", "sequence", "mapping")
)
"""What an editor has to be told of the source's tags (``yaml.customTags``)."""
_TEXT: Final[Schema] = {"type": "string"}


def source_schema() -> Schema:
    """A document of a layer."""
    return _document("A document of a layer", source=True)


def config_schema() -> Schema:
    """A rendered document of the configuration."""
    return _document("A document of the configuration", source=False)


def release_schema() -> Schema:
    """A layer's ``release.yaml``."""
    from configgen.release.values import ReleaseValues

    writer = _Writer(source=True)
    root = writer.body(kinds.of_model(ReleaseValues), ReleaseValues().model_dump(by_alias=True, mode="json"))
    return _headed("release.yaml", root, writer)


def environments_schema() -> Schema:
    """``configgen.yaml``."""
    name = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
    environment = _object(
        {
            "layers": {
                "description": "Folders beside this file; the later wins.",
                "type": "array",
                "items": _TEXT,
                "minItems": 1,
                "uniqueItems": True,
            },
            "targets": {
                "description": "What render writes; absent: kustomize, helm, configmap.",
                "type": "array",
                "items": {"enum": list(TARGETS)},
            },
            "namespace": {"description": "Where the controller is installed.", **name},
        },
        ["layers", "namespace"],
    )
    waiver = _object(
        {
            "rule": {"description": "ID of the rule, see docs/linting.md.", **_TEXT},
            "path": {"description": "This key and what lies below it; absent: anywhere.", **_TEXT},
            "file": {"description": "This file, or what lies in this folder; absent: anywhere.", **_TEXT},
            "reason": {"description": "Why it is accepted.", **_TEXT, "minLength": 1},
            "until": {"description": "The last day on which it holds, in quotes.", **_TEXT, "format": "date"},
        },
        ["rule", "reason", "until"],
    )
    labels = {"type": "object", "additionalProperties": {"type": ["string", "boolean", "number"]}}
    pool = _object(
        {
            "name": {"description": "Name for messages.", **_TEXT},
            "environments": {"description": "Where it is; absent: everywhere.", "type": "array", "items": _TEXT},
            "labels": {"description": "Labels of its nodes.", **labels},
        },
        ["labels"],
    )
    members: Schema = {
        "environments": {
            "description": "Environments by name.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": name,
            "additionalProperties": environment,
        },
        "node-pools": {"description": "Nodes of the clusters, for lint.", "type": "array", "items": pool},
        "waivers": {"description": "Findings of lint that are accepted.", "type": "array", "items": waiver},
    }
    return {"$schema": DIALECT, "title": "configgen.yaml", **_object(members, ["environments"])}


SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {
    "source": source_schema,
    "config": config_schema,
    "release": release_schema,
    "environments": environments_schema,
}


def _document(title: str, *, source: bool) -> Schema:
    writer = _Writer(source=source)
    root = writer.body(kinds.of_model(Configuration), Configuration().model_dump(by_alias=True, mode="json"))
    plugins = root["properties"]["plugins"]
    for name, model in sorted(known_sections(discovered()).items()):
        described: Schema = {"description": f"Section of a plugin that is not part of this package: {name}."}
        plugins["properties"].setdefault(name, described | (writer.body(kinds.of_model(model), {}) if model else {}))
    for name in sorted(FLYTE_SECTIONS):
        root["properties"].setdefault(name, {"description": "A section of Flyte's other parts: carried along."})
    return _headed(title, root, writer)


def _headed(title: str, root: Schema, writer: _Writer) -> Schema:
    definitions = {name: writer.definitions[name] for name in sorted(writer.definitions)}
    return {"$schema": DIALECT, "title": title, **root, "definitions": definitions}


def _object(members: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


class _Writer:
    """Turns kinds into schemas.

    Sections stand where they belong, each with its own defaults. Structures of Kubernetes, and whatever is an element
    of a list or a map, are definitions: they occur in many places and contain each other.
    """

    def __init__(self, *, source: bool) -> None:
        self._source = source
        self.definitions: dict[str, Schema] = {}

    def body(self, struct: Struct, defaults: Any) -> Schema:
        """An object with the members of a structure."""
        members = {
            member.key: self._member(member, defaults.get(member.key) if isinstance(defaults, Mapping) else None)
            for member in struct.flat_members
        }
        schema: Schema = {"type": ["object", "null"] if self._source else "object", "properties": members}
        if not getattr(struct.model, "passes_over_unknown", False):
            schema["additionalProperties"] = False
        return schema

    def _member(self, member: Member, default: Any) -> Schema:
        schema = self._described(member) | self._value(member.kind, default) | self._bounds(member)
        if member.key == "enabled-plugins":
            known = {"anyOf": [{"enum": [plugin.id for plugin in BUILTIN]}, _TEXT]}
            schema |= {"type": ["array", "null"] if self._source else "array", "items": known}
            schema.pop("anyOf", None)
        section = isinstance(kinds.unwrapped(member.kind), Struct)
        if default is not None and not section:
            schema["default"] = default
        return schema

    def _bounds(self, member: Member) -> Schema:
        """What narrows the kind of a field."""
        bounds, kind = member.bounds, kinds.unwrapped(member.kind)
        if bounds.words:
            return {"enum": [*bounds.words, None] if self._source else list(bounds.words)}
        if isinstance(kind, kinds.DurationKind):
            return {"pattern": durations.NOT_NEGATIVE} if bounds.least == 0 else {}
        told = {
            "minimum": bounds.least,
            "maximum": bounds.most,
            "exclusiveMinimum": bounds.above,
            "pattern": bounds.pattern,
        }
        return {name: bound for name, bound in told.items() if bound is not None}

    def _described(self, member: Member) -> Schema:
        remarks = [" ".join(member.description.split())] if member.description else []
        if member.since:
            remarks.append(f"Only Flyte {member.since} and this controller know it.")
        if member.until:
            remarks.append(f"Gone after Flyte {member.until}.")
        schema: Schema = {}
        if member.instead:
            remarks.append(f"Deprecated; use {member.instead}.")
            schema = {"deprecated": True, "deprecationMessage": f"use {member.instead}"}
        return ({"description": " ".join(remarks)} if remarks else {}) | schema

    def _value(self, kind: Kind, default: Any = None) -> Schema:
        kind = kinds.unwrapped(kind)
        if isinstance(kind, Struct) and kind.model is not None and default is not None:
            return self.body(kind, default)
        schema = self._shape(kind)
        if not self._source or not schema:
            return schema
        # `key: !remove` has no value.
        if isinstance(schema.get("type"), str):
            return {**schema, "type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}

    def _shape(self, kind: Kind) -> Schema:
        match kind:
            case Struct(name=name):
                return self._reference(kind, name)
            case kinds.ListOf(item):
                element = self._value(item)
                listed = {"type": "array", "items": element}
                # One element may stand for a list of one.
                alone = self._source and isinstance(kinds.unwrapped(item), Struct)
                return {"anyOf": [listed, element]} if alone else listed
            case kinds.MapOf(item):
                mapping = {"type": "object", "additionalProperties": self._value(item)}
                # The list form is what Flyte's reader keeps intact; `!remove [A]` names keys.
                elements = {"anyOf": [mapping, _TEXT]} if self._source else mapping
                return {"anyOf": [mapping, {"type": "array", "items": elements}]}
            case kinds.Choice(words):
                return {"enum": [*words, None] if self._source else list(words)}
            case kinds.Number(enumeration):
                return {"enum": [*enumeration, None] if self._source else list(enumeration)}
            case kinds.Text(quantity=True):
                return dict(_QUANTITY_TEXT)
        return dict(_SCALARS.get(type(kind), {}))

    def _reference(self, struct: Struct, name: str) -> Schema:
        if name not in self.definitions:
            self.definitions[name] = {}  # structures may contain themselves
            self.definitions[name] = self.body(struct, {}) | {"description": _about(struct)}
        return {"allOf": [{"$ref": f"#/definitions/{name}"}]}


def _about(struct: Struct) -> str:
    return " ".join((struct.model.__doc__ or "").split()) if struct.model else type_text(struct)


def _quantity(pattern: str) -> Schema:
    return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", "minimum": 0}]}


_QUANTITY_TEXT: Final = _quantity(f"{quantities.NOT_NEGATIVE}|^$")
"""Of amounts that Flyte keeps as a text, which may be empty."""
_SCALARS: Final[Mapping[type, Schema]] = {
    kinds.Bool: {"type": "boolean"},
    kinds.Int: {"type": "integer"},
    kinds.Float: {"type": "number"},
    kinds.Text: _TEXT,
    kinds.DurationKind: {
        "type": "string",
        "pattern": durations.PATTERN,
        "patternErrorMessage": "Write a time span with units, such as 30s or 1h30m.",  # for editors
        "examples": ["30s", "1h30m"],
    },
    kinds.QuantityKind: _quantity(quantities.NOT_NEGATIVE),
    kinds.IntOrString: {"type": ["integer", "string"]},
}
