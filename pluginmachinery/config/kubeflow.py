"""``plugins.kf-operator``: the Kubeflow training operator (pytorch, tensorflow, mpi)."""

from __future__ import annotations

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import Section, Span


class KubeflowConfig(Section):
    """What holds for all jobs of the training operator."""

    timeout: Span = Duration.of(minutes=1)
    """How long the operator may take to write the first status; after that the task fails."""
