"""Spark's back doors: settings of ``sparkConf`` that reach into the pods, and the application's own volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pluginmachinery.policy.findings import Allowed, Finding

_HOST_PATH = re.compile(r"spark\.kubernetes\.(driver|executor)\.volumes\.hostPath\.")
_ACCOUNT = re.compile(r"spark\.kubernetes\.authenticate\.(driver\.|executor\.)?serviceAccountName")
_TEMPLATE = re.compile(r"spark\.kubernetes\.(driver|executor)\.podTemplateFile")
_SECURITY_ANNOTATION = re.compile(
    r"spark\.kubernetes\.(driver|executor)\.annotation\.(container\.apparmor|seccomp)\.security\."
)


def findings(manifest: Mapping[str, Any], allowed: Allowed) -> Iterator[Finding]:
    """What a SparkApplication may not contain beyond what its driver and executor say themselves."""
    if manifest.get("kind") != "SparkApplication":
        return
    spec = manifest.get("spec") or {}
    for index, volume in enumerate(spec.get("volumes") or ()):
        if isinstance(volume, Mapping) and volume.get("hostPath") is not None:
            yield Finding("host-paths", f"spec.volumes[{index}].hostPath", "mounts the node's file system")
    for key, value in (spec.get("sparkConf") or {}).items():
        finding = _setting(key, str(value), allowed)
        if finding:
            yield Finding(finding[0], f"spec.sparkConf[{key}]", finding[1])


def _setting(key: str, value: str, allowed: Allowed) -> tuple[str, str] | None:
    if _HOST_PATH.match(key):
        return "host-paths", "mounts the node's file system"
    if _TEMPLATE.match(key):
        return "pod-templates", "brings a pod template that nobody has checked"
    if _SECURITY_ANNOTATION.match(key):
        return "seccomp", "sets a security profile by annotation"
    if _ACCOUNT.match(key) and not allowed.service_account(value):
        return "service-accounts", f"takes the service account {value}"
    if key == "spark.kubernetes.namespace" and value != allowed.namespace:
        return "foreign-namespaces", f"runs in the namespace {value}"
    return None
