"""``otel``: where traces go. Flyte's own section, read by all its services."""

from __future__ import annotations

from typing import ClassVar, Literal

from pluginmachinery.config.sections import CamelSection


class TraceFile(CamelSection):
    """Traces in a file."""

    filename: str = "/tmp/trace.txt"  # noqa: S108 -- Flyte's default
    """File; it is begun anew at every start."""


class JaegerEndpoint(CamelSection):
    """Jaeger's own protocol."""

    endpoint: str = "http://localhost:14268/api/traces"
    """Address."""


class OtlpGrpcEndpoint(CamelSection):
    """A collector, by gRPC."""

    endpoint: str = "http://localhost:4317"
    """Address."""


class OtlpHttpEndpoint(CamelSection):
    """A collector, by HTTP."""

    endpoint: str = "http://localhost:4318/v1/traces"
    """Address with its path."""


class SamplerConfig(CamelSection):
    """Which tasks are traced."""

    parent_sampler: Literal["always", "traceid"] = "always"
    """``always``: all; ``traceid``: a share of them."""
    trace_id_ratio: float = 0.01
    """The share for ``traceid``."""


class OtelConfig(CamelSection):
    """Traces."""

    passes_over_unknown: ClassVar[bool] = True

    type: Literal["noop", "file", "jaeger", "otlpgrpc", "otlphttp"] = "noop"
    """Where traces go; ``noop``: nowhere. The controller has no ``jaeger``: Jaeger takes ``otlphttp``."""
    file: TraceFile = TraceFile()
    """Traces in a file."""
    jaeger: JaegerEndpoint = JaegerEndpoint()
    """Jaeger's own protocol."""
    otlpgrpc: OtlpGrpcEndpoint = OtlpGrpcEndpoint()
    """A collector, by gRPC."""
    otlphttp: OtlpHttpEndpoint = OtlpHttpEndpoint()
    """A collector, by HTTP."""
    sampler: SamplerConfig = SamplerConfig()
    """Which tasks are traced."""
