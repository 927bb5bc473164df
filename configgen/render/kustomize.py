"""The target ``kustomize``: ``base``, ``components`` and one overlay an environment.

::

    kustomize/base/            what the chart installs by default: default values, the shipped configuration
    kustomize/components/      crd, high-availability, service-monitor, webhook, operators/<name>
    kustomize/overlays/<env>/  config/*.yaml, patches, kustomization.yaml
    kustomize/operators/<env>/ the components of the operators that the environment's plugins need

An overlay says what its environment has otherwise: its own documents, and patches that come from comparing the objects
of the two releases (:mod:`configgen.render.overlays`). Components are made in the same way, from the base and a release
with one setting changed; they are for overlays written by hand. kustomize puts a hash of the documents into the
ConfigMap's name, so a change of the configuration rolls the controller out. Nothing but the components of operators
needs the network (:mod:`configgen.render.operators`), so these are no part of the overlays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from configgen.release.manifests import CONFIG_MAP, Manifest, labels
from configgen.release.values import ServiceMonitorValues, WebhookValues
from configgen.render import operators
from configgen.render.kustomizations import SHARED, Files, kustomization
from configgen.render.output import Rendered
from configgen.render.overlays import Difference, deletion, difference
from configgen.render.release import Release
from configgen.render.yaml_text import to_yaml, to_yaml_documents

FOLDER: Final = "kustomize"


def render(base: Release, environments: Sequence[Release], crd: Manifest, *, every: bool) -> Rendered:
    """Base, components and the overlays. ``every``: these are all environments, so any other overlay is stale."""
    files = _below("base", _base(base))
    for name, component in _components(base, crd).items():
        files |= _below(f"components/{name}", component)
    for environment in environments:
        files |= _below(f"overlays/{environment.name}", _overlay(base, environment))
        files |= _below(f"operators/{environment.name}", operators.environment(environment))
    folders = ("overlays", "operators")
    within = [f"{folder}/{environment.name}" for folder in folders for environment in environments]
    owned = tuple(f"{FOLDER}/{name}" for name in ("base", "components", *(folders if every else within)))
    return Rendered(_below(FOLDER, files), owned)


def _below(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": text for name, text in files.items()}


def _base(base: Release) -> Files:
    objects = {name: SHARED + to_yaml_documents(content) for name, content in _by_file(base.objects()).items()}
    content = kustomization("Kustomization", {"resources": list(objects), "configMapGenerator": [_generator(base)]})
    return {"kustomization.yaml": SHARED + content, **objects, **_below("config", base.documents)}


def _components(base: Release, crd: Manifest) -> dict[str, Files]:
    available = difference(base, base.changed(replicas=2))
    monitored = difference(base, base.changed(service_monitor=ServiceMonitorValues(enabled=True)))
    admitting = difference(base, base.changed(webhook=WebhookValues(enabled=True)))
    file = "taskexecutions.yaml"
    return {
        "crd": {
            "kustomization.yaml": SHARED + kustomization("Component", {"resources": [file]}),
            file: SHARED + to_yaml(crd),
        },
        "high-availability": _as_files("Component", {}, available, SHARED),
        "service-monitor": _as_files("Component", {}, monitored, SHARED),
        "webhook": _as_files("Component", {}, admitting, SHARED),
        **operators.components(),
    }


def _overlay(base: Release, environment: Release) -> Files:
    head = {
        **_namespacing(environment),
        "resources": ["../../base"],
        "components": ["../../components/crd"],
        "configMapGenerator": [_generator(environment, behavior="replace")],
    }
    written = _as_files("Kustomization", head, difference(base, environment), environment.header())
    return written | _below("config", environment.documents)


def _generator(release: Release, **options: str) -> dict[str, Any]:
    files = [f"config/{name}" for name in release.documents]
    return {"name": CONFIG_MAP, **options, "files": files, "options": {"labels": labels(release.version)}}


def _namespacing(environment: Release) -> dict[str, Any]:
    """Everything goes into the environment's namespace but the roles in other watched namespaces: where there are such,
    only objects that name no namespace may be moved, which takes kustomize's transformer in its long form."""
    if set(environment.values.watch_namespaces) <= {environment.namespace}:
        return {"namespace": environment.namespace}
    transformer = {
        "apiVersion": "builtin",
        "kind": "NamespaceTransformer",
        "metadata": {"name": "namespace", "namespace": environment.namespace},
        "setRoleBindingSubjects": "allServiceAccounts",
        "unsetOnly": True,
    }
    return {"transformers": [to_yaml(transformer)]}


def _as_files(kind: str, head: dict[str, Any], found: Difference, header: str) -> Files:
    """A kustomization with its patches and additional objects."""
    added = {name: header + to_yaml_documents(content) for name, content in _by_file(found.added).items()}
    patches: list[dict[str, Any]] = [{"patch": to_yaml(deletion(manifest))} for manifest in found.removed]
    patch_files = {}
    for manifest, operations in found.patched:
        name, target = manifest["metadata"]["name"], manifest["kind"]
        file = f"patches/{_kebab(target)}-{name}.yaml"
        patch_files[file] = header + to_yaml(operations)
        patches.append({"path": file, "target": {"kind": target, "name": name}})
    resources = [*head.get("resources", []), *added]
    content = {**head, "resources": resources, "images": found.images, "replicas": found.replicas, "patches": patches}
    return {"kustomization.yaml": header + kustomization(kind, content), **added, **patch_files}


def _by_file(objects: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    """Objects grouped into files by kind, roles together with their bindings."""
    files: dict[str, list[Manifest]] = {}
    for manifest in objects:
        kind = manifest["kind"]
        name = "rbac" if kind.endswith(("Role", "RoleBinding")) else _kebab(kind)
        files.setdefault(f"{name}.yaml", []).append(manifest)
    return files


def _kebab(kind: str) -> str:
    """``ServiceAccount`` → ``service-account``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("-")
