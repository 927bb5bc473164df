"""Traces, as a collector of the OpenTelemetry protocol gets them; and that none cost nothing."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.services.configuration import StartError
from controller.services.moves import Move
from controller.services.traces import Traces, open_traces
from pluginmachinery.config.documents import read_as_flyte
from pluginmachinery.config.otel import OtelConfig


class Collector:
    """Takes traces by HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self) -> dict[str, Any]:
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def config(**section: Any) -> OtelConfig:
    return read_as_flyte({"otel": section}).otel


@pytest.fixture
def traces(collector: Collector) -> Traces:
    return Traces(config(type="otlphttp", otlphttp={"endpoint": collector.url}), "1.2.3")


FAILED = {
    "attempt": 1,
    "phase": "Failed",
    "startedAt": "2026-01-01T00:00:01.000Z",
    "runningAt": "2026-01-01T00:00:05.000Z",
    "endedAt": "2026-01-01T00:01:05.000Z",
    "error": {"kind": "USER", "code": "OOMKilled", "message": "too much"},
    "budget": "user",
}
STATUS = {
    "phase": "Failed",
    "plugin": "container",
    "attempt": 1,
    "attempts": [FAILED],
    "error": FAILED["error"],
    "acceptedAt": "2026-01-01T00:00:00.000Z",
    "finishedAt": "2026-01-01T00:01:06.000Z",
}


def test_the_story_of_a_task_is_one_trace(collector: Collector, traces: Traces) -> None:
    with traces.handling("ns", "t", "uid-1", 1, "Accepted"):
        traces.request("create", "pods", 201, 0.01)
        traces.stored("write_files", "StoreUnavailable", 0.02)
    traces.moved(Move("ns", "t", "uid-1", {}, "Failed", 1, lambda: STATUS))
    traces.request("update", "leases", 200, 0.01)  # of no task
    traces.shutdown()
    spans = collector.spans()
    parents = {
        name: next((n for n, s in spans.items() if s.span_id == span.parent_span_id), "")
        for name, span in spans.items()
    }
    assert parents == {
        "task": "",
        "attempt": "task",
        "Queued": "attempt",
        "Running": "attempt",
        "handling": "attempt",
        "create pods": "handling",
        "write_files": "handling",
    }
    assert len({span.trace_id for span in spans.values()}) == 1
    seconds = {name: (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 for name, span in spans.items()}
    assert (seconds["task"], seconds["attempt"], seconds["Queued"], seconds["Running"]) == (66, 64, 4, 60)
    attributes = {each.key: each.value.string_value for each in spans["attempt"].attributes}
    assert attributes["task.name"] == "t"
    assert attributes["task.plugin"] == "container"
    assert attributes["error.type"] == "OOMKilled"
    assert {name for name, span in spans.items() if span.status.code == 2} == {"task", "attempt", "write_files"}


def test_another_replica_goes_on_with_the_trace(collector: Collector) -> None:
    section = {"type": "otlphttp", "otlphttp": {"endpoint": collector.url}}
    for phase in ("Accepted", "Queued"):
        replica = Traces(config(**section), "1.2.3")
        with replica.handling("ns", "t", "uid-1", 0, phase):
            pass
        replica.shutdown()
    handlings = [s for r in collector.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]
    assert len(handlings) == 2
    assert len({(span.trace_id, span.parent_span_id) for span in handlings}) == 1


def test_what_is_not_sampled_is_not_told_at_all(collector: Collector) -> None:
    sampler = {"parentSampler": "traceid", "traceIdRatio": 0.25}
    traces = Traces(config(type="otlphttp", otlphttp={"endpoint": collector.url}, sampler=sampler), "1.2.3")
    for number in range(400):
        with traces.handling("ns", "t", f"uid-{number}", 0, "Accepted"):
            traces.request("create", "pods", 201, 0.01)
        traces.moved(Move("ns", "t", f"uid-{number}", {}, "Failed", 1, lambda: STATUS))
    traces.shutdown()
    names: dict[bytes, set[str]] = {}
    for request in collector.requests:
        for resource in request.resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                names.setdefault(span.trace_id, set()).add(span.name)
    assert 50 < len(names) < 150
    assert {frozenset(found) for found in names.values()} == {
        frozenset({"task", "attempt", "Queued", "Running", "handling", "create pods"})
    }


def test_traces_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "traces"
    traces = open_traces(config(type="file", file={"filename": str(file)}), "1.2.3")
    assert traces is not None
    traces.moved(Move("ns", "t", "uid-1", {}, "Failed", 1, lambda: STATUS))
    traces.shutdown()
    assert '"name": "task"' in file.read_text()
    first, _ = json.JSONDecoder().raw_decode(file.read_text())
    assert first["resource"]["attributes"]["service.name"] == "flyte-plugin-manager"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"type": "jaeger"}, "Jaeger takes otlphttp"),
        ({"type": "file", "file": {"filename": "/nowhere/x"}}, "otel.file.filename /nowhere/x: No such file"),
        ({"type": "otlpgrpc"}, "install opentelemetry-exporter-otlp-proto-grpc, or use otlphttp"),
    ],
    ids=["jaeger", "a file that can not be", "a library that is not there"],
)
def test_a_destination_that_can_not_be(section: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(StartError, match=told):
        open_traces(config(**section), "1.2.3")


def test_by_default_there_are_none() -> None:
    assert open_traces(config(), "1.2.3") is None
