"""Spans and metrics of a driver's requests, as OpenTelemetry's own SDK has them in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from aiostorage import ObjectNotFoundError, RequestEnded, RequestStarted, RetryPolicy, S3Driver
from aiostorage.integrations.otel import OpenTelemetry
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class Telemetry:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.hook: Callable[..., None] = OpenTelemetry(
            tracer_provider=self.tracers, meter_provider=MeterProvider([self.reader])
        )

    def driver(self, server: ScriptedServer) -> S3Driver:
        return S3Driver(
            endpoint=server.url, region="us-east-1", anonymous=True, retry=RetryPolicy(base_s=0), on_event=self.hook
        )

    def metrics(self) -> dict[str, float]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found: dict[str, float] = {}
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        value = point.sum if isinstance(point, HistogramDataPoint) else point.value  # type: ignore[union-attr]
                        found[metric.name] = found.get(metric.name, 0) + float(value)
        return found


async def test_a_read_with_a_retry_is_one_span_below_the_callers() -> None:
    telemetry = Telemetry()
    answers = (Answer(status=503), Answer(headers={"ETag": '"e"'}, body=b"hello"))
    async with ScriptedServer(*answers) as server, telemetry.driver(server) as driver:
        with telemetry.tracers.get_tracer("test").start_as_current_span("caller") as caller:
            assert await driver.container("bucket").object("k").read() == b"hello"
    span = telemetry.exporter.get_finished_spans()[0]
    assert (span.name, span.parent) == ("s3.get_object", caller.get_span_context())
    assert span.attributes is not None
    assert {name: span.attributes[name] for name in span.attributes if name != "server.port"} == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "aiostorage.provider": "s3",
        "aiostorage.operation": "get_object",
        "aws.s3.bucket": "bucket",
        "aws.s3.key": "k",
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
    }
    (event,) = span.events
    assert event.attributes is not None
    assert (event.name, event.attributes["error.type"]) == ("retry", "ServiceUnavailableError")
    metrics = telemetry.metrics()
    assert (metrics["http.client.response.body.size"], metrics["aiostorage.client.retries"]) == (5, 1)
    assert metrics["http.client.request.duration"] > 0


async def test_an_error_is_in_the_span() -> None:
    telemetry = Telemetry()
    async with ScriptedServer(Answer(status=404)) as server, telemetry.driver(server) as driver:
        with pytest.raises(ObjectNotFoundError):
            await driver.container("bucket").get_object("k")
    (span,) = telemetry.exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("ObjectNotFoundError", 404)


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("host", "host", None),
        ("host:9000", "host", 9000),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]", "::1", None),
        ("[::1]:9000", "::1", 9000),
    ],
)
def test_the_address_and_the_port_of_a_server(host: str, address: str, port: int | None) -> None:
    telemetry = Telemetry()
    telemetry.hook(
        RequestStarted(
            call=1, provider="s3", operation="get_object", container="bucket", key="k", method="GET", host=host
        )
    )
    telemetry.hook(
        RequestEnded(call=1, attempts=1, status=200, duration_s=0, sent_bytes=0, received_bytes=0, error=None)
    )
    (span,) = telemetry.exporter.get_finished_spans()
    assert span.attributes is not None
    assert (span.attributes["server.address"], span.attributes.get("server.port")) == (address, port)
