"""StreamService without its watches: looking at streams and waiting for them, without RELAY."""

import asyncio
from typing import Any

import grpc
import pytest

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.streams import StreamState
from tests.support.serving import Served, error_details, served, wait_until


async def listed(gateway: Served, **request: Any) -> stream_service_pb2.ListStreamsResponse:
    """A page of streams."""
    page = await gateway.client.streams.ListStreams(stream_service_pb2.ListStreamsRequest(**request))
    assert isinstance(page, stream_service_pb2.ListStreamsResponse)
    return page


def waiting(gateway: Served, control_id: str = "stream-1", within: float | None = None) -> "asyncio.Task[Any]":
    """A WaitStream under way."""
    request = stream_service_pb2.WaitStreamRequest(call_id="call-1", control_id=control_id)

    async def wait() -> Any:
        return await gateway.client.streams.WaitStream(request, timeout=within)

    return asyncio.create_task(wait())


def ids(page: stream_service_pb2.ListStreamsResponse) -> list[str]:
    """The control ids of a page."""
    return [stream.control_id for stream in page.streams]


class TestGet:
    """GetStream."""

    async def test_as_it_is(self) -> None:
        """A stream is shown in its newest state, also after its end."""
        async with served() as gateway:
            request = stream_service_pb2.GetStreamRequest(call_id="call-1", control_id="stream-1")
            await gateway.written(gateway.stream(StreamState.STREAMING, url="wss://example.com/", labels={"k": "v"}))
            stream = (await gateway.client.streams.GetStream(request)).stream
            assert stream.state == stream_pb2.STREAM_STATE_STREAMING
            assert (stream.url, dict(stream.labels)) == ("wss://example.com/", {"k": "v"})
            await gateway.written(gateway.stream(StreamState.FAILED))
            stream = (await gateway.client.streams.GetStream(request)).stream
            assert stream.state == stream_pb2.STREAM_STATE_FAILED
            assert stream.error.reason == "GIVEN"

    @pytest.mark.parametrize("key", [("call-1", "stream-2"), ("call-2", "stream-1")])
    async def test_unknown(self, key: tuple[str, str]) -> None:
        """NOT_FOUND/STREAM_NOT_FOUND, also for the right id on the wrong call."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STREAMING))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await gateway.client.streams.GetStream(
                    stream_service_pb2.GetStreamRequest(call_id=key[0], control_id=key[1])
                )
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert error_details(caught.value).reason == "STREAM_NOT_FOUND"

    async def test_wrong_request(self) -> None:
        """INVALID_ARGUMENT names each missing field."""
        async with served() as gateway:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await gateway.client.streams.GetStream(stream_service_pb2.GetStreamRequest())
            assert set(error_details(caught.value).violations) == {"call_id", "control_id"}


class TestList:
    """ListStreams."""

    async def test_pages(self) -> None:
        """Pages follow create time, whatever the order of the ids, and join without a hole or a repetition."""
        async with served() as gateway:
            await gateway.written(
                *(gateway.stream(StreamState.STREAMING, f"s{-number}", create_time=number) for number in range(1, 26))
            )
            expected = [f"s{-number}" for number in range(1, 26)]
            found: list[str] = []
            page = await listed(gateway, page_size=10)
            while page.next_page_token:
                found += ids(page)
                page = await listed(gateway, page_size=10, page_token=page.next_page_token)
            assert found + ids(page) == expected
            assert len(ids(page)) == 5

    async def test_large_streams(self) -> None:
        """A page that would not fit a client's message is cut, and the next one goes on there."""
        async with served() as gateway:
            labels = {f"{number:063}": "x" * 255 for number in range(32)}
            await gateway.written(
                *(
                    gateway.stream(StreamState.STREAMING, f"s{number}", create_time=number, labels=labels)
                    for number in range(1, 1001)
                )
            )
            found: list[str] = []
            pages = 0
            token = ""
            while not pages or token:
                page = await listed(gateway, page_size=1000, page_token=token)
                found += ids(page)
                token = page.next_page_token
                pages += 1
            assert found == [f"s{number}" for number in range(1, 1001)]
            assert pages > 1

    async def test_changes_between_pages(self) -> None:
        """A stream that is new after the first page shows up, and none comes twice."""
        async with served() as gateway:
            await gateway.written(
                *(gateway.stream(StreamState.STREAMING, f"s{number}", create_time=number) for number in range(1, 5))
            )
            page = await listed(gateway, page_size=2)
            await gateway.written(
                gateway.stream(StreamState.FINISHED, "s1", create_time=1),
                gateway.stream(StreamState.STARTING, "s5", create_time=5),
            )
            assert ids(await listed(gateway, page_size=5, page_token=page.next_page_token)) == ["s3", "s4", "s5"]

    async def test_filters(self) -> None:
        """All conditions must hold."""
        async with served() as gateway:
            await gateway.written(
                gateway.stream(StreamState.STREAMING, "a", create_time=1, name="n", labels={"k": "v"}),
                gateway.stream(StreamState.FINISHED, "b", create_time=2, name="n", labels={"k": "v", "l": "w"}),
                gateway.stream(StreamState.STREAMING, "c", create_time=3, call_id="call-2", name="m"),
            )
            streaming = stream_pb2.STREAM_STATE_STREAMING
            finished = stream_pb2.STREAM_STATE_FINISHED
            for request, expected in (
                ({}, ["a", "b", "c"]),
                ({"call_id": "call-1"}, ["a", "b"]),
                ({"call_id": "call-3"}, []),
                ({"states": [streaming]}, ["a", "c"]),
                ({"states": [streaming, finished]}, ["a", "b", "c"]),
                ({"name": "n"}, ["a", "b"]),
                ({"labels": {"k": "v"}}, ["a", "b"]),
                ({"labels": {"k": "v", "l": "w"}}, ["b"]),
                ({"call_id": "call-1", "states": [streaming], "name": "n", "labels": {"k": "v"}}, ["a"]),
            ):
                assert ids(await listed(gateway, **request)) == expected, request

    async def test_a_token_of_other_filters(self) -> None:
        """INVALID_ARGUMENT: those pages would not fit together."""
        async with served() as gateway:
            await gateway.written(*(gateway.stream(StreamState.STREAMING, f"s{number}") for number in range(3)))
            token = (await listed(gateway, page_size=1)).next_page_token
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await listed(gateway, page_size=1, page_token=token, name="n")
            assert set(error_details(caught.value).violations) == {"page_token"}


class TestWait:
    """WaitStream."""

    async def test_has_ended(self) -> None:
        """A stream that has ended is returned at once."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.FINISHED))
            response = await waiting(gateway)
            assert response.stream.state == stream_pb2.STREAM_STATE_FINISHED

    async def test_ends_later(self) -> None:
        """Changes on the way are passed over; the answer comes with the end."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STARTING))
            wait = waiting(gateway)
            await wait_until(lambda: bool(gateway.engine.recorder.changes._waiters))
            await gateway.written(gateway.stream(StreamState.STREAMING), gateway.stream(StreamState.FINISHED, "other"))
            await wait_until(lambda: bool(gateway.engine.recorder.changes._waiters))
            assert not wait.done()
            await gateway.written(gateway.stream(StreamState.FAILED))
            assert (await wait).stream.state == stream_pb2.STREAM_STATE_FAILED

    async def test_not_before_it_is_durable(self) -> None:
        """A client hears of the end when a crash can't undo it any more."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STREAMING))
            with gateway.commits_held():
                gateway.write(gateway.stream(StreamState.FINISHED))
                wait = waiting(gateway)
                await wait_until(lambda: len(gateway.journal._commit_waiters) == 1)
                assert not wait.done()
            assert (await wait).stream.state == stream_pb2.STREAM_STATE_FINISHED

    async def test_unknown(self) -> None:
        """NOT_FOUND/STREAM_NOT_FOUND."""
        async with served() as gateway:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await waiting(gateway)
            assert error_details(caught.value).reason == "STREAM_NOT_FOUND"

    async def test_deadline(self) -> None:
        """The deadline bounds it; nobody waits inside afterwards."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STREAMING))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await waiting(gateway, within=0.2)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await wait_until(lambda: not gateway.engine.recorder.changes._waiters)

    async def test_drain(self) -> None:
        """Whoever waits while the process leaves is sent elsewhere."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STREAMING))
            wait = waiting(gateway)
            await wait_until(lambda: bool(gateway.engine.recorder.changes._waiters))
            await gateway.engine.drain(0)
            for attempt in (wait, waiting(gateway)):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await attempt
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                assert error_details(caught.value).reason == "DRAINING"


class TestStop:
    """What StopStream and StopCallStreams say without a session."""

    async def test_ended_streams(self) -> None:
        """Stopping a stream that has ended succeeds, by control id and by name, without RELAY."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.FINISHED, name="n"))
            for request in (
                stream_service_pb2.StopStreamRequest(call_id="call-1", control_id="stream-1"),
                stream_service_pb2.StopStreamRequest(call_id="call-1", name="n"),
            ):
                stopped = (await gateway.client.streams.StopStream(request)).stream
                assert stopped.state == stream_pb2.STREAM_STATE_FINISHED

    async def test_results(self) -> None:
        """Each active stream has a result: as it is now, and what went wrong."""
        async with served() as gateway:
            await gateway.written(
                gateway.call(CallState.ANSWERED),
                gateway.stream(StreamState.STREAMING, "a"),
                gateway.stream(StreamState.FINISHED, "b"),
                gateway.stream(StreamState.STREAMING, "c"),
                gateway.stream(StreamState.STREAMING, "d", call_id="call-2"),
            )
            request = stream_service_pb2.StopCallStreamsRequest(call_id="call-1")
            results = (await gateway.client.streams.StopCallStreams(request)).results
            assert sorted(result.stream.control_id for result in results) == ["a", "c"]
            for result in results:
                assert result.stream.state == stream_pb2.STREAM_STATE_STREAMING
                assert result.error.reason == "RELAY_DISCONNECTED"
                assert result.error.origin == stream_pb2.STREAM_ERROR_ORIGIN_GATEWAY
                assert result.error.retryable
                assert not result.error.relay_code

    async def test_nothing_to_stop(self) -> None:
        """A known call without active streams has no results; an unknown call is NOT_FOUND."""
        async with served() as gateway:
            await gateway.written(gateway.call(CallState.ANSWERED))
            request = stream_service_pb2.StopCallStreamsRequest(call_id="call-1")
            assert not (await gateway.client.streams.StopCallStreams(request)).results
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await gateway.client.streams.StopCallStreams(
                    stream_service_pb2.StopCallStreamsRequest(call_id="call-2")
                )
            assert error_details(caught.value).reason == "CALL_NOT_FOUND"
