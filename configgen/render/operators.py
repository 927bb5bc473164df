"""What installs operators: components for kustomize, a list of charts for helm.

::

    kustomize/components/operators/<name>/          the operator's pinned release, the same for every environment
    kustomize/operators/<env>/kustomization.yaml    the components that the plugins of an environment need
    helm/<env>/operators.yaml                       the charts that they need, as a helmfile

Operators serve a whole cluster and are other people's releases that come over the network. They are therefore applied
by themselves, before the controller; the overlays build offline. Each release has a folder of its own below its
component, because what a component says of namespaces holds for everything that was collected before it.
"""

from __future__ import annotations

from typing import Any

from configgen.operators import BY_NAME, Chart, Operator, needed
from configgen.render.kustomizations import SHARED, Files, kustomization
from configgen.render.release import Release
from configgen.render.yaml_text import to_yaml
from pluginmachinery.plugins.registry import BUILTIN


def components() -> dict[str, Files]:
    """``operators/<name>`` → files, for the operators of all plugins that are implemented."""
    offered = needed(plugin for plugin in BUILTIN if plugin.implementation)
    return {f"operators/{name}": _component(BY_NAME[name]) for name in offered}


def _component(operator: Operator) -> Files:
    files = {
        "kustomization.yaml": SHARED + kustomization("Component", {"resources": ["release"]}),
        "release/kustomization.yaml": SHARED + kustomization("Kustomization", _release(operator)),
    }
    if _lacks_namespace(operator):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": operator.namespace}}
        files["release/namespace.yaml"] = SHARED + to_yaml(namespace)
    return files


def _lacks_namespace(operator: Operator) -> bool:
    return operator.manifests is None or not operator.manifests.own_namespace


def _release(operator: Operator) -> dict[str, Any]:
    """The release in kustomize's words: the published manifests, or the chart where there are none."""
    lacking = _lacks_namespace(operator)
    content: dict[str, Any] = {"namespace": operator.namespace if lacking else None}
    own = ["namespace.yaml"] if lacking else []
    if operator.manifests:
        return content | {"resources": [operator.address, *own]}
    return content | {"resources": own, "helmCharts": [_inflated(operator, operator.chart)] if operator.chart else []}


def _inflated(operator: Operator, chart: Chart) -> dict[str, Any]:
    entry = {
        "name": chart.name,
        "repo": chart.repository,
        "version": chart.version,
        "releaseName": operator.name,
        "namespace": operator.namespace,
        "includeCRDs": True,
    }
    return entry | ({"valuesInline": dict(chart.values)} if chart.values else {})


def environment(release: Release) -> Files:
    """The kustomization of an environment's operators; none where its plugins need none that we know."""
    known = [BY_NAME[name] for name in release.operators if name in BY_NAME]
    if not known:
        return {}
    folder = f"kustomize/operators/{release.name}"
    command = f"kubectl apply --server-side --kustomize {folder}"
    if any(operator.manifests is None for operator in known):
        command = f"kubectl kustomize --enable-helm {folder} | kubectl apply --server-side --filename -"
    remarks = ["needs the network; install it before the overlay:", f"  {command}", *_by_hand(release)]
    listed = [f"../../components/operators/{operator.name}" for operator in known]
    return {"kustomization.yaml": _head(release, remarks) + kustomization("Kustomization", {"components": listed})}


def helmfile(release: Release) -> str | None:
    """Charts of an environment's operators as a helmfile. What is published as manifests only is told in comments."""
    known = [BY_NAME[name] for name in release.operators if name in BY_NAME]
    if not known:
        return None
    charts = [(operator, operator.chart) for operator in known if operator.chart]
    remarks = ["helmfile --file operators.yaml apply"] if charts else []
    for operator in known:
        if not operator.chart:
            remarks += [f"{operator.name} is not published as a chart:", f"  {operator.install_command}"]
    content = {
        "repositories": [{"name": operator.name, "url": chart.repository} for operator, chart in charts],
        "releases": [_helm_release(operator, chart) for operator, chart in charts],
    }
    return _head(release, [*remarks, *_by_hand(release)]) + (to_yaml(content) if charts else "")


def _helm_release(operator: Operator, chart: Chart) -> dict[str, Any]:
    entry = {
        "name": operator.name,
        "namespace": operator.namespace,
        "createNamespace": True,
        "chart": f"{operator.name}/{chart.name}",
        "version": chart.version,
    }
    return entry | ({"values": [dict(chart.values)]} if chart.values else {})


def _by_hand(release: Release) -> list[str]:
    """Operators of plugins of other packages, of which nothing but the name is known."""
    return [
        f"not installed by this: {name}, which {', '.join(plugins)} needs"
        for name, plugins in release.operators.items()
        if name not in BY_NAME
    ]


def _head(release: Release, remarks: list[str]) -> str:
    return release.header() + "".join(f"# {remark}\n" for remark in remarks)
