"""Live sides: the configuration that a cluster runs with.

``cluster:CONTEXT/NAMESPACE[/CONFIGMAP]`` names it; an empty context is the current one, an empty namespace the
context's. Without a ConfigMap it is the one that the running Deployment mounts – of our controller (whose ConfigMaps
have a new name with every change), of FlytePropeller, or of flyte-binary. Secrets that are mounted beside it are not
read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from configgen.cluster.connection import Connection, Object, Unread, labels_of, name_of
from configgen.cluster.kubeconfigs import connect, contexts
from configgen.problems import Problem, SourceError
from configgen.release.values import NAME
from pluginmachinery.config.documents import Document

PREFIX: Final = "cluster:"
_YAML: Final = (".yaml", ".yml")
_COMPONENTS: Final = {NAME: "controller", "flytepropeller": "", "flyte-binary": "flyte-binary"}
"""Whose Deployments read plugin configuration: label ``app.kubernetes.io/name`` → its component, empty: any."""
_USUAL: Final = ("flyte-propeller-config", "flyte-binary-config")
"""Where Deployments may not be listed, these are looked for."""


def is_live(name: str) -> bool:
    """Whether a person names something in a cluster."""
    return name.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class Address:
    """What follows ``cluster:``."""

    context: str
    namespace: str
    config_map: str


def parse(name: str, known: Sequence[str]) -> Address:
    """Take the name apart. Contexts may have slashes and colons in their names (those of EKS do), so the longest known
    one that fits is meant. Raises SourceError."""
    rest = name.removeprefix(PREFIX)
    fitting = [one for one in known if rest == one or rest.startswith(f"{one}/")]
    context = max(fitting, key=len, default=rest.partition("/")[0])
    namespace, _, config_map = rest.removeprefix(context).removeprefix("/").partition("/")
    if "/" in config_map:
        raise SourceError([Problem(name, 0, 0, "", "has too many parts", f"write {PREFIX}CONTEXT/NAMESPACE/CONFIGMAP")])
    return Address(context, namespace, config_map)


def read_live(name: str, kubeconfig: Path | None = None) -> list[Document]:
    """The documents of Flyte's configuration there, named ``cluster:…#k8s.yaml``. Raises SourceError."""
    address = parse(name, [one["name"] for one in contexts(kubeconfig)])
    cluster = connect(address.context, kubeconfig)
    found = _Installations(cluster, address.namespace or cluster.namespace, name)
    maps = [found.named(address.config_map)] if address.config_map else found.config_maps()
    documents = [document for one in maps for document in _documents(one, name)]
    if not documents:
        held = ", ".join(name_of(one) for one in maps)
        raise _error(name, f"holds no configuration: no YAML in {held}", "name the ConfigMap that is meant")
    return sorted(documents)


class _Installations:
    """What is installed in a namespace."""

    def __init__(self, cluster: Connection, namespace: str, name: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name

    def named(self, config_map: str) -> Object:
        found = self._cluster.get(f"/api/v1/namespaces/{self._namespace}/configmaps/{config_map}")
        if isinstance(found, Unread):
            message = f"the ConfigMap {config_map} can not be read: {found.reason}"
            raise _error(self._name, message, "ask for the right to get it")
        if found is None:
            message = f"there is no ConfigMap {config_map} in the namespace {self._namespace}"
            raise _error(self._name, message, f"kubectl get configmaps -n {self._namespace}")
        return found

    def config_maps(self) -> list[Object]:
        """Those that the one Deployment mounts."""
        deployments = self._cluster.items(f"/apis/apps/v1/namespaces/{self._namespace}/deployments")
        if isinstance(deployments, Unread):
            return [self._usual(deployments)]
        mounted = {name_of(one): _mounted(one) for one in deployments if _reads_configuration(one)}
        if len(mounted) > 1:
            several = "; ".join(f"{name} mounts {', '.join(maps)}" for name, maps in sorted(mounted.items()))
            message = f"several installations in the namespace {self._namespace}: {several}"
            raise _error(self._name, message, f"name one: {PREFIX}{self._cluster.context}/{self._namespace}/CONFIGMAP")
        for maps in mounted.values():
            return [self.named(one) for one in maps]
        message = f"neither our controller nor FlytePropeller nor flyte-binary runs in the namespace {self._namespace}"
        raise _error(self._name, message, "name another namespace, or the ConfigMap")

    def _usual(self, refusal: Unread) -> Object:
        for name in _USUAL:
            found = self._cluster.get(f"/api/v1/namespaces/{self._namespace}/configmaps/{name}")
            if isinstance(found, dict):
                return found
        message = f"Deployments can not be listed, so what they mount is not known: {refusal.reason}"
        raise _error(self._name, message, f"name the ConfigMap: {PREFIX}{self._cluster.context}/NAMESPACE/CONFIGMAP")


def _reads_configuration(deployment: Mapping[str, Any]) -> bool:
    labels = labels_of(deployment)
    template = labels_of((deployment.get("spec") or {}).get("template") or {})
    component = _COMPONENTS.get(str(labels.get("app.kubernetes.io/name")))
    both = {**labels, **template}
    return component is not None and component in ("", both.get("app.kubernetes.io/component", component))


def _mounted(deployment: Mapping[str, Any]) -> list[str]:
    spec = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return list(dict.fromkeys(name for volume in spec.get("volumes") or () for name in _config_maps_of(volume)))


def _config_maps_of(volume: Mapping[str, Any]) -> Iterator[str]:
    if not str(volume.get("name", "")).startswith("config"):
        return  # templates of cluster resources, certificates
    projected = (volume.get("projected") or {}).get("sources") or ()
    for source in (volume, *projected):
        if name := (source.get("configMap") or {}).get("name"):
            yield str(name)


def _documents(config_map: Mapping[str, Any], name: str) -> Iterator[Document]:
    for key, text in (config_map.get("data") or {}).items():
        if str(key).endswith(_YAML) and isinstance(text, str):
            yield Document(f"{name}#{key}", text)


def _error(name: str, message: str, mend: str) -> SourceError:
    return SourceError([Problem(name, 0, 0, "", message, mend)])
