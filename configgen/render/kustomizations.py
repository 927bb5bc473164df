"""The words of kustomize that its files have in common."""

from __future__ import annotations

from typing import Any, Final

from configgen.render.output import HEADER
from configgen.render.yaml_text import to_yaml

SHARED: Final = f"{HEADER}: the same for every environment.\n"
"""First line of files that no environment changes."""
_API: Final = "kustomize.config.k8s.io"
_KINDS: Final = {"Kustomization": f"{_API}/v1beta1", "Component": f"{_API}/v1alpha1"}
Files = dict[str, str]
"""Relative path → text."""


def kustomization(kind: str, content: dict[str, Any]) -> str:
    """A ``kustomization.yaml`` of kind Kustomization or Component; empty members are left out."""
    filled = {key: value for key, value in content.items() if value}
    return to_yaml({"apiVersion": _KINDS[kind], "kind": kind, **filled})
