"""The source that ``configgen init`` writes: a base, dev and prod, and a workflow that posts what a change does."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

WORKFLOW = ".github/workflows/configuration.yaml"

_DEFINITION = """\
# The environments, and the layers each is made of: later layers win.
environments:
  dev:
    layers: [base, environments/dev]
    namespace: flyte-dev
  prod:
    layers: [base, environments/prod]
    namespace: flyte-prod
"""
_RELEASE = """\
# How the controller is installed, in all environments: values of its chart.
replicas: 1
# Operators that plugins need (spark, ray, …) are rendered once these are enabled: kustomize/operators/, operators.yaml.
# Not so for operators that the cluster has already:
# operators:
#   installed: [spark-operator]
"""
_DEV = """\
# What only dev says. `configgen explain PATH --env dev` tells what a key means and who set it.
plugins:
  k8s:
    default-env-vars:
      - LOG_LEVEL: debug
"""
_PROD = """\
# What only prod says.
task_resources:
  limits:
    cpu: "8"
    memory: 16Gi
"""


def source() -> Mapping[str, str]:
    """The files of a new source: relative path → text. The base is what our chart installs by default."""
    from configgen.formatting import formatted
    from configgen.render.releases import shipped_documents

    base = {
        f"base/config/{name}": formatted(f"# What all environments share.\n{_without_header(text)}", name)
        for name, text in shipped_documents().items()
    }
    environments = {"environments/dev/config/dev.yaml": _DEV, "environments/prod/config/prod.yaml": _PROD}
    return {**base, "base/release.yaml": _RELEASE, **environments, "configgen.yaml": _DEFINITION, **workflow()}


def workflow() -> Mapping[str, str]:
    """The workflow for GitHub; its commands are those a person would call."""
    return {WORKFLOW: files(__name__).joinpath("workflow.yaml").read_text("utf-8")}


def _without_header(text: str) -> str:
    """Shipped documents begin with the mark of rendered files, which a source must not have."""
    lines = text.splitlines(keepends=True)
    return "".join(line for index, line in enumerate(lines) if index or not line.startswith("#"))
