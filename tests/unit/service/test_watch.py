"""WatchEvents: where it begins, what passes, in which order, and what it costs others."""

import asyncio
import itertools

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.events import Draft, EventType
from gateway.domain.streams import StreamState
from gateway.engine.recorder import Origin
from gateway.journal.options import JournalOptions
from gateway.service.cursor import Cursor, decode_cursor, encode_cursor
from tests.support.serving import REPLICA, Served, Watch, error_details, served, wait_until

SECOND = {"seconds": 1}
PARAMS = 900_000
"""Bytes of params with which few events fill what a client that does not read can hold."""


def sequences(events: list[event_pb2.Event]) -> list[int]:
    """The places of events in the journal."""
    return [event.sequence for event in events]


def large(served: Served, number: int, params: bytes = b'"' + b"x" * PARAMS + b'"') -> int:
    """Journals large events; returns the sequence of the last one."""
    for _ in range(number):
        draft = Draft(EventType.RELAY_OTHER, None, "call-1")
        served.engine.recorder.append(served.engine.recorder.stamp([draft], Origin("", "calling.made.up", 0, params)))
    return served.journal.last_sequence


async def blocked(served: Served, watch: Watch) -> int:
    """Fills a watch from the oldest event until the gateway cannot write to its client any more; returns its position.

    What a client holds that does not read is a few events of these. By the time that another one has read them all,
    the gateway has long tried to send more.
    """
    await watch.opened()
    (reader,) = served.services.watches._open
    await served.journal.committed(large(served, 32))
    other = served.watch(from_oldest=True)
    await other.opened()
    await other.events(32)
    other.call.cancel()
    await wait_until(lambda: served.services.watches.count == 1)
    assert reader._position < 32
    return reader._position


class TestOpened:
    """The first response."""

    async def test_tells_where_the_watch_stands(self) -> None:
        """`opened` comes first, with epoch, bounds, replica and the default interval of bookmarks."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            opened = await gateway.watch(from_oldest=True).opened()
            epoch = gateway.journal.epoch
            assert opened.epoch == epoch
            assert decode_cursor(opened.oldest_cursor) == Cursor(epoch, 0)
            assert decode_cursor(opened.head_cursor) == Cursor(epoch, 3)
            assert opened.replica == REPLICA
            assert opened.bookmark_interval.ToSeconds() == 15

    async def test_says_the_interval_that_was_asked_for(self) -> None:
        """`opened` repeats the client's bookmark_interval."""
        async with served() as gateway:
            opened = await gateway.watch(bookmark_interval={"seconds": 2, "nanos": 500_000_000}).opened()
            assert opened.bookmark_interval.ToMilliseconds() == 2500


class TestStart:
    """Where a watch begins."""

    async def test_now(self) -> None:
        """Without a start, only what comes afterwards is delivered."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            watch = gateway.watch()
            await watch.opened()
            await gateway.written(*gateway.others(2))
            assert sequences(await watch.events(2)) == [4, 5]

    async def test_oldest(self) -> None:
        """from_oldest delivers everything that is left, then what comes."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            watch = gateway.watch(from_oldest=True)
            await watch.opened()
            assert sequences(await watch.events(3)) == [1, 2, 3]
            await gateway.written(*gateway.others(1))
            assert (await watch.event()).sequence == 4

    async def test_after_a_cursor(self) -> None:
        """A cursor from `opened` or from any later response goes on right after it."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            first = gateway.watch()
            await first.opened()
            await gateway.written(*gateway.others(3))
            again = gateway.watch(after_cursor=first.cursor)
            await again.opened()
            assert sequences(await again.events(3)) == [4, 5, 6]

    async def test_start_time(self) -> None:
        """start_time begins with the first event taken in at that time or later."""
        async with served() as gateway:
            await gateway.written(*gateway.others(2))
            between = gateway.engine.recorder.clock.now() + 1
            gateway.engine.recorder.clock.not_before(between)
            await gateway.written(*gateway.others(2))
            time = Timestamp()
            time.FromMicroseconds(between)
            watch = gateway.watch(start_time=time)
            await watch.opened()
            assert sequences(await watch.events(2)) == [3, 4]

    async def test_a_cursor_of_another_journal(self) -> None:
        """A cursor of another epoch is OUT_OF_RANGE/EPOCH_CHANGED, with both epochs."""
        async with served() as gateway:
            other = "0123456789abcdef"
            error = await gateway.watch(after_cursor=encode_cursor(Cursor(other, 0))).failure()
            details = error_details(error)
            assert (error.code(), details.reason) == (grpc.StatusCode.OUT_OF_RANGE, "EPOCH_CHANGED")
            assert details.metadata == {"cursor_epoch": other, "epoch": gateway.journal.epoch}

    async def test_a_cursor_beyond_the_head(self) -> None:
        """A cursor beyond the newest event is OUT_OF_RANGE/CURSOR_AHEAD."""
        async with served() as gateway:
            error = await gateway.watch(after_cursor=encode_cursor(Cursor(gateway.journal.epoch, 1))).failure()
            assert (error.code(), error_details(error).reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")

    @pytest.mark.parametrize("cursor", ["x", "!" * 23, "A" * 23, "A" * 300])
    async def test_text_that_is_no_cursor(self, cursor: str) -> None:
        """A malformed cursor is INVALID_ARGUMENT, about its field."""
        async with served() as gateway:
            error = await gateway.watch(after_cursor=cursor).failure()
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert list(error_details(error).violations) == ["after_cursor"]

    async def test_a_compacted_cursor(self) -> None:
        """A cursor before the oldest event is OUT_OF_RANGE/CURSOR_COMPACTED, with a cursor that works."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            await gateway.compact()
            error = await gateway.watch(after_cursor=encode_cursor(Cursor(gateway.journal.epoch, 0))).failure()
            details = error_details(error)
            assert (error.code(), details.reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_COMPACTED")
            watch = gateway.watch(after_cursor=details.metadata["oldest_cursor"])
            await watch.opened()
            await gateway.written(*gateway.others(1))
            assert (await watch.event()).sequence == 4


FILTERS: list[tuple[dict[str, object], list[int]]] = [
    ({}, [1, 2, 3, 4, 5, 6, 7]),
    ({"call_ids": ["call-1"]}, [1, 2, 3, 7]),
    ({"call_ids": ["call-1", "call-2"]}, [1, 2, 3, 4, 5, 6, 7]),
    ({"control_ids": ["stream-1"]}, [2, 3, 5, 7]),
    ({"call_ids": ["call-2"], "control_ids": ["stream-1"]}, [3, 5, 7]),
    ({"types": [event_pb2.EVENT_TYPE_CALL_CREATED]}, [1, 4]),
    ({"types": [event_pb2.EVENT_TYPE_SESSION_GAP, event_pb2.EVENT_TYPE_STREAM_STREAMING]}, [6, 7]),
    ({"labels": {"team": "a"}}, [2, 3, 5, 7]),
    ({"labels": {"team": "a", "env": "x"}}, [3, 5, 7]),
    ({"labels": {"team": "b"}}, [3, 7]),
    ({"call_ids": ["call-3"]}, [3, 7]),
]
"""Filters, and what passes of the history in the test below."""


class TestFilters:
    """What passes; the position always moves on."""

    async def test_conditions(self) -> None:
        """All conditions must hold; session events pass all but the types; the bookmark is beyond everything."""
        async with served() as gateway:
            await gateway.written(
                gateway.call(CallState.CREATED),
                gateway.stream(StreamState.STARTING, labels={"team": "a"}),
                gateway.session(),
                gateway.call(CallState.CREATED, "call-2"),
                gateway.stream(StreamState.STARTING, call_id="call-2", labels={"team": "a", "env": "x"}),
                gateway.stream(StreamState.STREAMING, "stream-2", call_id="call-2"),
                gateway.session(EventType.SESSION_GAP),
            )
            watches = [
                gateway.watch(from_oldest=True, filter=filter_, bookmark_interval=SECOND) for filter_, _ in FILTERS
            ]
            for watch, (filter_, expected) in zip(watches, FILTERS, strict=True):
                await watch.opened()
                found: list[int] = []
                while (response := await watch.next()).WhichOneof("kind") == "events":
                    found += sequences(list(response.events.events))
                assert found == expected, filter_
                assert response.HasField("bookmark")
                assert decode_cursor(response.cursor).sequence == 7


class TestBookmarks:
    """The cursor of a watch that has nothing to say."""

    async def test_idle(self) -> None:
        """A watch at the head gets a bookmark at its interval, at the head."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            watch = gateway.watch(bookmark_interval=SECOND)
            await watch.opened()
            response = await watch.next()
            assert response.WhichOneof("kind") == "bookmark"
            assert decode_cursor(response.cursor).sequence == 3

    async def test_never_overtakes_an_event(self) -> None:
        """At a bookmark, all matching events up to it were delivered, and none after it has a lower sequence."""
        async with served() as gateway:
            watch = gateway.watch(filter={"call_ids": ["call-1"]}, bookmark_interval=SECOND)
            await watch.opened()
            matching: list[int] = []
            delivered: list[int] = []
            bookmarks = 0

            async def traffic() -> None:
                while True:
                    await gateway.written(*gateway.others(20, "call-2"))

            async with asyncio.TaskGroup() as tasks:
                noise = tasks.create_task(traffic())
                while bookmarks < 2:
                    response = await watch.next()
                    position = decode_cursor(response.cursor).sequence
                    delivered += sequences(list(response.events.events))
                    assert delivered == [sequence for sequence in matching if sequence <= position]
                    if response.HasField("bookmark"):
                        bookmarks += 1
                        matching += [gateway.write(*gateway.others(1)) for _ in range(3)]
                noise.cancel()
            assert len(delivered) == 3


class TestReading:
    """Nobody is held up, nothing is lost."""

    async def test_a_thousand_events_across_reconnects(self) -> None:
        """Each event is delivered once and in order, whatever batches it comes in and wherever watches are cut."""
        async with served() as gateway:
            total = 1000

            async def write() -> None:
                sizes = itertools.cycle([1, 7, 64, 3, 300])
                while gateway.journal.last_sequence < total:
                    left = total - gateway.journal.last_sequence
                    await gateway.written(*gateway.others(min(left, next(sizes))))

            found: list[int] = []
            watches = 0
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(write())
                watch = gateway.watch(from_oldest=True)
                await watch.opened()
                while len(found) < total:
                    found += sequences(list((await watch.next()).events.events))
                    watch.call.cancel()
                    watches += 1
                    watch = gateway.watch(after_cursor=watch.cursor)
                    await watch.opened()
            assert found == list(range(1, total + 1))
            assert watches > 3

    @pytest.mark.parametrize("tail", [4, 8192], ids=["disk", "memory"])
    async def test_sparse_matches_far_back(self, tail: int) -> None:
        """What matches is found however much lies before it that does not, in the journal as in its tail."""
        async with served(journal=JournalOptions(tail_records=tail)) as gateway:
            await gateway.written(*gateway.others(5000, "call-2"), *gateway.others(1), *gateway.others(2000, "call-2"))
            watch = gateway.watch(from_oldest=True, filter={"call_ids": ["call-1"]})
            await watch.opened()
            assert (await watch.event()).sequence == 5001

    async def test_many_watches_at_the_head(self) -> None:
        """All watches that are in step get all events."""
        async with served() as gateway:
            watches = [gateway.watch() for _ in range(20)]
            for watch in watches:
                await watch.opened()
            for _ in range(50):
                gateway.write(*gateway.others(2))
            for watch in watches:
                assert sequences(await watch.events(100)) == list(range(1, 101))

    async def test_a_slow_reader(self) -> None:
        """A client that does not read holds nobody up, and finds everything in order when it reads again."""
        async with served(journal=JournalOptions(tail_records=4)) as gateway:
            slow = gateway.watch(from_oldest=True)
            position = await blocked(gateway, slow)
            head = gateway.journal.head
            assert position < head
            fast = gateway.watch(after_cursor=encode_cursor(Cursor(gateway.journal.epoch, head)))
            await fast.opened()
            await gateway.written(*gateway.others(1))
            assert (await fast.event()).sequence == head + 1
            assert sequences(await slow.events(head + 1)) == list(range(1, head + 2))

    async def test_compaction_overtakes_a_slow_reader(self) -> None:
        """A watch that is behind when its events are compacted fails with CURSOR_COMPACTED, without a silent hole."""
        async with served(journal=JournalOptions(tail_records=4)) as gateway:
            slow = gateway.watch(from_oldest=True)
            await blocked(gateway, slow)
            await gateway.compact()
            responses, code = await slow.rest()
            found = [event.sequence for response in responses for event in response.events.events]
            assert found == list(range(1, len(found) + 1))
            assert len(found) < gateway.journal.oldest - 1
            assert code is grpc.StatusCode.OUT_OF_RANGE

    @pytest.mark.parametrize("params", [b'"' + b"x" * ((1 << 20) - 2) + b'"', b"\xff" * (1 << 20)])
    async def test_large_params(self, params: bytes) -> None:
        """An event with as large params as are kept fits a client's message, also when they are no UTF-8."""
        async with served() as gateway:
            watch = gateway.watch(from_oldest=True)
            await watch.opened()
            large(gateway, 1, params)
            assert (await watch.event()).relay_params_json == params.decode("utf-8", "replace")

    async def test_the_journal_cannot_write(self) -> None:
        """A watch of a journal that is closed under it fails as UNAVAILABLE."""
        async with served() as gateway:
            watch = gateway.watch()
            await watch.opened()
            await gateway.journal.close()
            error = await watch.failure()
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert error_details(error).reason == "JOURNAL_UNAVAILABLE"


class TestLimit:
    """How many watches may be open."""

    async def test_too_many(self) -> None:
        """A watch beyond the limit is refused with the limit and a time to wait."""
        async with served(max_watches=1) as gateway:
            first = gateway.watch()
            await first.opened()
            error = await gateway.watch().failure()
            details = error_details(error)
            assert (error.code(), details.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_LIMIT")
            assert details.metadata == {"limit": "1"}
            assert details.retry_after == 1.0

    async def test_a_cancelled_watch_gives_its_slot_back(self) -> None:
        """The slot of a client that leaves is free again."""
        async with served(max_watches=1) as gateway:
            first = gateway.watch()
            await first.opened()
            first.call.cancel()
            await wait_until(lambda: not gateway.services.watches.count)
            await gateway.watch().opened()

    async def test_a_slow_watch_gives_its_slot_back(self) -> None:
        """So is that of a client that had stopped reading before it left."""
        async with served(max_watches=2) as gateway:
            first = gateway.watch(from_oldest=True)
            await blocked(gateway, first)
            first.call.cancel()
            await wait_until(lambda: not gateway.services.watches.count)
            await gateway.watch().opened()

    async def test_a_refused_watch_takes_no_slot(self) -> None:
        """A watch that cannot begin leaves the limit alone."""
        async with served(max_watches=1) as gateway:
            await gateway.watch(after_cursor=encode_cursor(Cursor(gateway.journal.epoch, 9))).failure()
            await gateway.watch().opened()

    async def test_cancelled_watches_leave_nothing(self) -> None:
        """After many watches came and went, no task and no waiter of the journal is left."""
        async with served() as gateway:
            before = len(asyncio.all_tasks())  # one of them waits for the next RPC
            watches = [gateway.watch() for _ in range(30)]
            for watch in watches:
                await watch.opened()
            await wait_until(lambda: len(gateway.journal._interests) == 30)
            for watch in watches:
                watch.call.cancel()
            await wait_until(lambda: not gateway.services.watches.count)
            await wait_until(lambda: len(asyncio.all_tasks()) == before)
            assert not len(gateway.journal._interests)


class TestContract:
    """Hand-made bytes are the contract's."""

    async def test_a_response_parses(self) -> None:
        """What is joined from encoded events is the message that protobuf itself would have made."""
        async with served() as gateway:
            await gateway.written(*gateway.others(2), gateway.stream(StreamState.STARTING))
            watch = gateway.watch(from_oldest=True)
            await watch.opened()
            response = await watch.next()
            again = stream_service_pb2.WatchEventsResponse(cursor=response.cursor, events=response.events)
            assert again.SerializeToString(deterministic=True) == response.SerializeToString(deterministic=True)
