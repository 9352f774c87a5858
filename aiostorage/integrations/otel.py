"""A driver's requests as spans and metrics of OpenTelemetry: ``S3Driver(on_event=OpenTelemetry())``.

A span is one request of the driver, with all its attempts; it lasts until the body of the answer has
been read. Whoever instruments aiohttp as well gets its spans for the attempts beside these.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/,
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/,
https://opentelemetry.io/docs/specs/semconv/object-stores/s3/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode

from aiostorage import AttemptFailed, RequestEnded, RequestStarted, StorageError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from aiostorage import Event

_SCOPE = "aiostorage"


@dataclass(frozen=True, slots=True)
class _Open:
    span: Span
    attributes: dict[str, AttributeValue]


class OpenTelemetry:
    """What makes spans and metrics of the events of a driver, or of several.

    Args:
        tracer_provider: Where spans go; the process's own where it is not given.
        meter_provider: Where metrics go; the process's own where it is not given.
        with_keys: Whether names of objects are attributes of spans; they may be private, and are many.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        with_keys: bool = True,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration", unit="s", description="Duration of requests, all attempts included."
        )
        self._sent = meter.create_histogram(
            "http.client.request.body.size", unit="By", description="Size of the bodies of requests."
        )
        self._received = meter.create_histogram(
            "http.client.response.body.size", unit="By", description="Size of the bodies of answers."
        )
        self._retries = meter.create_counter(
            "aiostorage.client.retries", unit="{attempt}", description="Attempts that failed and were made again."
        )
        self._with_keys = with_keys
        self._open: dict[int, _Open] = {}

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case RequestStarted():
                self._start(event)
            case AttemptFailed():
                self._fail(event)
            case RequestEnded():
                self._end(event)
            case _:
                assert_never(event)

    def _start(self, event: RequestStarted) -> None:
        server = urlsplit(f"//{event.host}")
        attributes: dict[str, AttributeValue] = {
            "http.request.method": event.method,
            "server.address": server.hostname or event.host,
            "aiostorage.provider": event.provider,
            "aiostorage.operation": event.operation,
        }
        if server.port is not None:
            attributes["server.port"] = server.port
        of_span = dict(attributes)
        kind = "aws.s3.bucket" if event.provider == "s3" else "aiostorage.container"
        if event.container is not None:
            of_span[kind] = event.container
        if event.key is not None and self._with_keys:
            of_span["aws.s3.key" if event.provider == "s3" else "aiostorage.key"] = event.key
        span = self._tracer.start_span(f"{event.provider}.{event.operation}", kind=SpanKind.CLIENT, attributes=of_span)
        self._open[event.call] = _Open(span, attributes)

    def _fail(self, event: AttemptFailed) -> None:
        opened = self._open.get(event.call)
        if opened is None:
            return
        kind = type(event.error).__name__
        opened.span.add_event(
            "retry",
            {"http.request.resend_count": event.attempt, "error.type": kind, "aiostorage.wait": event.wait_s},
        )
        self._retries.add(1, {**opened.attributes, "error.type": kind})

    def _end(self, event: RequestEnded) -> None:
        opened = self._open.pop(event.call, None)
        if opened is None:
            return
        attributes, span = opened.attributes, opened.span
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
            span.set_attribute("http.response.status_code", event.status)
        if event.attempts > 1:
            span.set_attribute("http.request.resend_count", event.attempts - 1)
        if event.error is not None:
            attributes["error.type"] = type(event.error).__name__
            span.set_attribute("error.type", type(event.error).__name__)
            # The message of a StorageError has no secrets; that of another may.
            span.set_status(StatusCode.ERROR, str(event.error) if isinstance(event.error, StorageError) else None)
        self._duration.record(event.duration_s, attributes)
        self._sent.record(event.sent_bytes, attributes)
        self._received.record(event.received_bytes, attributes)
        span.end()
