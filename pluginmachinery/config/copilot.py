"""``plugins.k8s.co-pilot``: the sidecar that moves data for containers that know nothing of Flyte."""

from __future__ import annotations

from typing import Annotated, Any

from pluginmachinery.config.durations import Duration
from pluginmachinery.config.sections import QuantityString, Section, Since, Span


class FlyteCoPilotConfig(Section):
    """Image, paths and resources of the two co-pilot containers: one downloads inputs, one uploads outputs."""

    name: str = "flyte-copilot-"
    """Start of the container names; what each container does is appended."""
    image: str = "cr.flyte.org/flyteorg/flytecopilot:v0.0.15"
    """Image that has the co-pilot program."""
    default_input_path: str = "/var/flyte/inputs"
    """Where inputs are mounted if the task's data config names no path."""
    default_output_path: str = "/var/flyte/outputs"
    """Where outputs are mounted if the task's data config names no path."""
    input_vol_name: str = "flyte-inputs"
    """Name of the volume that holds the inputs."""
    output_vol_name: str = "flyte-outputs"
    """Name of the volume that holds the outputs."""
    start_timeout: Span = Duration()
    """How long the uploader waits for the main container to appear before it takes it for dead."""
    timeout: Span = Duration.of(hours=1)
    """How long an upload may take; also the pod's termination grace period."""
    cpu: QuantityString = "500m"
    """CPU request and limit of each co-pilot container."""
    memory: QuantityString = "128Mi"
    """Memory request and limit of each co-pilot container."""
    storage: QuantityString = ""
    """Size limit of the volume that holds inputs or outputs; empty: none."""
    storage_config_override: Annotated[dict[str, Any] | None, Since("2")] = None
    """Storage settings for co-pilot alone, in the form of the section ``storage``."""
    storage_config_secret_name: Annotated[str, Since("2")] = ""
    """Secret with the whole storage configuration, mounted instead of putting credentials on the command line."""
