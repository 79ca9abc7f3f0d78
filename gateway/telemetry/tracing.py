"""Traces: what a client's request caused, as spans of OpenTelemetry. Imported only where traces are wanted.

- A unary RPC is a span, within the trace that its client says it is part of (`traceparent`).
- A request to RELAY is a span below it; so is one that the gateway makes later on for the same reason.
- An event of a stream is a short span that is linked to the start of the stream, for as long as this process remembers
  it. The event of a command is in the command's trace, what RELAY reports begins one of its own.
- A watch is a short span when it opens and another one when it ends, which are linked: a span that stays open for hours
  is lost with the process, and shown by nobody before.

Spans hold ids and names, no URLs, no parameters and no metadata of RPCs.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import __version__
from gateway.domain.events import Event, EventType
from gateway.domain.streams import Stream, StreamKey
from gateway.relay.commands import Command
from gateway.service.rpc import Call, Observation

__all__ = ["MAX_REMEMBERED", "Tracing", "open_tracing"]

MAX_REMEMBERED: Final = 10_000
"""Streams whose start is remembered, the newest ones."""
_CLOSE_WITHIN: Final = 2.0
"""Seconds for the last spans to be sent."""
_ENDS: Final = frozenset({EventType.STREAM_FINISHED, EventType.STREAM_FAILED})
_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNKNOWN,
    }
)
"""What OpenTelemetry's conventions count as a server's own errors."""
_CARRIED: Final = ("traceparent", "tracestate")
_MAX_ID: Final = 128


def open_tracing(endpoint: str) -> "Tracing":
    """Traces that are sent to a collector, OTLP over gRPC, by a thread of their own.

    OpenTelemetry's own variables hold for the rest: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE and others.
    """
    attributes = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        attributes["service.name"] = "callstream"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)


class Tracing:
    """Makes spans. Works on the loop only."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("callstream", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._starts: dict[StreamKey, SpanContext] = {}
        self._closed = False

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """An `Observer` of RPCs."""
        carrier = {name: value for name in _CARRIED if isinstance(value := call.metadata.get(name), str)}
        parent = self._propagator.extract(carrier, context.Context())
        if method.server_streaming:
            return _Watched(self._tracer, parent, method, call)
        span = self._tracer.start_span(_path(method), parent, SpanKind.SERVER, _of_rpc(method, call))
        context.attach(trace.set_span_in_context(span, parent))  # of the RPC's task, and ends with it
        return _Unary(span, call)

    def request(self, command: Command) -> Callable[[str], None]:
        """A `gateway.relay.observer.RequestObserver`."""
        attributes = {"rpc.system.name": "jsonrpc", "rpc.method": command.method}
        attributes |= _ids(command.params.get("call_id"), command.params.get("control_id"))
        span = self._tracer.start_span(command.method, kind=SpanKind.CLIENT, attributes=attributes)

        def ended(code: str) -> None:
            span.set_attribute("rpc.response.status_code", code[:_MAX_ID])
            if code and not code.startswith("2"):
                span.set_status(Status(StatusCode.ERROR))
            span.end()

        return ended

    def event(self, event: Event) -> None:
        """An observer of the recorder (`gateway.engine.recorder.Recorder.observe`)."""
        stream = event.subject
        if not isinstance(stream, Stream):
            return
        if event.type is EventType.STREAM_STARTING:
            self._remember(stream.key)
        start = self._starts.pop(stream.key, None) if event.type in _ENDS else self._starts.get(stream.key)
        if start is None:
            return
        attributes: dict[str, Any] = _ids(stream.call_id, stream.control_id)
        attributes["callstream.event.sequence"] = event.sequence
        if event.type in _ENDS:
            attributes["callstream.stream.end_reason"] = stream.end_reason.name.lower()
        name = event.type.name.lower().replace("_", " ")
        self._tracer.start_span(name, links=[Link(start)], attributes=attributes).end()

    def _remember(self, key: StreamKey) -> None:
        start = trace.get_current_span().get_span_context()
        if not start.is_valid or not start.trace_flags.sampled:
            return
        if len(self._starts) >= MAX_REMEMBERED:
            del self._starts[next(iter(self._starts))]
        self._starts[key] = start

    async def close(self) -> None:
        """Sends what is left, but does not wait long for a collector that can't be reached. May be called again."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        sent = loop.create_future()

        def tell() -> None:
            if not sent.done():
                sent.set_result(None)

        def send() -> None:
            self._provider.shutdown()
            try:
                loop.call_soon_threadsafe(tell)
            except RuntimeError:
                return  # the loop is gone: nobody waits any more

        threading.Thread(target=send, name="traces-close", daemon=True).start()
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await sent
        except TimeoutError:
            return


class _Unary:
    __slots__ = ("_call", "_span")

    def __init__(self, span: Span, call: Call) -> None:
        self._span = span
        self._call = call

    def sent(self) -> None:
        return  # for streams

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        _finish(self._span, self._call, code, reason)


class _Watched:
    __slots__ = ("_began", "_call", "_method", "_opened", "_parent", "_sent", "_tracer")

    def __init__(self, tracer: trace.Tracer, parent: context.Context, method: MethodDescriptor, call: Call) -> None:
        self._tracer = tracer
        self._parent = parent
        self._method = method
        self._call = call
        self._began = time.monotonic()
        self._sent = 0
        opened = tracer.start_span(f"{_path(method)} opened", parent, SpanKind.SERVER, _of_rpc(method, call))
        opened.end()
        self._opened = opened.get_span_context()

    def sent(self) -> None:
        self._sent += 1

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        attributes: dict[str, Any] = _of_rpc(self._method, self._call)
        attributes["callstream.watch.messages"] = self._sent
        attributes["callstream.watch.seconds"] = time.monotonic() - self._began
        links = [Link(self._opened)]
        name = f"{_path(self._method)} ended"
        span = self._tracer.start_span(name, self._parent, SpanKind.SERVER, attributes, links)
        _finish(span, self._call, code, reason)


def _finish(span: Span, call: Call, code: grpc.StatusCode, reason: str) -> None:
    if span.is_recording():
        span.set_attributes(_ids(call.call_id, call.control_id))
        span.set_attribute("callstream.client", call.client.name)
        span.set_attribute("rpc.response.status_code", code.name)
        if reason:
            span.set_attribute("callstream.reason", reason)
        if code in _FAULTS:
            span.set_status(Status(StatusCode.ERROR))
    span.end()


def _path(method: MethodDescriptor) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def _of_rpc(method: MethodDescriptor, call: Call) -> dict[str, str]:
    return {"rpc.system.name": "grpc", "rpc.method": _path(method), "callstream.request_id": call.request_id}


def _ids(call_id: object, control_id: object) -> dict[str, str]:
    given = {"callstream.call_id": call_id, "callstream.control_id": control_id}
    return {name: value[:_MAX_ID] for name, value in given.items() if isinstance(value, str) and value}
