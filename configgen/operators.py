"""The operators: software of others that must run in a cluster before a plugin's objects come to anything.

A plugin that creates SparkApplications needs an operator that makes them run. :data:`OPERATORS` is the one place for
which operators there are, at which release, where that release is published, and how a running one is recognised.
Which plugins need one is said by the plugins (``PluginDeclaration.operator_component``); from that follow the
components that kustomize installs, the catalogue, and what a live cluster is checked for.

Releases are pinned: an address names a tag, never a branch. A release is taken up only if it serves the API versions
that our plugins write, which a test holds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Manifests:
    """A release as files in the operator's repository, for kustomize and kubectl."""

    path: str
    """A folder with a kustomization, or a file that ends in ``.yaml``."""
    own_namespace: bool = True
    """Do they bring the namespace as an object, and say that everything goes there?"""


@dataclass(frozen=True, slots=True)
class Chart:
    """A release as a Helm chart."""

    repository: str
    name: str
    version: str
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """Values without which the operator would not see the objects of tasks."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator at its pinned release. At least one of ``manifests`` and ``chart`` is there."""

    name: str
    """What plugins call it; also the name of its component, and of its Helm release."""
    repository: str
    """``owner/name`` on GitHub."""
    tag: str
    """The release, as the repository's tag names it."""
    namespace: str
    """Where our component installs it."""
    crds: Mapping[str, tuple[str, ...]]
    """Custom resource definitions that plugins and the operator's own work need: name → versions that are served."""
    deployment: str
    """Name of its Deployment when installed by the component."""
    labels: Mapping[str, str]
    """What the pods of a running one carry, whichever way it was installed; empty: nothing tells it from others, go by
    the name."""
    manifests: Manifests | None = None
    chart: Chart | None = None

    @property
    def home(self) -> str:
        return f"https://github.com/{self.repository}"

    @property
    def address(self) -> str | None:
        """Where kustomize and kubectl find the manifests of the release; None where it is only a chart."""
        if self.manifests is None:
            return None
        if self.manifests.path.endswith(".yaml"):
            return f"https://raw.githubusercontent.com/{self.repository}/{self.tag}/{self.manifests.path}"
        return f"{self.home}//{self.manifests.path}?ref={self.tag}&timeout=120s"

    @property
    def install_command(self) -> str:
        """One line for a shell that installs the release: by helm where there is a chart, else by kubectl."""
        if self.chart is None:
            how = "--filename" if str(self.address).endswith(".yaml") else "--kustomize"
            return f"kubectl apply --server-side {how} '{self.address}'"
        settings = [f" --set-json '{name}={_compact(value)}'" for name, value in self.chart.values.items()]
        return (
            f"helm upgrade --install {self.name} {self.chart.name} --repo {self.chart.repository}"
            f" --version {self.chart.version} --namespace {self.namespace} --create-namespace{''.join(settings)}"
        )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


OPERATORS: Final = (
    Operator(
        name="spark-operator",
        repository="kubeflow/spark-operator",
        tag="v2.5.2",
        namespace="spark-operator",
        crds={
            "sparkapplications.sparkoperator.k8s.io": ("v1beta2",),
            "scheduledsparkapplications.sparkoperator.k8s.io": ("v1beta2",),
        },
        deployment="spark-operator-controller",
        labels={"app.kubernetes.io/name": "spark-operator"},
        # Not by its manifests: those of v2.5.2 name the image of a release candidate, and their kustomize configuration
        # clashes with that of the training operator. Left alone, the chart watches only the namespace
        # "default"; an empty name stands for all.
        chart=Chart(
            "https://kubeflow.github.io/spark-operator",
            "spark-operator",
            "2.5.2",
            values={"spark": {"jobNamespaces": [""]}},
        ),
    ),
    Operator(
        name="kuberay-operator",
        repository="ray-project/kuberay",
        tag="v1.6.2",
        namespace="ray-system",
        crds={
            "rayjobs.ray.io": ("v1", "v1alpha1"),
            "rayclusters.ray.io": ("v1", "v1alpha1"),
        },
        deployment="kuberay-operator",
        labels={"app.kubernetes.io/component": "kuberay-operator"},
        manifests=Manifests("ray-operator/config/default", own_namespace=False),
        chart=Chart("https://ray-project.github.io/kuberay-helm", "kuberay-operator", "1.6.2"),
    ),
    Operator(
        name="training-operator",
        repository="kubeflow/training-operator",
        tag="v1.9.0",
        namespace="kubeflow",
        crds={
            "pytorchjobs.kubeflow.org": ("v1",),
            "tfjobs.kubeflow.org": ("v1",),
            "mpijobs.kubeflow.org": ("v1",),
        },
        deployment="training-operator",
        labels={"control-plane": "kubeflow-training-operator"},
        manifests=Manifests("manifests/overlays/standalone"),
    ),
    Operator(
        name="dask-operator",
        repository="dask/dask-kubernetes",
        tag="2025.4.3",
        namespace="dask-operator",
        crds={
            "daskjobs.kubernetes.dask.org": ("v1",),
            "daskclusters.kubernetes.dask.org": ("v1",),
            "daskworkergroups.kubernetes.dask.org": ("v1",),
            "daskautoscalers.kubernetes.dask.org": ("v1",),
        },
        deployment="dask-operator-dask-kubernetes-operator",
        labels={"app.kubernetes.io/name": "dask-kubernetes-operator"},
        chart=Chart("https://helm.dask.org", "dask-kubernetes-operator", "2025.4.3"),
    ),
    Operator(
        name="sagemaker-operator",
        repository="aws/amazon-sagemaker-operator-for-k8s",
        tag="v1.2.2",
        namespace="sagemaker-k8s-operator-system",
        crds={
            "trainingjobs.sagemaker.aws.amazon.com": ("v1",),
            "hyperparametertuningjobs.sagemaker.aws.amazon.com": ("v1",),
        },
        deployment="sagemaker-k8s-operator-controller-manager",
        labels={},
        manifests=Manifests("release/rolebased/installer.yaml"),
    ),
)
"""Every operator that a plugin of ours names, in the order in which they are installed."""
BY_NAME: Final[Mapping[str, Operator]] = MappingProxyType({operator.name: operator for operator in OPERATORS})


class NeedsOperator(Protocol):
    """What has to be known of a plugin: its ID, and the name of the operator that it needs."""

    @property
    def id(self) -> str: ...
    @property
    def operator_component(self) -> str | None: ...


def needed(plugins: Iterable[NeedsOperator], installed: Collection[str] = ()) -> dict[str, list[str]]:
    """Operator → IDs of the plugins that need it, without those ``installed`` already; in the order of
    :data:`OPERATORS`, then those that are not in it (of plugins of other packages) by name."""
    found: dict[str, list[str]] = {}
    for plugin in plugins:
        if plugin.operator_component and plugin.operator_component not in installed:
            found.setdefault(plugin.operator_component, []).append(plugin.id)
    order = [*BY_NAME, *sorted(found.keys() - BY_NAME.keys())]
    return {name: found[name] for name in order if name in found}
