"""From the documents of an install to one tree in the spelling of the models: what Flyte makes of them, said cleanly.

Flyte's own reading comes first (:mod:`pluginmachinery.config.viper`), so that the tree says what runs today, with all
that Flyte does to keys and forms. Then every key gets its proper spelling and every value the form that strict reading
asks for. What Flyte passes over is left out and told; values with templates in them stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from configgen.importers.forms import Recognised
from configgen.importers.notes import Notes
from configgen.importers.texts import is_template
from configgen.importers.written import Written
from pluginmachinery.config import Configuration, kinds, mapstructure, suggestions, viper
from pluginmachinery.config.durations import Duration
from pluginmachinery.config.kinds import Kind, Struct
from pluginmachinery.config.merging import entries, has_map_form
from pluginmachinery.config.problems import Location, Path
from pluginmachinery.config.quantities import Quantity
from pluginmachinery.config.root import PluginsConfig
from pluginmachinery.config.strict import BAD, FLYTE_SECTIONS, Reader
from pluginmachinery.config.weak_scalars import DecodeError
from pluginmachinery.config.yaml_text import Timestamp, key_text

Tree = dict[str, Any]

RENAMED: Final = {"agent-service": "connector-service"}
"""Sections and IDs of plugins that have another name today."""
_OURS: Final = frozenset({"plugins", "tasks", "task_resources", "plugin-manager", "propeller"})
_STORE: Final = frozenset({"type", "stow", "connection", "container", "multi-container"})
"""Keys by which Flyte's ``storage`` is told from sections of that name that others have."""


def is_ours(tree: Mapping[str, Any]) -> bool:
    """Whether a document speaks of what we read; ConfigMaps hold the documents of many programs."""
    said = {key_text(key).lower(): value for key, value in tree.items()}
    return bool(_OURS & said.keys()) or _is_flyte_storage(said.get("storage"))


def _is_flyte_storage(said: Any) -> bool:
    return isinstance(said, Mapping) and bool(_STORE & said.keys())


def translate(documents: list[Recognised], notes: Notes, where: Location | None = None) -> Tree:
    """One tree for the documents, in the order in which Flyte merges them. ``where`` is named for what stands in none
    of them."""
    written = Written(documents, where)
    trees = [_text_keys(document.tree) for document in documents if document.tree]
    settings = viper.settings([tree for tree in trees if tree], kinds.of_model(Configuration))
    return _Translation(written, notes).root(settings)


def _text_keys(tree: Mapping[Any, Any]) -> dict[str, Any]:
    return {key_text(key): value for key, value in tree.items()}


class _Translation:
    def __init__(self, written: Written, notes: Notes) -> None:
        from configgen.layers.plugin_checks import discovered
        from pluginmachinery.plugins.registry import known_sections

        self._written = written
        self._notes = notes
        self._sections = known_sections(discovered())

    def root(self, settings: Tree) -> Tree:
        ours = {key: value for key, value in settings.items() if key.lower() not in FLYTE_SECTIONS}
        if not _is_flyte_storage(ours.get("storage")):
            ours.pop("storage", None)
        speaks_of_plugins = any(key in ours for key in ("plugins", "tasks", "task_resources"))
        tree = self._fields(kinds.of_model(Configuration), ours, (), told=speaks_of_plugins)
        self._old_place(tree, settings)
        return tree

    def _fields(self, struct: Struct, value: Mapping[str, Any], path: Path, *, told: bool = True) -> Tree:
        members = {key.lower(): member for key, member in struct.by_key.items()}
        passes = getattr(struct.model, "passes_over_unknown", False)
        result: Tree = {}
        for written_key, said in value.items():
            member = members.get(written_key.lower())
            if member is not None:
                self._tell_spelling((*path, written_key), member.key)
                translated = self._value(member.kind, said, (*path, member.key))
                if translated is not None:
                    result[member.key] = translated
            elif struct.model is PluginsConfig and (name := self._plugin_section(written_key)):
                section, model = name
                if section != written_key.lower():
                    self._renamed((*path, written_key), section)
                kind: Kind = kinds.of_model(model) if model else kinds.Anything()
                translated = self._value(kind, said, (*path, section), source=(*path, written_key))
                if translated is not None:
                    result[section] = translated
            elif told and not passes and not (struct.model is PluginsConfig and _old(written_key)):
                self._unknown(struct, (*path, written_key))
        return result

    def _plugin_section(self, key: str) -> tuple[str, type[BaseModel] | None] | None:
        found = next((name for name in self._sections if name.lower() == key.lower()), None)
        if found is None:
            return None
        section = RENAMED.get(found, found)
        return section, self._sections.get(section)

    def _unknown(self, struct: Struct, path: Path) -> None:
        spelling = self._written.spelling(path)
        known = [member.key for member in struct.flat_members]
        mend = suggestions.for_key(spelling, path[:-1], known)
        here = (*path[:-1], spelling)
        message = "not understood and left out: Flyte passes over this key"
        self._notes.warning(self._written.place(path), here, message, mend)

    def _tell_spelling(self, path: Path, key: str) -> None:
        said = self._written.spelling(path)
        if said not in (key, key.lower()):
            message = f"is written {key}: Flyte does not tell it from {said}"
            self._notes.note(self._written.place(path), (*path[:-1], said), message)

    def _renamed(self, path: Path, name: str) -> None:
        self._notes.note(self._written.place(path), path, f"is called {name} today, and is written so")

    def _value(self, kind: Kind, value: Any, path: Path, source: Path | None = None) -> Any:
        """The value as strict reading wants it; None where there is none."""
        if value is None:
            return None
        if isinstance(kind, kinds.Plain):
            kind = kind.section
        if isinstance(kind, kinds.Anything):
            return self._as_written(value, source or path)
        if isinstance(kind, Struct) and kind.model is not None:
            if isinstance(value, Mapping):
                return self._fields(kind, value, path) or None
            if is_template(value):
                return self._opaque(value, path)
            self._unreadable(path, "a mapping is needed here")
            return None
        return self._leaf(kind, value, path)

    def _leaf(self, kind: Kind, value: Any, path: Path) -> Any:
        if isinstance(kind, kinds.MapOf):
            self._tell_map_forms(path)
        reader = Reader(lambda _: None)
        if reader.value(kind, value, path) is not BAD and not reader.problems:
            return _clean(kind, value)
        try:
            decoded = _plain(mapstructure.decode(kind, value))
        except DecodeError as error:
            if _holds_template(value) and not (isinstance(kind, kinds.MapOf) and not has_map_form(value)):
                return self._opaque(_clean(kind, value), path)
            self._unreadable(path, error.message)
            return None
        reader = Reader(lambda _: None)
        if reader.value(kind, decoded, path) is BAD or reader.problems:
            problem = reader.problems[0]
            self._notes.warning(self._written.place(path), path, f"left out: {problem.message}", problem.mend)
            return None
        if not _only_quoted(value, decoded):
            self._notes.note(self._written.place(path), path, "is written as Flyte reads it, in the proper form")
        return _clean(kind, decoded)

    def _opaque(self, value: Any, path: Path) -> Any:
        mend = "write the value into the layer before rendering"
        self._notes.warning(self._written.place(path), path, "a template, kept as text and not evaluated", mend)
        return value

    def _unreadable(self, path: Path, message: str) -> None:
        mend = "mend it there, or say in a layer what is meant"
        self._notes.warning(self._written.place(path), path, f"left out, Flyte does not start with it: {message}", mend)

    def _tell_map_forms(self, path: Path) -> None:
        """What Flyte does to maps behind people's backs: it lower-cases keys, and drops a list over a mapping."""
        mapping_at = None
        for said, place in self._written.forms(path):
            if isinstance(said, Mapping) and said:
                mapping_at = mapping_at or place
                for key in said:
                    if "." not in key_text(key) and key_text(key) != key_text(key).lower():
                        self._tell_case((*path, key_text(key)))
            elif isinstance(said, list) and said and mapping_at:
                message = f"left out: Flyte drops a list over the mapping at {mapping_at}"
                self._notes.warning(place, path, message, "say it in a layer if it is meant")

    def _tell_case(self, path: Path) -> None:
        key = str(path[-1])
        message = f"Flyte reads this as {key.lower()} (it lower-cases the keys of mappings), and so it is written"
        self._notes.warning(self._written.place(path), path, message, f"rename it in the layer if {key} is meant")

    def _as_written(self, value: Any, path: Path) -> Any:
        """Sections that nobody here describes: keys get back the case that viper took."""
        if isinstance(value, Mapping):
            return {
                self._written.spelling((*path, key)): self._as_written(member, (*path, key))
                for key, member in value.items()
                if member is not None
            }
        if isinstance(value, list):
            return [_plain(item) for item in value]
        return _plain(value)

    def _old_place(self, tree: Tree, settings: Tree) -> None:
        """``plugins.enabled-plugins`` of 2019 became ``tasks.task-plugins.enabled-plugins``."""
        plugins = settings.get("plugins")
        if not isinstance(plugins, Mapping):
            return
        for key, said in plugins.items():
            if not _old(key):
                continue
            place = self._written.place(("plugins", key))
            task_plugins = tree.setdefault("tasks", {}).setdefault("task-plugins", {})
            if "enabled-plugins" in task_plugins:
                mend = "remove it"
                self._notes.warning(
                    place, ("plugins", key), "left out: tasks.task-plugins.enabled-plugins holds, not this", mend
                )
            elif isinstance(said, list):
                task_plugins["enabled-plugins"] = [str(item) for item in said]
                self._notes.note(
                    place, ("plugins", key), "is called tasks.task-plugins.enabled-plugins today, and is written so"
                )


def _old(key: str) -> bool:
    return key.lower() == "enabled-plugins"


def _clean(kind: Kind, value: Any) -> Any:
    """Plain values; maps as mappings, whichever form they had."""
    if isinstance(kind, kinds.Pointer):
        return _clean(kind.item, value)
    if isinstance(kind, kinds.MapOf) and has_map_form(value):
        return {key_text(entry.key): _clean(kind.item, entry.value) for entry in entries(value, ())}
    if isinstance(kind, kinds.ListOf) and isinstance(value, (list, tuple)):
        return [_clean(kind.item, item) for item in value]
    if isinstance(kind, Struct) and isinstance(value, Mapping):
        known = kind.by_key
        return {key: _clean(known[key].kind, item) if key in known else item for key, item in value.items()}
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return {key: _plain(item) for key, item in value.model_dump(by_alias=True, exclude_defaults=True).items()}
        case Duration() | Quantity():
            return str(value)
        case Timestamp(text=text):
            return text
        case Mapping():
            return {key_text(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return getattr(value, "value", value)


def _holds_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_template(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_template(item) for item in value)
    return is_template(value)


def _only_quoted(value: Any, decoded: Any) -> bool:
    """Whether nothing happened but that numbers became texts."""
    if isinstance(value, list) and isinstance(decoded, Mapping) and has_map_form(value):
        value = {entry.key: entry.value for entry in entries(value, ())}
    if isinstance(value, Mapping) and isinstance(decoded, Mapping):
        return value.keys() == decoded.keys() and all(_only_quoted(value[key], decoded[key]) for key in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) == str(decoded)
    return bool(value == decoded)
