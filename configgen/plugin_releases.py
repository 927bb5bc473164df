"""In which releases of Flyte a plugin is, so that nobody has to search a changelog.

Counted is what a release loads: before Flyte v1.9.2 that is the ``flytepropeller`` whose image the release's manifests
name and its imports of ``flyteplugins``, from then on the imports in Flyte's own repository; for Flyte 2 the imports
of its executor. Code that lies in the source and that nothing loads does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

REFERENCE: Final = "v1.16.8"
"""The release of Flyte 1 up to which this holds; the registry describes it."""
REFERENCE_2: Final = "v2.0.43"
"""The release of Flyte 2 up to which this holds."""


@dataclass(frozen=True, slots=True)
class FlyteReleases:
    """``first`` and ``last`` release of Flyte 1 with a plugin, ``flyte2`` the first one of Flyte 2. ``first`` is None
    for a plugin that no release has, ``last`` for one that :data:`REFERENCE` has, ``flyte2`` for one that
    :data:`REFERENCE_2` has not."""

    first: str | None
    last: str | None = None
    flyte2: str | None = None

    def __str__(self) -> str:
        if self.first is None:
            return "in no release"
        if self.last:
            return f"{self.first} to {self.last}"
        return f"since {self.first}" + (f", Flyte 2 since {self.flyte2}" if self.flyte2 else ", not in Flyte 2")


_SAGEMAKER: Final = FlyteReleases("v0.7.0", last="v1.10.0")
RELEASES: Final[Mapping[str, FlyteReleases]] = {
    "agent-service": FlyteReleases("v1.7.0"),
    "athena": FlyteReleases("v0.14.2"),
    "aws_array": FlyteReleases("v0.2.0"),
    "bigquery": FlyteReleases("v0.19.3"),
    "connector-service": FlyteReleases("v1.15.1", flyte2="v2.0.28"),
    "container": FlyteReleases("v0.1.0", flyte2="v2.0.7"),
    "dask": FlyteReleases("v1.3.0", flyte2="v2.0.24"),
    "databricks": FlyteReleases("v1.3.0"),
    "echo": FlyteReleases("v1.10.6"),
    "k8s-array": FlyteReleases("v0.2.0"),
    "mpi": FlyteReleases("v0.18.1", flyte2="v2.0.24"),
    "pod": FlyteReleases("v0.19.2", flyte2="v2.0.7"),
    "presto": FlyteReleases(None),
    "pytorch": FlyteReleases("v0.5.0", flyte2="v2.0.24"),
    "qubole-hive-executor": FlyteReleases("v0.2.0", last="v1.15.3"),
    "ray": FlyteReleases("v1.2.0", flyte2="v2.0.24"),
    "sagemaker_custom_training": _SAGEMAKER,
    "sagemaker_hyperparameter_tuning": _SAGEMAKER,
    "sagemaker_training": _SAGEMAKER,
    "sidecar": FlyteReleases("v0.1.0", flyte2="v2.0.7"),
    "snowflake": FlyteReleases("v0.17.3"),
    "spark": FlyteReleases("v0.1.0", flyte2="v2.0.24"),
    "tensorflow": FlyteReleases("v1.3.0", flyte2="v2.0.24"),
}
"""Every plugin of Flyte that the registry knows."""
LAST_VERSION: Final[Mapping[str, str]] = {name: known.last for name, known in RELEASES.items() if known.last}
"""Plugins that Flyte no longer has, with the last release that had them."""
