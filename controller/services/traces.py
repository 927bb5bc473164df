"""Traces: one for each task, in OpenTelemetry's terms.

::

    task                      from acceptance to the end
      attempt                 one try
        Queued, Running       where its time went
        handling              a worker had the task in hand
          create pods, …      a request to the API server or the object store

IDs of traces, tasks and attempts follow from the task's UID: what one replica begins another one goes on with, and a
restart does not cut a trace in two. Tasks and attempts are told when they end; requests outside of a task are not told.

OpenTelemetry's library is imported when traces are configured, and only then. Spans are sent by its own thread, and
dropped when nobody takes them: a task never waits for a trace.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from controller.services.configuration import StartError
from controller.services.moves import Move
from pluginmachinery.api import times
from pluginmachinery.config.otel import OtelConfig

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.sampling import Sampler

SERVICE = "flyte-plugin-manager"
_NOT_TRACED: AbstractContextManager[object] = contextlib.nullcontext()
_EXTRA = "install flyte-plugin-manager[otel]"


class Traces:
    """Makes spans of what it is told. Raises StartError for a destination that can not be used."""

    def __init__(self, config: OtelConfig, version: str) -> None:
        exporter = _exporter(config)
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        class Ids(RandomIdGenerator):
            """Random, unless the next one was given."""

            trace: int | None = None
            span: int | None = None

            def generate_trace_id(self) -> int:
                given, self.trace = self.trace, None
                return given or super().generate_trace_id()

            def generate_span_id(self) -> int:
                given, self.span = self.span, None
                return given or super().generate_span_id()

        self._ids = Ids()
        self._sampler = _sampler(config)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": SERVICE, "service.version": version}),
            sampler=self._sampler,
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    def handling(self, namespace: str, name: str, uid: str, attempt: int, phase: str) -> AbstractContextManager[object]:
        """The span in which a worker has the task in hand."""
        if not self._is_sampled(uid):
            return _NOT_TRACED
        attributes: dict[str, str | int] = {**_identity(namespace, name, uid), "task.attempt": attempt}
        attributes["task.phase"] = phase
        context = self._under(uid, _attempt_id(uid, attempt))
        return self._tracer.start_as_current_span("handling", context=context, attributes=attributes)

    def request(self, verb: str, kind: str, code: int, seconds: float) -> None:
        """A request to the API server was answered."""
        self._told(f"{verb} {kind}", seconds, {"http.response.status_code": code}, failed=not 200 <= code < 400)

    def stored(self, operation: str, outcome: str, seconds: float) -> None:
        """The object store answered."""
        self._told(operation, seconds, {"outcome": outcome}, failed=outcome != "ok")

    def moved(self, move: Move) -> None:
        """Attempts and tasks that ended."""
        if not (move.ended_attempts or move.is_end) or not self._is_sampled(move.uid):
            return
        status = move.status
        identity = _identity(move.namespace, move.name, move.uid) | {"task.plugin": status.get("plugin") or ""}
        for record in move.ended_attempts:
            self._attempt_ended(move.uid, identity, record)
        if move.is_end and "acceptedAt" in status and "finishedAt" in status:
            self._ids.trace, self._ids.span = _trace_id(move.uid), _root_id(move.uid)
            attributes = identity | {"task.phase": move.phase}
            self._span("task", None, status["acceptedAt"], status["finishedAt"], attributes, status.get("error"))

    def shutdown(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _attempt_ended(self, uid: str, identity: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        if "startedAt" not in record:
            return
        started, ended, span = record["startedAt"], record["endedAt"], _attempt_id(uid, record["attempt"])
        running = record.get("runningAt")
        self._span("Queued", self._under(uid, span), started, running or ended, identity)
        if running:
            self._span("Running", self._under(uid, span), running, ended, identity)
        self._ids.span = span
        attributes = {**identity, "task.attempt": record["attempt"], "task.budget": record.get("budget") or ""}
        self._span("attempt", self._under(uid, _root_id(uid)), started, ended, attributes, record.get("error"))

    def _span(
        self,
        name: str,
        context: Context | None,
        since: str,
        until: str,
        attributes: Mapping[str, Any],
        error: Mapping[str, Any] | None = None,
    ) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import Status, StatusCode

        begin, end = _nanoseconds(times.from_text(since)), _nanoseconds(times.from_text(until))
        span = self._tracer.start_span(name, context or Context(), attributes=dict(attributes), start_time=begin)
        if error:
            span.set_attributes({"error.kind": error["kind"], "error.type": error["code"]})
            span.set_status(Status(StatusCode.ERROR, error["message"]))
        span.end(max(begin, end))

    def _told(self, name: str, seconds: float, attributes: Mapping[str, Any], *, failed: bool) -> None:
        """Something that has ended already, if it was part of a handling that is traced."""
        from opentelemetry.trace import Status, StatusCode, get_current_span

        if not get_current_span().is_recording():
            return
        end = time.time_ns()
        span = self._tracer.start_span(name, attributes=dict(attributes), start_time=end - int(seconds * 1e9))
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def _is_sampled(self, uid: str) -> bool:
        """Decided by the trace's ID alone, so that all its spans, from all replicas, are there or none."""
        from opentelemetry.sdk.trace.sampling import Decision

        return self._sampler.should_sample(None, _trace_id(uid), "task").decision is Decision.RECORD_AND_SAMPLE

    def _under(self, uid: str, parent: int) -> Context:
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        flags = TraceFlags(TraceFlags.SAMPLED)
        context = SpanContext(_trace_id(uid), parent, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(context))


def open_traces(config: OtelConfig, version: str) -> Traces | None:
    """None: no traces are wanted. Raises StartError."""
    return None if config.type == "noop" else Traces(config, version)


def _exporter(config: OtelConfig) -> SpanExporter:
    if config.type == "jaeger":
        told = "otel.type jaeger is not there: Jaeger takes otlphttp, by default at http://HOST:4318/v1/traces"
        raise StartError([told])
    try:
        if config.type == "otlphttp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter(endpoint=config.otlphttp.endpoint)
        if config.type == "otlpgrpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

            exporter: SpanExporter = Grpc(endpoint=config.otlpgrpc.endpoint)
            return exporter
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter
    except ImportError as error:
        mend = (
            "install opentelemetry-exporter-otlp-proto-grpc, or use otlphttp" if config.type == "otlpgrpc" else _EXTRA
        )
        raise StartError([f"otel.type is {config.type}: {mend}"]) from error
    try:
        file = open(config.file.filename, "w", encoding="utf-8")  # noqa: PTH123, SIM115 -- open as long as the process
    except OSError as error:
        raise StartError([f"otel.file.filename {config.file.filename}: {error.strerror}"]) from error

    class FileExporter(ConsoleSpanExporter):
        def shutdown(self) -> None:
            file.close()

    return FileExporter(out=file)


def _sampler(config: OtelConfig) -> Sampler:
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased

    share = config.sampler.trace_id_ratio
    return ParentBased(ALWAYS_ON if config.sampler.parent_sampler == "always" else TraceIdRatioBased(share))


def _identity(namespace: str, name: str, uid: str) -> dict[str, str]:
    return {"k8s.namespace.name": namespace, "task.name": name, "task.uid": uid}


def _trace_id(uid: str) -> int:
    return int.from_bytes(_digest(uid)[:16], "big")


def _root_id(uid: str) -> int:
    return int.from_bytes(_digest(uid)[16:24], "big")


def _attempt_id(uid: str, attempt: int) -> int:
    return int.from_bytes(_digest(f"{uid} {attempt}")[:8], "big")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
