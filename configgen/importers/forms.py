"""What a foreign file is, and where Flyte's sections hang in it.

People keep plugin configuration in a dozen forms: values of several charts, with or without the prefix of an umbrella
chart, ConfigMaps with YAML inside strings, patches, single sections. :func:`recognise` finds the documents of Flyte's
configuration in any of them, with the place of every key in the file. It never fails: what can not be read, and what is
not ours, is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from configgen.importers import charts, secret_objects, set_blocks, texts
from configgen.trees import mapping
from pluginmachinery.config.merging import Locate
from pluginmachinery.config.problems import Location, Path, Problem
from pluginmachinery.config.strict import FLYTE_SECTIONS
from pluginmachinery.config.yaml_text import key_text

Locations = Mapping[Path, Location]


class Form(Enum):
    """The forms, by the words of messages."""

    FLYTE_CORE = "values of flyte-core"
    FLYTE_BINARY = "values of flyte-binary"
    FLYTE_2 = "values of flyte-binary for Flyte 2"
    UNION = "values of Union's data plane"
    CONFIG_MAP = "a ConfigMap"
    DOCUMENT = "a configuration file of Flyte"
    POINTER = "a pointer to values kept elsewhere"
    SECRET = "a Secret"  # noqa: S105 - the name of a kind
    NEIGHBOUR = "nothing about plugins"
    UNREADABLE = "not readable"

    @property
    def is_values(self) -> bool:
        """Values of a chart, whose defaults hold where they say nothing."""
        return self in (Form.FLYTE_CORE, Form.FLYTE_BINARY, Form.FLYTE_2)


@dataclass(frozen=True, slots=True)
class Recognised:
    """One document of Flyte's configuration found in a file, or the word that there is none.

    ``tree`` has Flyte's sections at its root, ``locations`` say where its keys stand in the file. ``prefix`` is where
    it hangs in the file's own tree, ``name`` what Flyte's ConfigMap calls it. ``gate``: the value that keeps the chart
    from rendering it (``sparkoperator.enabled``), ``prefix`` where it never would; None where nothing does.
    ``templates``: lines that are left out; ``remarks``: what was not looked at. ``manifest`` is the object of
    Kubernetes that holds it (kind and name), and ``namespace`` where that is. Of a Secret there is no tree, only the
    places of its keys.
    """

    form: Form
    name: str
    tree: Mapping[str, Any] = field(default_factory=dict)
    prefix: Path = ()
    locations: Locations = field(default_factory=dict)
    gate: Path | None = None
    problems: tuple[Problem, ...] = ()
    templates: tuple[Location, ...] = ()
    remarks: tuple[Problem, ...] = ()
    manifest: tuple[str, str] = ("", "")
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """Values of a chart as written; ``prefix`` is the name they have in an umbrella chart, ``namespace`` where a
    manifest says that they are installed, ``umbrella`` the name of that chart where it is one of Flyte's, which has
    defaults of its own."""

    form: Form
    tree: Mapping[str, Any]
    prefix: Path
    locations: Locations
    templates: tuple[Location, ...] = ()
    namespace: str = ""
    umbrella: str = ""

    def documents(self) -> list[Recognised]:
        """What the chart makes of them, its own defaults not counted."""
        if self.form is Form.FLYTE_CORE:
            drafts = charts.core_documents(self.tree, self.locations, self.prefix)
        else:
            flyte_2 = self.form is Form.FLYTE_2
            drafts = charts.binary_documents(self.tree, self.locations, self.prefix, flyte_2=flyte_2)
        found = [
            Recognised(self.form, draft.name, draft.tree, draft.prefix, draft.locations, draft.gate) for draft in drafts
        ]
        return found or [Recognised(self.form, "", prefix=self.prefix)]


Part = Values | Recognised


def recognise(source: str | Mapping[str, Any], name: str) -> list[Recognised]:
    """The documents of Flyte's configuration in a file (its text, or one parsed document); ``name`` is the file's."""
    found: list[Recognised] = []
    for part in parts(source, name):
        found += part.documents() if isinstance(part, Values) else [part]
    return found


def parts(source: str | Mapping[str, Any], name: str) -> list[Part]:
    """As :func:`recognise`, with values of charts left whole, for those who merge values before reading them."""
    if not isinstance(source, str):
        return list(_File(name, None).tree(source, (), {}))
    file = _File(name, source)
    found: list[Part] = []
    for text in texts.documents(source, name):
        if text.problems:
            found.append(Recognised(Form.UNREADABLE, name, problems=text.problems))
        if text.remarks:
            found.append(Recognised(Form.NEIGHBOUR, name, remarks=text.remarks))
        if text.templates:
            found.append(Recognised(Form.NEIGHBOUR, name, templates=text.templates))
        if text.tree is not None:
            found += file.tree(text.tree, (), text.locations)
    return file.with_set_blocks(found) or [Recognised(Form.NEIGHBOUR, name)]


def parts_of(tree: Any, name: str, locations: Locations, path: Path = (), raw: str | None = None) -> list[Part]:
    """As :func:`parts`, of a document that is parsed already, or of what stands at ``path`` in one."""
    return list(_File(name, raw).tree(tree, path, locations))


def locator(locations: Locations, prefix: Path = ()) -> Locate:
    """Where a key path below ``prefix`` stands in the file: itself, or else the nearest key around it."""

    def locate(path: Path) -> Location | None:
        full = (*prefix, *path)
        return next((locations[full[:n]] for n in range(len(full), -1, -1) if full[:n] in locations), None)

    return locate


_OURS: Final = frozenset({"plugins", "tasks", "task_resources", "plugin-manager"})
_SECTIONS: Final = _OURS | FLYTE_SECTIONS | {"propeller", "secrets", "storage", "webhook"}
_CORE_PARTS: Final = ("flyteadmin", "flytepropeller", "flyteconsole", "datacatalog", "flytescheduler")
_OF_DEPLOYMENTS: Final = frozenset(
    {
        "enabled",
        "image",
        "replicaCount",
        "serviceAccount",
        "podAnnotations",
        "resources",
        "nodeSelector",
        "tolerations",
        "service",
    }
)
_FLYTE_1_COMPONENTS: Final = frozenset({"admin", "propeller", "dataCatalog"})
_UMBRELLAS: Final = 3
"""How deep the values of a sub-chart are looked for."""


class _File:
    def __init__(self, name: str, raw: str | None) -> None:
        self._name = name
        self._raw = raw

    def tree(self, tree: Any, path: Path, locations: Locations) -> Iterator[Part]:
        """What one document, or a part of one, is."""
        if isinstance(tree, list):
            for index, item in enumerate(tree):
                if isinstance(item, Mapping):
                    yield from self.tree(item, (*path, index), locations)
        elif not isinstance(tree, Mapping):
            yield Recognised(Form.NEIGHBOUR, self._name, prefix=path)
        elif "kind" in tree and "apiVersion" in tree:
            name, namespace = _identity(tree)
            for part in self._manifest(tree, path, locations):
                within = part.namespace or namespace
                if isinstance(part, Recognised) and not part.manifest[1]:
                    yield replace(part, manifest=(str(tree["kind"]), name), namespace=within)
                else:
                    yield replace(part, namespace=within)
        elif _is_patch(tree):
            yield from self._config_map(tree, path, locations)
        elif values := _values(tree, path, locations):
            yield from values
        elif any(_section(key) for key in tree):
            yield Recognised(Form.DOCUMENT, self._name, tree, path, _below(locations, path))
        else:
            yield Recognised(Form.NEIGHBOUR, self._name, prefix=path)

    def _manifest(self, tree: Mapping[str, Any], path: Path, locations: Locations) -> Iterator[Part]:
        kind = tree["kind"]
        spec = mapping(tree.get("spec"))
        if kind == "ConfigMap":
            yield from self._config_map(tree, path, locations)
        elif isinstance(tree.get("items"), list):
            yield from self.tree(tree["items"], (*path, "items"), locations)
        elif kind == "HelmRelease" and isinstance(spec.get("values"), Mapping):
            yield from self.tree(spec["values"], (*path, "spec", "values"), locations)
        elif kind == "Secret":
            for key, at, keys in secret_objects.keys_of(tree, path, locations, self._name, self._raw):
                yield Recognised(Form.SECRET, key, prefix=at, locations=keys)
        elif kind == "Application":
            yield from self._application(spec, (*path, "spec"), locations)
        elif kind == "HelmRelease":
            yield Recognised(Form.POINTER, self._name, prefix=path, locations=_below(locations, path))
        else:
            yield Recognised(Form.NEIGHBOUR, self._name, prefix=path)

    def with_set_blocks(self, found: list[Part]) -> list[Part]:
        """What Terraform, or a call of helm, sets beside the values: laid into those of the same file, as Helm does."""
        last = next((part for part in reversed(found) if isinstance(part, Values)), None)
        onto = _rooted(last) if last else None
        said = set_blocks.read(self._raw or "", self._name, onto)
        parts = list(found)
        if said.locations and last is not None and onto is not None:
            tree: Any = said.tree
            for step in last.prefix:
                tree = tree[step]
            laid = replace(last, tree=set_blocks.without_gaps(tree), locations={**last.locations, **said.locations})
            parts = [laid if part is last else part for part in found]
        elif said.locations:
            tree = set_blocks.without_gaps(said.tree)
            parts += _values(tree, (), {(): Location(self._name), **said.locations})
        if said.sensitive:
            parts.append(Recognised(Form.SECRET, self._name, locations={(): said.sensitive[0]}))
        return parts

    def _application(self, spec: Mapping[str, Any], path: Path, locations: Locations) -> Iterator[Part]:
        """Argo CD: values as a tree or as a text; anything else points elsewhere."""
        sources = [(spec.get("source"), (*path, "source"))]
        several = spec.get("sources")
        sources += [
            (item, (*path, "sources", i)) for i, item in enumerate(several if isinstance(several, list) else [])
        ]
        told = False
        for source, at in sources:
            helm = mapping(mapping(source).get("helm"))
            if isinstance(helm.get("valuesObject"), Mapping):
                yield from self.tree(helm["valuesObject"], (*at, "helm", "valuesObject"), locations)
                told = True
            elif isinstance(helm.get("values"), str):
                yield from self._inner(helm["values"], (*at, "helm", "values"), locations)
                told = True
        if not told:
            yield Recognised(Form.POINTER, self._name, prefix=path, locations=_below(locations, path))

    def _config_map(self, tree: Mapping[str, Any], path: Path, locations: Locations) -> Iterator[Part]:
        data = mapping(tree.get("data"))
        told = False
        for key in sorted(data, key=key_text):
            text = data[key]
            if isinstance(text, str) and str(key).endswith((".yaml", ".yml", ".json")):
                for part in self._inner(text, (*path, "data", key_text(key)), locations):
                    if isinstance(part, Recognised) and part.form in (Form.DOCUMENT, Form.UNREADABLE):
                        form = Form.CONFIG_MAP if part.form is Form.DOCUMENT else part.form
                        yield Recognised(
                            form, str(key), part.tree, part.prefix, part.locations, None, part.problems, part.templates
                        )
                        told = True
        if not told:
            yield Recognised(Form.NEIGHBOUR, self._name, prefix=path)

    def _inner(self, text: str, path: Path, locations: Locations) -> Iterator[Part]:
        """YAML inside a string."""
        place = locations.get(path, Location(self._name))
        read = texts.inner(text, self._name, place, self._raw)
        if read.problems:
            yield Recognised(Form.UNREADABLE, self._name, prefix=path, problems=read.problems)
        if read.templates:
            yield Recognised(Form.NEIGHBOUR, self._name, prefix=path, templates=read.templates)
        if read.tree is not None:
            inside = _File(self._name, self._raw)
            for part in inside.tree(read.tree, (), read.locations):
                prefix = (*path, *part.prefix)
                if isinstance(part, Values):
                    moved = {(*path, *at): where for at, where in part.locations.items()}
                    yield replace(part, prefix=prefix, locations=moved)
                else:
                    yield Recognised(
                        part.form,
                        part.name,
                        part.tree,
                        prefix,
                        part.locations,
                        part.gate,
                        part.problems,
                        part.templates,
                    )


def _values(
    tree: Mapping[str, Any], path: Path, locations: Locations, depth: int = 0, around: Mapping[str, Any] | None = None
) -> list[Part]:
    """Values of charts in a tree, at its root or under the name of a sub-chart. ``around``: the tree that holds it."""
    if form := _chart(tree):
        umbrella = _umbrella(form, str(path[-1]), around) if around is not None else ""
        return [Values(form, tree, path, locations, umbrella=umbrella)]
    if _is_union(tree):
        return [
            Recognised(Form.UNION, f"{name}.yaml", content, at, _below(locations, at))
            for name, content in tree["config"].items()
            if isinstance(content, Mapping) and (at := (*path, "config", key_text(name)))
        ]
    if depth == _UMBRELLAS:
        return []
    found: list[Part] = []
    for key, member in tree.items():
        if isinstance(member, Mapping) and key_text(key).lower() not in _OURS:
            found += _values(member, (*path, key_text(key)), locations, depth + 1, tree)
    return found


_OF_SANDBOXES: Final = frozenset({"docker-registry", "rustfs", "sandbox"})


def _umbrella(form: Form, name: str, around: Mapping[str, Any]) -> str:
    """Flyte's own umbrella chart, told by the name that it gives its sub-chart and by what stands beside it."""
    if form is Form.FLYTE_CORE and name == "flyte":
        return "flyte"
    if name == "flyte-binary" and _OF_SANDBOXES & around.keys():
        return "flyte-devbox" if form is Form.FLYTE_2 else "flyte-sandbox"
    return ""


def _chart(tree: Mapping[str, Any]) -> Form | None:
    if _is_core(tree):
        return Form.FLYTE_CORE
    configuration = tree.get("configuration")
    components = tree.get("flyte-core-components")
    if not any(isinstance(tree.get(key), Mapping) for key in ("configuration", "enabled_plugins")) and not isinstance(
        components, Mapping
    ):
        return None
    if isinstance(components, Mapping) and any(key not in _FLYTE_1_COMPONENTS for key in components):
        return Form.FLYTE_2
    enabled = mapping(mapping(mapping(tree.get("enabled_plugins")).get("tasks")).get("task-plugins"))
    if enabled and "enabled-plugins" not in enabled:
        return Form.FLYTE_2
    inline = mapping(mapping(configuration).get("inline"))
    if any(key in inline for key in ("runs", "executor", "manager", "actions", "dataproxy")):
        return Form.FLYTE_2
    return Form.FLYTE_BINARY


def _is_core(tree: Mapping[str, Any]) -> bool:
    if isinstance(tree.get("configmap"), Mapping):
        return True
    if any("plugin_config" in mapping(tree.get(component)) for component in charts.CORE_COMPONENTS):
        return True
    return any(_OF_DEPLOYMENTS & mapping(tree.get(part)).keys() for part in _CORE_PARTS)


def _is_union(tree: Mapping[str, Any]) -> bool:
    return any(_OURS & mapping(content).keys() for content in mapping(tree.get("config")).values())


def _identity(tree: Mapping[str, Any]) -> tuple[str, str]:
    """Name of a manifest, and the namespace that it is in or installs into."""
    metadata, spec = mapping(tree.get("metadata")), mapping(tree.get("spec"))
    target = spec.get("targetNamespace") or mapping(spec.get("destination")).get("namespace")
    return str(metadata.get("name") or ""), str(target or metadata.get("namespace") or "")


def _is_patch(tree: Mapping[str, Any]) -> bool:
    """A patch of a ConfigMap that has nothing but its data."""
    data = mapping(tree.get("data"))
    return any(isinstance(text, str) and str(key).endswith((".yaml", ".yml")) for key, text in data.items())


def _rooted(values: Values) -> dict[str, Any] | None:
    """A copy of values, below the name that they have in an umbrella chart; None where they hang in a manifest."""
    if any(not isinstance(step, str) for step in values.prefix):
        return None
    tree: dict[str, Any] = deepcopy(dict(values.tree))
    for step in reversed(values.prefix):
        tree = {str(step): tree}
    return tree


def _section(key: Any) -> bool:
    return key_text(key).lower() in _SECTIONS


def _below(locations: Locations, path: Path) -> Locations:
    depth = len(path)
    return {at[depth:]: place for at, place in locations.items() if at[:depth] == path}
