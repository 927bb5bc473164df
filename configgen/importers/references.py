"""Configuration that an install takes from elsewhere: ConfigMaps and Secrets that its values name, manifests that only
point, values that nobody may read. What is not among the files of an import is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from configgen.importers.forms import Form, Part, Recognised, Values
from configgen.importers.notes import Notes
from configgen.trees import mapping
from pluginmachinery.config.problems import Location, Path

_SECTIONS: Final = frozenset({"plugins", "tasks", "task_resources", "plugin-manager"})
_NAMED: Final = {
    "inlineConfigMap": "ConfigMap",
    "externalConfigMap": "ConfigMap",
    "inlineSecretRef": "Secret",
    "externalSecretRef": "Secret",
}
"""Keys of flyte-binary's ``configuration`` that name an object with more configuration."""


def tell_references(parts: Iterable[Part], notes: Notes) -> None:
    """What the parts of one environment point to, and is not among them."""
    parts = list(parts)
    there = {part.manifest for part in parts if isinstance(part, Recognised)}
    for part in parts:
        if isinstance(part, Values):
            _tell_named(part, there, notes)
        elif part.form is Form.POINTER:
            place = part.locations.get(())
            notes.warning(place, part.prefix, "only points to values kept elsewhere", "import these as well")
        elif part.form is Form.SECRET:
            _tell_secret(part, notes)


def _tell_named(values: Values, there: set[tuple[str, str]], notes: Notes) -> None:
    said = mapping(values.tree.get("configuration"))
    for key, kind in _NAMED.items():
        name = said.get(key)
        if not isinstance(name, str) or not name or (kind, name) in there:
            continue
        path: Path = (*values.prefix, "configuration", key)
        if kind == "ConfigMap":
            message = f"the ConfigMap {name} is not among the files, and what it says is missed"
            mend = f"import it as well: kubectl get configmap {name} -o yaml"
            notes.warning(values.locations.get(path), path, message, mend)
        else:
            message = f"the Secret {name} may say more, and is not read"
            notes.warning(values.locations.get(path), path, message, "say in a layer what in it is no secret")


def _tell_secret(part: Recognised, notes: Notes) -> None:
    if not part.prefix:
        message = "set_sensitive: a value that is kept secret is left out"
        notes.note(part.locations.get(()), "", message)
        return
    mend = "say in a layer what is no secret; keep the rest where it is, and mount it"
    message = "left out: it stands in a Secret, whose values are not copied"
    for path, place in _leaves(part.locations):
        notes.warning(place, (*part.prefix, *path), message, mend)


def _leaves(locations: Mapping[Path, Location]) -> list[tuple[Path, Location]]:
    """The keys of our sections with no other key below; elements of lists count as one."""
    keys = [path for path in locations if path and str(path[0]).lower() in _SECTIONS]
    named = [path for path in keys if not any(isinstance(step, int) for step in path)]
    above = {path[:length] for path in named for length in range(1, len(path))}
    return [(path, locations[path]) for path in named if path not in above]
