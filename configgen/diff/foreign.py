"""Configurations that are no environment of the source: a live ConfigMap, rendered files, values of Flyte's charts,
plain Flyte documents.

The documents are read as strictly as the controller reads them. What it would refuse and Flyte would not – a live
ConfigMap of FlytePropeller may hold anything – is read as Flyte reads it, and the problems become remarks: that is what
runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from configgen.diff.leaves import LeafPath
from configgen.diff.sides import Side
from configgen.layers.files import list_folder, os_problem, read_text
from configgen.layers.nodes import Origin, Place, Shape, Verb
from configgen.layers.plugin_checks import discovered
from configgen.problems import Problem, SourceError
from pluginmachinery.config import bounded_yaml, kinds, lenient, yaml_text
from pluginmachinery.config.documents import Document
from pluginmachinery.config.identifiers import with_normal_identifiers
from pluginmachinery.config.merging import Locate, Merged
from pluginmachinery.config.problems import ConfigurationError, Location, Path
from pluginmachinery.config.problems import Problem as ConfigProblem
from pluginmachinery.config.propeller import PropellerConfig
from pluginmachinery.config.strict import FLYTE_SECTIONS, Reader
from pluginmachinery.config.yaml_text import Parsed
from pluginmachinery.plugins.registry import known_sections

_YAML: Final = (".yaml", ".yml")
_NUMBERED: Final = re.compile(r"\d{3}-")
"""How the chart flyte-binary names the documents of its ConfigMap."""
_NOT_DOCUMENTS: Final = ("kustomization.yaml", "release.yaml", "configmap.yaml", "values.yaml")


def read_side(path: FilePath, name: str, *, environment: str = "") -> Side:
    """The configuration in a file or folder. ``environment`` picks one out of a folder with several.

    Raises SourceError with everything that keeps even Flyte from reading it.
    """
    try:
        found = _in_folder(path, environment) if path.is_dir() else _in_file(path, read_text(path, str(path)))
    except OSError as error:
        raise os_problem(error, str(error.filename or path)) from error
    return _side(found, name)


def live_side(name: str, kubeconfig: FilePath | None) -> Side:
    """The configuration that a cluster runs with. Raises SourceError."""
    from configgen.cluster.installations import read_live

    return _side(_parsed(read_live(name, kubeconfig)), name)


def _side(found: list[Parsed], name: str) -> Side:
    sections = known_sections(discovered())
    merged = Merged(sections)
    for parsed in found:
        merged.problems += (*parsed.problems, *parsed.ignored)
        merged.add(parsed)
    reader = Reader(merged.locate, sections, merged.problems)
    configuration = reader.configuration(merged.tree)
    said = _without_neighbours(merged.tree)
    origins = _origins(merged.locate, merged.tree, name)
    if not reader.problems:
        return Side(name, with_normal_identifiers(configuration), said, origins)
    broken = [problem for parsed in found for problem in parsed.problems]
    try:
        if broken:
            raise ConfigurationError(broken)
        configuration = lenient.read([parsed.tree for parsed in found], sections)
    except ConfigurationError as error:
        raise SourceError(_placed(problem, merged.locate, name) for problem in error.problems) from error
    notes = [f"{_problem(problem)} (read as Flyte reads it)" for problem in reader.problems]
    return Side(name, with_normal_identifiers(configuration), said, origins, notes=sorted(set(notes)))


def _without_neighbours(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What plugins have to do with. A ConfigMap of Flyte configures other programs too: an environment says nothing of
    them, and an import passes over them."""
    kept = {key: value for key, value in tree.items() if key.lower() not in FLYTE_SECTIONS}
    if isinstance(said := kept.get("propeller"), Mapping):
        known = {key.lower() for key in kinds.of_model(PropellerConfig).by_key}
        kept["propeller"] = {key: value for key, value in said.items() if str(key).lower() in known}
    return kept


def _placed(problem: ConfigProblem, locate: Locate, name: str) -> Problem:
    """Flyte's reader knows no places; the strict one does."""
    place = problem.location if problem.file else locate(problem.key_path) or Location(name)
    return Problem(place.file or name, place.line, place.column, problem.path, problem.message, problem.mend)


def _problem(problem: ConfigProblem) -> Problem:
    return Problem(problem.file, problem.line, problem.column, problem.path, problem.message, problem.mend)


def _origins(locate: Locate, tree: Mapping[str, Any], name: str) -> Any:
    def origins(path: LeafPath) -> tuple[Origin, ...]:
        keys: list[str] = []
        value: Any = tree
        for step in path:
            if not isinstance(step, str) or not isinstance(value, Mapping):
                break
            written = step if step in value else next((key for key in value if str(key).lower() == step.lower()), None)
            if written is None:
                break
            keys.append(str(written))
            value = value[written]
        complete = len(keys) == len(path) or (keys and not isinstance(value, Mapping))
        place = locate(tuple(keys)) if complete else None
        if place is None:
            return ()
        return (Origin(Place(name, place.file, place.line, place.column), Verb.SET, Shape.SCALAR),)

    return origins


def _parsed(found: list[Document]) -> list[Parsed]:
    """Documents in the order in which Flyte merges them: that of their names."""
    parsed = [yaml_text.parse(document.name, document.text) for document in sorted(found)]
    of_flyte_binary = any(_NUMBERED.match(document.name.rpartition("#")[2]) for document in found)
    return _without_dropped_lists(parsed) if of_flyte_binary else parsed


def _without_dropped_lists(found: list[Parsed]) -> list[Parsed]:
    """What only Flyte reads, without the lists that it drops over mappings of earlier documents; each is told."""
    from configgen.lint.walking import steps
    from pluginmachinery.config.kinds import MapOf

    earlier: dict[Path, Location | None] = {}
    result = []
    for parsed in found:
        tree, told = deepcopy(parsed.tree), list(parsed.ignored)
        for step in steps(parsed.tree):
            if isinstance(step.kind, MapOf) and isinstance(step.value, Mapping) and step.value:
                earlier.setdefault(step.path, parsed.locations.get(step.path))
            elif isinstance(step.kind, MapOf) and isinstance(step.value, list) and step.path in earlier:
                _remove(tree, step.path)
                message = f"Flyte drops a list over the mapping at {earlier[step.path]}"
                place = parsed.locations.get(step.path, Location())
                told.append(ConfigProblem(place, step.path, message, "write it as a mapping"))
        result.append(replace(parsed, tree=tree, ignored=tuple(told)))
    return result


def _remove(tree: Any, path: Path) -> None:
    for step in path[:-1]:
        tree = tree[step]
    del tree[path[-1]]


def _in_folder(folder: FilePath, environment: str) -> list[Parsed]:
    """What lies in a rendered folder: of the whole, of one target, of one environment, or the documents themselves."""
    if (folder / "configmap.yaml").is_file():
        path = folder / "configmap.yaml"
        return _in_file(path, read_text(path, str(path)))
    if (folder / "config").is_dir():
        return _parsed(_documents_in(folder / "config"))
    if (folder / "values.yaml").is_file():
        path = folder / "values.yaml"
        return _in_file(path, read_text(path, str(path)))
    for target in ("configmap", "helm", "kustomize/overlays"):
        if (folder / target).is_dir():
            return _in_folder(folder / target, environment)
    if found := _documents_in(folder):
        return _parsed(found)
    several = [path.name for path in list_folder(folder, str(folder)) if path.is_dir() and _holds_one(path)]
    if environment in several or len(several) == 1:
        return _in_folder(folder / (environment if environment in several else several[0]), environment)
    mend = f"name one of {', '.join(f'{folder}/{one}' for one in several)}" if several else "name a rendered folder"
    message = "holds several environments" if several else "holds no configuration"
    raise SourceError([Problem(str(folder), 0, 0, "", message, mend)])


def _holds_one(folder: FilePath) -> bool:
    return any((folder / name).exists() for name in ("configmap.yaml", "config", "values.yaml"))


def _documents_in(folder: FilePath) -> list[Document]:
    paths = [path for path in list_folder(folder, str(folder)) if path.suffix in _YAML and not path.is_dir()]
    wanted = [path for path in paths if path.name not in _NOT_DOCUMENTS and not path.name.startswith(".")]
    return [Document(str(path), read_text(path, str(path))) for path in wanted]


def _in_file(path: FilePath, text: str) -> list[Parsed]:
    """The documents of a ConfigMap (or a List of them), of values of a chart, of whatever else an import reads, or the
    file itself."""
    file = str(path)
    try:
        manifests = [manifest for manifest in bounded_yaml.load_all(text) if isinstance(manifest, Mapping)]
    except yaml.YAMLError as error:
        found = _recognised(text, file)
        if not found:
            raise SourceError([_problem(yaml_text.not_yaml(error, file, text))]) from error
        return found
    maps = [one for manifest in manifests for one in _config_maps(manifest)]
    holding = [one for one in maps if _embedded(one.get("data"), file)]
    elsewhere: list[Document] = []
    if len(holding) > 1:
        # What helm template prints has the ConfigMaps of all parts of Flyte: the plugins' is meant.
        speaking = [one for one in holding if _roots(one, file) & {"plugins", "tasks"}]
        elsewhere = _platform_resources([one for one in holding if one not in speaking], file)
        holding = speaking or holding
    if len(holding) > 1:
        names = ", ".join(str((one.get("metadata") or {}).get("name")) for one in holding)
        mend = "keep the one that is meant"
        raise SourceError([Problem(file, 0, 0, "", f"holds several ConfigMaps: {names}", mend)])
    if holding:
        return _parsed([*elsewhere, *_embedded(holding[0].get("data"), file)])
    if len(manifests) == 1 and (ours := _embedded(manifests[0].get("config"), file)):
        return _parsed(ours)
    if found := _recognised(text, file):
        return found
    if len(manifests) == 1 and "kind" not in manifests[0]:
        return _parsed([Document(file, text)])
    mend = "give a ConfigMap, values of a chart, or a document of Flyte's configuration"
    raise SourceError([Problem(file, 0, 0, "", "holds no configuration", mend)])


def _recognised(text: str, file: str) -> list[Parsed]:
    """What Flyte's own charts make of values, the charts' defaults beneath; else what is said in a patch, in Union's
    values, in a script. Nothing for any other file. Raises SourceError where a part can not be read."""
    from configgen.importers.chart_defaults import merged
    from configgen.importers.forms import Form, Values, parts
    from configgen.importers.translating import is_ours

    found = parts(text, file)
    broken = [problem for part in found if not isinstance(part, Values) for problem in part.problems]
    if broken:
        raise SourceError(_problem(problem) for problem in broken)
    layers = [part for part in found if isinstance(part, Values)]
    if layers:
        rendered = merged(layers[0].form, layers[:1]).documents()
        read_by_flyte = [one for one in rendered if one.gate is None and is_ours(one.tree)]
        return _without_dropped_lists([Parsed(dict(one.tree), one.locations) for one in read_by_flyte])
    read = [part for part in found if not isinstance(part, Values) and part.tree and part.form is not Form.NEIGHBOUR]
    return [Parsed(dict(part.tree), part.locations) for part in read]


def _config_maps(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if manifest.get("kind") == "ConfigMap":
        yield manifest
    elif str(manifest.get("kind", "")).endswith("List"):
        for item in manifest.get("items") or ():
            if isinstance(item, Mapping):
                yield from _config_maps(item)


def _roots(config_map: Mapping[str, Any], file: str) -> set[str]:
    """The sections that the documents of a ConfigMap have."""
    trees = [yaml_text.parse(one.name, one.text).tree for one in _embedded(config_map.get("data"), file)]
    return {str(key) for tree in trees if isinstance(tree, Mapping) for key in tree}


def _platform_resources(others: list[Mapping[str, Any]], file: str) -> list[Document]:
    """flyte-core gives ``task_resources`` to flyteadmin alone, from where they reach the pods."""
    documents = [document for one in others for document in _embedded(one.get("data"), file)]
    found = [(document, yaml_text.parse(document.name, document.text).tree) for document in documents]
    return [document for document, tree in found if isinstance(tree, Mapping) and tree.keys() == {"task_resources"}][:1]


def _embedded(data: Any, file: str) -> list[Document]:
    """Documents that are texts of a mapping; lines of messages count in the embedded text."""
    if not isinstance(data, Mapping):
        return []
    texts = {str(name): text for name, text in data.items() if str(name).endswith(_YAML) and isinstance(text, str)}
    return [Document(f"{file}#{name}", text) for name, text in texts.items()]
