"""Spans: which there are, what they belong to, and that none of them is open for long."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind

from callstream.v1 import call_service_pb2, event_pb2, stream_service_pb2
from gateway.domain.events import Event, EventType
from gateway.domain.streams import StreamState
from gateway.relay import commands
from gateway.relay.observer import UNKNOWN
from gateway.service.rpc import Surroundings
from gateway.telemetry import tracing as tracing_module
from gateway.telemetry.tracing import Tracing
from tests.support.domain_values import stream_in
from tests.support.running import running_emulator
from tests.support.serving import Served, served, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"), ("tracestate", "a=b"))
SECRET = "s3cr3t-of-an-endpoint"


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(self.provider)

    def all(self) -> Sequence[ReadableSpan]:
        """The spans, as they ended."""
        return self.exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        (span,) = [span for span in self.all() if span.name == name]
        return span

    def count(self, name: str) -> int:
        """How many there are of a name."""
        return len([span for span in self.all() if span.name == name])


def context_of(span: ReadableSpan) -> Any:
    """Which span it is."""
    assert span.context is not None
    return span.context


def links_of(span: ReadableSpan) -> list[int]:
    """The ids of the spans that it is linked to."""
    return [link.context.span_id for link in span.links]


@pytest.fixture
def spans() -> Iterator[Spans]:
    """The exporter, and the tracing that exports there."""
    spans = Spans()
    yield spans
    spans.provider.shutdown()


async def start(gateway: Served, call_id: str, **fields: Any) -> None:
    """Starts a stream, as part of a trace."""
    request = stream_service_pb2.StartStreamRequest(
        call_id=call_id, control_id="s1", url=f"wss://127.0.0.1:1/{SECRET}?token={SECRET}", **fields
    )
    request.authorization_bearer_token = SECRET
    await gateway.client.streams.StartStream(request, timeout=10, metadata=PARENT)


async def test_a_request_to_relay_is_below_the_rpc_that_caused_it(spans: Spans) -> None:
    """Both are in the client's trace; nothing in them is secret."""
    tracing = spans.tracing
    around = Surroundings(observer=tracing)
    async with (
        running_emulator() as emulator,
        served(around=around, relay_host=emulator.host, requests=tracing.request) as gateway,
    ):
        gateway.engine.recorder.observe(tracing.event)
        call = await emulator.place_call(timeout=10)
        await gateway.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        answer = call_service_pb2.AnswerCallRequest(call_id=call.call_id)
        await gateway.client.calls.AnswerCall(answer, timeout=10, metadata=PARENT)
        await start(gateway, call.call_id)
        stop = stream_service_pb2.StopStreamRequest(call_id=call.call_id, control_id="s1")
        await gateway.client.streams.StopStream(stop, timeout=10)
        await gateway.client.calls.EndCall(call_service_pb2.EndCallRequest(call_id=call.call_id), timeout=10)
        await gateway.client.until(event_pb2.EVENT_TYPE_CALL_ENDED)
    for rpc, command in (("CallService/AnswerCall", "calling.answer"), ("StreamService/StartStream", "calling.stream")):
        above, below = spans.one(f"callstream.v1.{rpc}"), spans.one(command)
        assert f"{context_of(above).trace_id:032x}" == f"{context_of(below).trace_id:032x}" == TRACE
        assert below.parent is not None
        assert below.parent.span_id == context_of(above).span_id
        assert (above.kind, below.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    started = spans.one("callstream.v1.StreamService/StartStream")
    assert (started.attributes or {})["rpc.response.status_code"] == "OK"
    assert (started.attributes or {})["callstream.control_id"] == "s1"
    assert (spans.one("calling.stream").attributes or {})["rpc.response.status_code"] == "200"
    # Every event of the stream leads back to its start; that which the start itself caused is in the same trace.
    events = [span for span in spans.all() if span.name.startswith("stream ")]
    assert {"stream starting", "stream stopping"} < {span.name for span in events}
    assert all(links_of(span) == [context_of(started).span_id] for span in events)
    assert f"{context_of(spans.one('stream starting')).trace_id:032x}" == TRACE
    assert SECRET not in "".join(span.to_json() for span in spans.all())
    assert spans.tracing._starts == {}


async def test_an_rpc_that_fails(spans: Spans) -> None:
    """Says why; what is its client's doing is no error of the server."""
    async with served(around=Surroundings(observer=spans.tracing)) as gateway:
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.streams.GetStream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s"))
        await gateway.engine.drain(0)
        with pytest.raises(grpc.aio.AioRpcError):
            await start(gateway, "c", node_id="n")
    missing = spans.one("callstream.v1.StreamService/GetStream")
    assert (missing.attributes or {})["callstream.reason"] == "STREAM_NOT_FOUND"
    assert missing.status.is_ok or missing.status.is_unset
    assert missing.parent is None
    assert not spans.one("callstream.v1.StreamService/StartStream").status.is_ok


async def test_a_watch_is_two_short_spans(spans: Spans) -> None:
    """One when it opens, exported at once, and one at its end, linked to the first; both in its client's trace."""
    async with served(around=Surroundings(observer=spans.tracing)) as gateway:
        call = gateway.client.streams.WatchEvents(stream_service_pb2.WatchEventsRequest(), metadata=PARENT)
        await call.read()
        opened = spans.one("callstream.v1.StreamService/WatchEvents opened")
        assert len(spans.all()) == 1
        call.cancel()
        await wait_until(lambda: len(spans.all()) == 2)
    ended = spans.one("callstream.v1.StreamService/WatchEvents ended")
    assert links_of(ended) == [context_of(opened).span_id]
    assert f"{context_of(opened).trace_id:032x}" == f"{context_of(ended).trace_id:032x}" == TRACE
    assert (ended.attributes or {})["rpc.response.status_code"] == "CANCELLED"
    assert (ended.attributes or {})["callstream.watch.messages"] == 1


@pytest.mark.parametrize(("code", "is_error"), [("200", False), ("", False), ("404", True), (UNKNOWN, True)])
def test_requests_without_an_rpc(spans: Spans, code: str, is_error: bool) -> None:
    """Those that the gateway makes by itself are traces of their own."""
    spans.tracing.request(commands.stop_stream(node_id="n", call_id="c", control_id="s"))(code)
    span = spans.one("calling.stream.stop")
    assert span.parent is None
    assert (span.attributes or {})["callstream.call_id"] == "c"
    assert (span.status.status_code.name == "ERROR") == is_error


def test_the_memory_of_starts_is_bounded(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten; its events are then not traced."""
    monkeypatch.setattr(tracing_module, "MAX_REMEMBERED", 2)
    tracer = spans.provider.get_tracer("test")
    for number in range(3):
        with tracer.start_as_current_span("start"):
            stream = stream_in(StreamState.STARTING, control_id=f"s{number}")
            spans.tracing.event(Event(number, "e", EventType.STREAM_STARTING, 0, subject=stream))
    assert [key[1] for key in spans.tracing._starts] == ["s1", "s2"]
    for number in range(3):
        stream = stream_in(StreamState.FINISHED, control_id=f"s{number}")
        spans.tracing.event(Event(number, "e", EventType.STREAM_FINISHED, 0, subject=stream))
    assert spans.count("stream finished") == 2
    assert spans.tracing._starts == {}


def test_what_nobody_sampled_costs_no_memory() -> None:
    """A start outside any trace, or in one that is not kept, has no events to be linked to it."""
    tracing = Tracing(TracerProvider(ParentBased(ALWAYS_OFF), shutdown_on_exit=False))
    with tracing._tracer.start_as_current_span("start"):
        tracing.event(Event(1, "e", EventType.STREAM_STARTING, 0, subject=stream_in(StreamState.STARTING)))
    tracing.event(Event(1, "e", EventType.STREAM_STARTING, 0, subject=stream_in(StreamState.STARTING)))
    tracing.event(Event(2, "e", EventType.SESSION_UP, 0))
    assert tracing._starts == {}


class Stuck(InMemorySpanExporter):
    """A collector that does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def shutdown(self) -> None:
        """Takes as long as the test wants."""
        asyncio.run_coroutine_threadsafe(self.released.wait(), self.loop).result()


async def test_the_end_does_not_wait_for_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound; it may be called again."""
    monkeypatch.setattr(tracing_module, "_CLOSE_WITHIN", 0.01)
    exporter = Stuck()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider)
    await tracing.close()
    await tracing.close()
    exporter.released.set()


async def test_the_end_waits_until_all_is_sent(spans: Spans) -> None:
    """Within the bound."""
    await spans.tracing.close()
    spans.tracing.request(commands.stop_stream(node_id="n", call_id="c", control_id="s"))("200")
    assert not spans.all()


def test_nothing_of_opentelemetry_is_loaded_without_an_endpoint() -> None:
    """Most gateways have not installed it."""
    program = "import sys, gateway.server; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
