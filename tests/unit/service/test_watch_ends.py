"""How watches end: complete, too old, or because the process leaves; each with a cursor that goes on."""

import asyncio

import grpc
import pytest

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.events import EventType
from gateway.domain.streams import StreamState
from gateway.journal.options import JournalOptions
from gateway.service.cursor import Cursor, decode_cursor
from gateway.service.watch import Watches
from tests.support.serving import Served, Watch, error_details, served

STREAM = {"call_ids": ["call-1"], "control_ids": ["stream-1"]}
CALL = {"call_ids": ["call-1"]}
UNTIL_STREAM = stream_service_pb2.WATCH_UNTIL_STREAM_ENDED
UNTIL_CALL = stream_service_pb2.WATCH_UNTIL_CALL_ENDED


def kinds(responses: list[stream_service_pb2.WatchEventsResponse]) -> list[str | None]:
    """What the responses are."""
    return [response.WhichOneof("kind") for response in responses]


def types(responses: list[stream_service_pb2.WatchEventsResponse]) -> list[EventType]:
    """The types of all events."""
    return [EventType(event.type) for response in responses for event in response.events.events]


class TestUntilStreamEnded:
    """`until` the stream's end."""

    @pytest.mark.parametrize("state", [StreamState.FINISHED, StreamState.FAILED])
    async def test_ends_later(self, state: StreamState) -> None:
        """The watch delivers the end, and then is complete."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STARTING))
            watch = gateway.watch(filter=STREAM, until=UNTIL_STREAM)
            await watch.opened()
            await gateway.written(gateway.stream(StreamState.STREAMING))
            assert (await watch.event()).type == event_pb2.EVENT_TYPE_STREAM_STREAMING
            await gateway.written(gateway.stream(state), gateway.session())
            responses, code = await watch.rest()
            assert types(responses)[0] == EventType.of_stream(None, state)
            assert code is grpc.StatusCode.OK

    async def test_has_ended(self) -> None:
        """The end lies before the start of the watch: it is complete at once."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.FINISHED))
            responses, code = await gateway.watch(filter=STREAM, until=UNTIL_STREAM).rest()
            assert (kinds(responses), code) == (["opened"], grpc.StatusCode.OK)

    async def test_has_ended_with_a_snapshot(self) -> None:
        """A snapshot that does not show the stream any more ends the watch as well."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.FINISHED))
            watch = gateway.watch(filter=STREAM, until=UNTIL_STREAM, include_snapshot=True)
            responses, code = await watch.rest()
            assert (kinds(responses), code) == (["opened", "snapshot"], grpc.StatusCode.OK)

    async def test_history(self) -> None:
        """From the oldest event on, everything up to the end is delivered first."""
        async with served() as gateway:
            story = [StreamState.STARTING, StreamState.STREAMING, StreamState.STOPPING, StreamState.FINISHED]
            await gateway.written(*map(gateway.stream, story))
            responses, code = await gateway.watch(filter=STREAM, until=UNTIL_STREAM, from_oldest=True).rest()
            assert types(responses) == [EventType.of_stream(None, state) for state in story]
            assert code is grpc.StatusCode.OK

    async def test_resumed_after_the_end(self) -> None:
        """A client that got the end but not the status is not left waiting."""
        async with served() as gateway:
            first = gateway.watch(filter=STREAM, until=UNTIL_STREAM)
            await first.opened()
            await gateway.written(gateway.stream(StreamState.FINISHED))
            await first.event()
            again = gateway.watch(filter=STREAM, until=UNTIL_STREAM, after_cursor=first.cursor)
            responses, code = await again.rest()
            assert (kinds(responses), code) == (["opened"], grpc.StatusCode.OK)

    async def test_the_control_id_was_used_again(self) -> None:
        """A start that failed and was tried anew has not ended: the watch goes on to the end that holds."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.FAILED), gateway.stream(StreamState.STARTING))
            watch = gateway.watch(filter=STREAM, until=UNTIL_STREAM, from_oldest=True)
            await watch.opened()
            assert [event.sequence for event in await watch.events(2)] == [1, 2]
            await gateway.written(gateway.stream(StreamState.FINISHED))
            responses, code = await watch.rest()
            assert types(responses) == [EventType.STREAM_FINISHED]
            assert code is grpc.StatusCode.OK

    async def test_others_do_not_count(self) -> None:
        """The end of another stream of the call is not this one's."""
        async with served() as gateway:
            watch = gateway.watch(filter=STREAM, until=UNTIL_STREAM)
            await watch.opened()
            await gateway.written(
                gateway.stream(StreamState.FINISHED, "stream-2"), gateway.stream(StreamState.STREAMING)
            )
            assert (await watch.event()).control_id == "stream-1"
            await gateway.written(gateway.stream(StreamState.FINISHED))
            assert (await watch.rest())[1] is grpc.StatusCode.OK

    async def test_types_do_not_hide_the_end(self) -> None:
        """A filter of types that leaves the end out does not keep the watch open."""
        async with served() as gateway:
            filter_ = {**STREAM, "types": [event_pb2.EVENT_TYPE_STREAM_STREAMING]}
            watch = gateway.watch(filter=filter_, until=UNTIL_STREAM)
            await watch.opened()
            await gateway.written(gateway.stream(StreamState.STREAMING), gateway.stream(StreamState.FINISHED))
            responses, code = await watch.rest()
            assert types(responses) == [EventType.STREAM_STREAMING]
            assert code is grpc.StatusCode.OK

    async def test_forgotten(self) -> None:
        """A stream that ended so long ago that it was forgotten is found ended in the history."""
        async with served() as gateway:
            await gateway.written(gateway.stream(StreamState.STREAMING), gateway.stream(StreamState.FINISHED))
            assert gateway.engine.recorder.forget(gateway.engine.recorder.clock.now(), 0) == 1
            responses, code = await gateway.watch(filter=STREAM, until=UNTIL_STREAM, from_oldest=True).rest()
            assert types(responses) == [EventType.STREAM_STREAMING, EventType.STREAM_FINISHED]
            assert code is grpc.StatusCode.OK


class TestUntilCallEnded:
    """`until` the call's end."""

    async def test_ends_later(self) -> None:
        """The ends of streams don't end the watch, that of the call does."""
        async with served() as gateway:
            await gateway.written(gateway.call(CallState.ANSWERED), gateway.stream(StreamState.STREAMING))
            watch = gateway.watch(filter=CALL, until=UNTIL_CALL)
            await watch.opened()
            await gateway.written(gateway.stream(StreamState.FINISHED))
            assert (await watch.event()).type == event_pb2.EVENT_TYPE_STREAM_FINISHED
            await gateway.written(gateway.call(CallState.ENDED))
            responses, code = await watch.rest()
            assert types(responses) == [EventType.CALL_ENDED]
            assert code is grpc.StatusCode.OK

    async def test_has_ended(self) -> None:
        """The call is over: the watch is complete at once."""
        async with served() as gateway:
            await gateway.written(gateway.call(CallState.ENDED))
            responses, code = await gateway.watch(filter=CALL, until=UNTIL_CALL).rest()
            assert (kinds(responses), code) == (["opened"], grpc.StatusCode.OK)

    async def test_forgotten(self) -> None:
        """A call that was forgotten is found ended in the history."""
        async with served() as gateway:
            await gateway.written(gateway.call(CallState.ENDED))
            assert gateway.engine.recorder.forget(gateway.engine.recorder.clock.now(), 0) == 1
            responses, code = await gateway.watch(filter=CALL, until=UNTIL_CALL, from_oldest=True).rest()
            assert types(responses) == [EventType.CALL_ENDED]
            assert code is grpc.StatusCode.OK


async def closed(watch: Watch) -> tuple[list[stream_service_pb2.WatchEventsResponse], grpc.aio.AioRpcError]:
    """Everything up to the failure, and the failure."""
    responses = []
    try:
        while True:
            responses.append(await watch.next())
    except grpc.aio.AioRpcError as error:
        return responses, error


class TestMaxAge:
    """A watch that its client wants moved from time to time."""

    async def test_closes(self) -> None:
        """At its max_age a watch says closing/MAX_AGE and ends UNAVAILABLE/MAX_AGE, to be opened again at once."""
        async with served() as gateway:
            watch = gateway.watch(from_oldest=True, max_age={"seconds": 1})
            await watch.opened()
            await gateway.written(*gateway.others(3))
            await watch.events(3)
            (response,), error = await closed(watch)
            assert response.closing.reason == stream_service_pb2.WATCH_CLOSE_REASON_MAX_AGE
            assert response.closing.HasField("retry_after")
            assert response.closing.retry_after.ToMilliseconds() == 0
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert error_details(error).reason == "MAX_AGE"
            assert error_details(error).retry_after == 0.0
            assert decode_cursor(response.cursor) == Cursor(gateway.journal.epoch, 3)

    @pytest.mark.parametrize(("asked", "longest"), [(None, 0.2), (3600, 0.2), (1, 3600.0)])
    async def test_the_operator_has_a_say(self, asked: int | None, longest: float) -> None:
        """The gateway's own max_watch_age ends a watch in the same way; the shorter of the two comes first."""
        async with served(max_watch_age=longest) as gateway:
            watch = gateway.watch(**({} if asked is None else {"max_age": {"seconds": asked}}))
            await watch.opened()
            (response,), error = await closed(watch)
            assert response.closing.reason == stream_service_pb2.WATCH_CLOSE_REASON_MAX_AGE
            assert error_details(error).reason == "MAX_AGE"

    async def test_watches_do_not_come_back_together(self) -> None:
        """Of watches that were opened at once each gets an age of its own, within a tenth of what is set."""
        async with served() as gateway:
            watches = Watches(gateway.engine, "replica", 1, max_age=100.0)
        ages = [watches._age(None) for _ in range(200)]
        assert len(set(ages)) > 100
        assert all(age is not None and 90.0 <= age <= 110.0 for age in ages)
        assert watches._age(5.0) == 5.0

    async def test_closes_in_traffic(self) -> None:
        """A watch that never comes to rest closes as well; its cursor leaves nothing out."""
        async with served() as gateway:
            stop = asyncio.Event()

            async def traffic() -> None:
                while not stop.is_set():
                    await gateway.written(*gateway.others(10))

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(traffic())
                watch = gateway.watch(from_oldest=True, max_age={"seconds": 1})
                responses, error = await closed(watch)
                stop.set()
            assert error_details(error).reason == "MAX_AGE"
            found = [event.sequence for response in responses for event in response.events.events]
            assert found == list(range(1, len(found) + 1))
            assert decode_cursor(responses[-1].cursor).sequence == len(found)


class TestDrain:
    """The process leaves."""

    async def _drained(self, gateway: Served, watch: Watch) -> list[stream_service_pb2.WatchEventsResponse]:
        """Drains; the watch has to close as promised."""
        await gateway.services.drain()
        responses, error = await closed(watch)
        closing = responses[-1].closing
        assert closing.reason == stream_service_pb2.WATCH_CLOSE_REASON_DRAINING
        assert closing.retry_after.ToMilliseconds() == 1000
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert error_details(error).reason == "DRAINING"
        assert error_details(error).retry_after == 1.0
        return responses

    async def test_an_idle_watch(self) -> None:
        """A watch that waits is woken: closing/DRAINING, then UNAVAILABLE/DRAINING with a time to wait."""
        async with served() as gateway:
            await gateway.written(*gateway.others(2))
            watch = gateway.watch()
            await watch.opened()
            (response,) = await self._drained(gateway, watch)
            assert decode_cursor(response.cursor) == Cursor(gateway.journal.epoch, 2)

    async def test_many_watches(self) -> None:
        """One drain closes all of them."""
        async with served() as gateway:
            watches = [gateway.watch() for _ in range(30)]
            for watch in watches:
                await watch.opened()
            await gateway.services.drain()
            for watch in watches:
                assert (await watch.rest())[1] is grpc.StatusCode.UNAVAILABLE

    async def test_a_watch_that_is_behind(self) -> None:
        """A watch that has more to deliver than it may now stops at a cursor after which nothing was delivered."""
        async with served(journal=JournalOptions(tail_records=8)) as gateway:
            await gateway.written(*gateway.others(5000))
            watch = gateway.watch(from_oldest=True)
            await watch.opened()
            responses = await self._drained(gateway, watch)
            found = [event.sequence for response in responses for event in response.events.events]
            assert found == list(range(1, len(found) + 1))
            assert decode_cursor(responses[-1].cursor).sequence == len(found) < 5000

    async def test_a_new_watch(self) -> None:
        """While draining, watches are refused at once, to be opened elsewhere."""
        async with served() as gateway:
            await gateway.services.drain()
            error = await gateway.watch().failure()
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert error_details(error).reason == "DRAINING"

    async def test_wrong_requests_are_told_first(self) -> None:
        """What is wrong with a request is worth more than that another process has to be asked."""
        async with served() as gateway:
            await gateway.services.drain()
            error = await gateway.watch(bookmark_interval={"seconds": 61}).failure()
            assert list(error_details(error).violations) == ["bookmark_interval"]
