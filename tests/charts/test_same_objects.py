"""The chart and kustomize install the same objects, whatever the release says: what configgen renders for both is given
to the real helm and the real kustomize, and the results are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from configgen.layers.kinds import model_kind
from configgen.release.values import ReleaseValues
from configgen.render.output import write
from configgen.render.targets import rendering
from tests.charts.conftest import Run
from tests.charts.manifests import CHART, RELEASE, ROOT, by_identity, documents

CONFIG = """
tasks: {task-plugins: {enabled-plugins: [container]}}
plugins: {k8s: {default-env-vars: {AWS_REGION: eu-west-1}}}
"""

DIGEST = "sha256:" + "0123456789abcdef" * 4

RELEASES = {
    "nothing said": "",
    "another image": "image: {repository: registry.example/controller, tag: v9, pullPolicy: Always}",
    "an image by digest": f"image: {{digest: '{DIGEST}'}}",
    "two replicas": "replicas: 2",
    "three replicas without a disruption budget": "{replicas: 3, podDisruptionBudget: {enabled: false}}",
    "no leader election": "leaderElection: false",
    "its own namespace": "watchNamespaces: [flyte]",
    "other namespaces": "watchNamespaces: [team-a, team-b]",
    "its own and another namespace": "watchNamespaces: [flyte, team-a]",
    "a service account that is there already": "serviceAccount: {create: false, name: mine}",
    "a service account with a cloud role": "serviceAccount: {name: fpm, annotations: {example.com/role: 'arn:aws:x'}}",
    "no rights": "rbac: {create: false}",
    "more rights": "rbac: {extraRules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]}",
    "another port": "service: {port: 9090}",
    "a service monitor": "serviceMonitor: {enabled: true, interval: 10s, labels: {release: prometheus}}",
    "more resources": "resources: {limits: {memory: 2Gi, cpu: '2'}}",
    "no limits": "resources: !replace {requests: {cpu: '1'}}",
    "no resources at all": "resources: !replace {}",
    "a webhook": "webhook: {enabled: true}",
    "a webhook that is told everything": """
        watchNamespaces: [team-a, team-b]
        serviceMonitor: {enabled: true}
        serviceAccount: {create: false, name: mine}
        podSecurityContext: {fsGroup: 7}
        nodeSelector: {pool: system}
        webhook:
          enabled: true
          replicas: 1
          failurePolicy: Ignore
          timeoutSeconds: 3
          port: 9999
          namespaceSelector: {matchLabels: {team: ml}}
          resources: !replace {}
          extraEnv: [{name: FLYTE_SECRET_G_K, valueFrom: {secretKeyRef: {name: s, key: k}}}]
          extraVolumes: [{name: own, secret: {secretName: own}}]
          extraVolumeMounts: [{name: own, mountPath: /etc/secrets/own, readOnly: true}]
        """,
    "a webhook for the watched namespaces": "{webhook: {enabled: true}, watchNamespaces: [flyte, team-a]}",
    "a webhook without rights": "{webhook: {enabled: true}, rbac: {create: false}}",
    "placement": """
        nodeSelector: {pool: system}
        tolerations: [{key: dedicated, value: system, effect: NoSchedule}]
        affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
          {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: x}}}]}}
        topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]
        priorityClassName: system-cluster-critical
        """,
    "marks on the pods": "{podLabels: {team: ml}, podAnnotations: {example.com/note: 'yes'}}",
    "volumes and variables": """
        extraEnv: [{name: AWS_REGION, value: eu-west-1}, {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}]
        extraVolumes: [{name: ca, configMap: {name: ca}}]
        extraVolumeMounts: [{name: ca, mountPath: /etc/ca, readOnly: true}]
        podSecurityContext: {fsGroup: 1000}
        """,
    "a pull secret, text logs, more time": """
        imagePullSecrets: [{name: registry}]
        logFormat: text
        terminationGracePeriodSeconds: 60
        dataRoot: s3://bucket/flyte
        """,
    "an operator that is there already": "operators: {installed: [spark-operator]}",
}


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_helm_and_kustomize_install_the_same(
    release: str, make_source: Callable[..., Path], helm: Run, kustomize: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(rendering(make_source(CONFIG, release)), out)
    values = out / "helm/test/values.yaml"
    by_helm = helm("template", RELEASE, CHART, "--namespace", "flyte", "--include-crds", "--values", values).stdout
    by_kustomize = kustomize("build", out / "kustomize/overlays/test").stdout
    assert by_identity(documents(by_helm)) == by_identity(documents(by_kustomize))


def test_every_value_of_a_release_is_tried_above() -> None:
    everything = "\n".join(RELEASES.values())
    untried = [key for key in model_kind(ReleaseValues).keys if f"{key}:" not in everything]
    assert untried == []


def test_the_chart_alone_installs_what_the_base_of_kustomize_does(helm: Run, kustomize: Run) -> None:
    by_helm = documents(helm("template", RELEASE, CHART, "--namespace", "flyte").stdout)
    by_kustomize = documents(kustomize("build", ROOT / "kustomize/base").stdout)
    for manifest in by_helm:
        # The base leaves the namespace to whoever uses it.
        manifest["metadata"].pop("namespace", None)
        for subject in manifest.get("subjects", []):
            subject.pop("namespace")
    assert by_identity(by_helm) == by_identity(by_kustomize)


@pytest.mark.parametrize("component", ["high-availability", "service-monitor", "webhook"])
def test_a_component_does_what_the_value_of_its_name_does(
    component: str, helm: Run, kustomize: Run, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (tmp_path / "kustomize").symlink_to(ROOT / "kustomize")
    (overlay / "kustomization.yaml").write_text(
        f"namespace: flyte\nresources: [../kustomize/base]\ncomponents: [../kustomize/components/{component}]\n"
    )
    value = {
        "high-availability": "replicas=2",
        "service-monitor": "serviceMonitor.enabled=true",
        "webhook": "webhook.enabled=true",
    }[component]
    by_helm = helm("template", RELEASE, CHART, "--namespace", "flyte", "--set", value).stdout
    by_kustomize = kustomize("build", overlay, "--load-restrictor=LoadRestrictionsNone").stdout
    assert by_identity(documents(by_helm)) == by_identity(documents(by_kustomize))
