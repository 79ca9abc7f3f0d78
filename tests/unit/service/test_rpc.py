"""Errors, deadlines and bytes between handlers and clients, over a real server and channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
import structlog
from google.protobuf.message import Message

from callstream.v1 import gateway_service_pb2, stream_service_pb2
from gateway.domain import errors
from gateway.domain.errors import CallstreamError, Violation
from gateway.service.rpc import Call, Surroundings, UnaryHandler, WatchHandler, service_handlers
from tests.support.running import Client
from tests.support.serving import error_details

SERVICE = stream_service_pb2.DESCRIPTOR.services_by_name["StreamService"]
EPOCH = "0123456789abcdef"
SECRET = "hunter2"

STATUSES: list[tuple[CallstreamError, grpc.StatusCode]] = [
    (errors.InvalidRequest([Violation("url", "use wss://")]), grpc.StatusCode.INVALID_ARGUMENT),
    (errors.BadToken(), grpc.StatusCode.UNAUTHENTICATED),
    (errors.ScopeMissing("StartStream", "streams:write"), grpc.StatusCode.PERMISSION_DENIED),
    (errors.UrlNotAllowed("url", "evil.example.com:443"), grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotAllowed("contexts", "not for this token"), grpc.StatusCode.PERMISSION_DENIED),
    (errors.CallNotFound("c"), grpc.StatusCode.NOT_FOUND),
    (errors.StreamNotFound("c", "s"), grpc.StatusCode.NOT_FOUND),
    (errors.StreamExists("c", "s", "STREAMING", "wss://x"), grpc.StatusCode.ALREADY_EXISTS),
    (errors.CallEnded("c"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.DialFailed("t"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.RelayRejected("calling.stream", "422", "bad"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.StreamLimit(8, "too many"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.WatchLimit(8, "too many", retry_after=2.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.RateLimit(8, "too fast", retry_after=0.125), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.CursorCompacted(3, 7), grpc.StatusCode.OUT_OF_RANGE),
    (errors.CursorAhead(9, 7), grpc.StatusCode.OUT_OF_RANGE),
    (errors.EpochChanged("a", "b"), grpc.StatusCode.OUT_OF_RANGE),
    (errors.RelayDisconnected("no session", retry_after=0.0), grpc.StatusCode.UNAVAILABLE),
    (errors.RelayFailed("calling.stream", "500", "oops"), grpc.StatusCode.UNAVAILABLE),
    (errors.JournalUnavailable("disk full"), grpc.StatusCode.UNAVAILABLE),
    (errors.WatchExpired("old"), grpc.StatusCode.UNAVAILABLE),
    (errors.Draining("leaving"), grpc.StatusCode.UNAVAILABLE),
    (errors.OutcomeUnknown("the answer was lost"), grpc.StatusCode.ABORTED),
    (errors.DeadlineExceeded("late", sent=True), grpc.StatusCode.DEADLINE_EXCEEDED),
]
"""The contract's table, as clients meet it."""


class Handlers:
    """The same behaviour behind every method of a service: fail, hang, or answer with an empty message."""

    def __init__(self, error: Exception | None = None, *, hang: bool = False) -> None:
        self.error = error
        self.hang = hang
        self.calls: list[Call] = []
        self.requests: list[Message] = []
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def _behave(self, request: Message, call: Call) -> None:
        self.calls.append(call)
        self.requests.append(request)
        self.entered.set()
        if self.hang:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if self.error is not None:
            raise self.error

    async def unary(self, request: Message, call: Call) -> Message:
        """Handles a unary method."""
        await self._behave(request, call)
        return stream_service_pb2.GetStreamResponse()

    async def watch(self, request: Message, call: Call) -> AsyncIterator[bytes]:
        """Handles a streaming method: one response, then the behaviour."""
        yield stream_service_pb2.WatchEventsResponse(cursor="first").SerializeToString()
        await self._behave(request, call)

    def by_name(self) -> dict[str, UnaryHandler | WatchHandler]:
        """A handler for each method of the service."""
        return {method.name: self.watch if method.server_streaming else self.unary for method in SERVICE.methods}


@contextlib.asynccontextmanager
async def serving(handlers: Handlers, options: Sequence[tuple[str, Any]] = ()) -> AsyncIterator[Client]:
    """Serves the handlers as StreamService."""
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((service_handlers(SERVICE, handlers.by_name(), Surroundings(EPOCH)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = Client(f"127.0.0.1:{port}")
    try:
        yield client
    finally:
        await client.channel.close()
        await server.stop(0)


async def get_stream(client: Client, **options: Any) -> Any:
    """Any unary RPC."""
    return await client.streams.GetStream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s"), **options)


async def failure(rpc: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """What an RPC, or the next response of one, fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rpc
    return caught.value


async def outcome(client: Client, *, streaming: bool) -> grpc.aio.AioRpcError:
    """What any RPC fails with; a stream delivers what came before."""
    if not streaming:
        return await failure(get_stream(client))
    watch = client.streams.WatchEvents(stream_service_pb2.WatchEventsRequest())
    first = await watch.read()
    assert isinstance(first, stream_service_pb2.WatchEventsResponse)
    assert first.cursor == "first"
    return await failure(watch.read())


class TestErrors:
    """What clients see of errors."""

    @pytest.mark.parametrize("streaming", [False, True], ids=["unary", "streaming"])
    @pytest.mark.parametrize(("error", "code"), STATUSES, ids=lambda value: getattr(value, "reason", None))
    async def test_each_row_of_the_table(self, error: CallstreamError, code: grpc.StatusCode, streaming: bool) -> None:
        """A client unpacks reason, metadata, violations and the time to wait with the usual tools."""
        async with serving(Handlers(error)) as client:
            caught = await outcome(client, streaming=streaming)
        details = error_details(caught)
        metadata = dict(error.details)
        if isinstance(error, errors.CursorCompacted):
            assert details.metadata.pop("oldest_cursor")
        assert caught.code() is code
        assert caught.details() == str(error)
        assert (details.reason, details.domain, details.metadata) == (error.reason, "callstream", metadata)
        violations = error.violations if isinstance(error, errors.InvalidRequest) else ()
        assert details.violations == {violation.field: violation.description for violation in violations}
        assert details.retry_after == getattr(error, "retry_after", None)

    @pytest.mark.parametrize("streaming", [False, True], ids=["unary", "streaming"])
    async def test_a_defect(self, streaming: bool) -> None:
        """Anything else is INTERNAL: the client learns nothing of it, the log everything."""
        defect = LookupError(f"no {SECRET}")
        async with serving(Handlers(defect)) as client:
            with structlog.testing.capture_logs() as logged:
                caught = await outcome(client, streaming=streaming)
        assert caught.code() is grpc.StatusCode.INTERNAL
        assert error_details(caught).reason == "INTERNAL"
        assert SECRET not in f"{caught.details()} {caught.trailing_metadata()}"
        (line,) = logged
        method = "callstream.v1.StreamService." + ("WatchEvents" if streaming else "GetStream")
        assert line == {"event": "rpc_failed", "log_level": "error", "method": method, "exc_info": defect}

    async def test_errors_of_clients_are_not_logged(self) -> None:
        """What a client did wrong is the client's to know."""
        async with serving(Handlers(errors.CallNotFound("c"))) as client:
            with structlog.testing.capture_logs() as logged:
                await outcome(client, streaming=False)
        assert logged == []


class TestRequests:
    """Bytes that come in."""

    @pytest.mark.parametrize("method", ["GetStream", "WatchEvents"])
    async def test_bytes_that_are_no_request(self, method: str) -> None:
        """They get INVALID_ARGUMENT that says which message was expected, and reach no handler."""
        handlers = Handlers()
        async with serving(handlers) as client:
            channel: Any = client.channel
            path = f"/callstream.v1.StreamService/{method}"
            if method == "WatchEvents":
                caught = await failure(channel.unary_stream(path)(b"\xff\xff").read())
            else:
                caught = await failure(channel.unary_unary(path)(b"\xff\xff"))
        assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
        details = error_details(caught)
        assert details.reason == "INVALID_REQUEST"
        assert f"callstream.v1.{method}Request" in details.violations[""]
        assert not handlers.requests

    async def test_a_request_beyond_all_bounds(self) -> None:
        """It is refused with its size and the bound, before it is looked at."""
        handlers = Handlers()
        async with serving(handlers, [("grpc.max_receive_message_length", 8 << 20)]) as client:
            largest = stream_service_pb2.GetStreamRequest(call_id="c" * ((4 << 20) - 5))
            assert largest.ByteSize() == 4 << 20
            await client.streams.GetStream(largest)
            largest.call_id += "c"
            caught = await failure(client.streams.GetStream(largest))
        assert caught.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error_details(caught).violations == {"": "4194305 bytes are too many: use at most 4194304"}
        assert len(handlers.requests) == 1

    async def test_a_request_is_parsed(self) -> None:
        """The handler gets the message that the client sent."""
        handlers = Handlers()
        async with serving(handlers) as client:
            await get_stream(client)
        assert handlers.requests == [stream_service_pb2.GetStreamRequest(call_id="c", control_id="s")]

    async def test_unknown_methods(self) -> None:
        """A method that the service does not have is UNIMPLEMENTED."""
        async with serving(Handlers()) as client:
            channel: Any = client.channel
            caught = await failure(channel.unary_unary("/callstream.v1.StreamService/Nothing")(b""))
        assert caught.code() is grpc.StatusCode.UNIMPLEMENTED


class TestTime:
    """Deadlines, and clients that leave."""

    async def test_deadline(self) -> None:
        """A handler knows until when its client waits."""
        handlers = Handlers()
        loop = asyncio.get_running_loop()
        async with serving(handlers) as client:
            before = loop.time()
            await get_stream(client, timeout=60)
        (call,) = handlers.calls
        assert call.deadline is not None
        assert before < call.deadline <= loop.time() + 61  # gRPC rounds it up on the wire

    async def test_without_deadline(self) -> None:
        """A client that waits for ever has none."""
        handlers = Handlers()
        async with serving(handlers) as client:
            await get_stream(client)
        assert handlers.calls[0].deadline is None

    async def test_the_deadline_passes(self) -> None:
        """The client gets DEADLINE_EXCEEDED, the handler is cancelled."""
        handlers = Handlers(hang=True)
        async with serving(handlers) as client:
            caught = await failure(get_stream(client, timeout=0.2))
            assert caught.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await asyncio.wait_for(handlers.cancelled.wait(), 10)

    @pytest.mark.parametrize("streaming", [False, True], ids=["unary", "streaming"])
    async def test_the_client_leaves(self, streaming: bool) -> None:
        """The handler is cancelled, and nothing is logged as a failure."""
        handlers = Handlers(hang=True)
        async with serving(handlers) as client:
            with structlog.testing.capture_logs() as logged:
                if streaming:
                    watch = client.streams.WatchEvents(stream_service_pb2.WatchEventsRequest())
                    await handlers.entered.wait()
                    watch.cancel()
                else:
                    call = client.streams.GetStream(stream_service_pb2.GetStreamRequest())
                    await handlers.entered.wait()
                    call.cancel()
                await asyncio.wait_for(handlers.cancelled.wait(), 10)
        assert logged == []


class TestTable:
    """Handlers and methods belong together."""

    def test_a_method_without_handler(self) -> None:
        """A service can't be served in part, nor with more than it has; the message names the difference."""

        async def handler(_request: object, _call: Call) -> NoReturn:
            raise NotImplementedError

        service = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]
        with pytest.raises(ValueError, match=r"GatewayService: .*'Nothing', 'UpdateContexts'"):
            service_handlers(service, {"GetGatewayInfo": handler, "Nothing": handler}, Surroundings())
