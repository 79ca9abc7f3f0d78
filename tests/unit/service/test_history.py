"""ListEvents: history in pages, and a long poll that always answers in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.events import Draft, EventType
from gateway.domain.streams import StreamState
from gateway.engine.recorder import Origin
from gateway.journal.options import JournalOptions
from gateway.service.cursor import Cursor, decode_cursor, encode_cursor
from tests.support.serving import Served, error_details, served, wait_until

LONG = {"seconds": 60}


async def listed(
    gateway: Served, *, within: float | None = None, **request: Any
) -> stream_service_pb2.ListEventsResponse:
    """A page; `within` is the client's deadline in seconds."""
    page = await gateway.client.streams.ListEvents(stream_service_pb2.ListEventsRequest(**request), timeout=within)
    assert isinstance(page, stream_service_pb2.ListEventsResponse)
    return page


async def refused(gateway: Served, **request: Any) -> grpc.aio.AioRpcError:
    """What a request for a page fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(gateway, **request)
    return caught.value


def sequences(page: stream_service_pb2.ListEventsResponse) -> list[int]:
    """The places of a page's events in the journal."""
    return [event.sequence for event in page.events]


@contextlib.asynccontextmanager
async def polling(
    gateway: Served, **request: Any
) -> AsyncIterator["asyncio.Task[stream_service_pb2.ListEventsResponse]"]:
    """A long poll that waits inside the gateway."""
    poll = asyncio.create_task(listed(gateway, wait=LONG, **request))
    await wait_until(lambda: len(gateway.journal._head_waiters) == 1)
    yield poll
    if not poll.done():
        poll.cancel()
        await asyncio.wait([poll])


class TestPages:
    """Walking through history."""

    async def test_oldest_first(self) -> None:
        """Pages follow each other without a hole or a repetition; the last one is at the head."""
        async with served() as gateway:
            await gateway.written(*gateway.others(25))
            found: list[int] = []
            page = await listed(gateway, page_size=10)
            while not page.at_head:
                assert len(page.events) == 10
                found += sequences(page)
                page = await listed(gateway, page_size=10, after_cursor=page.next_cursor)
            assert found + sequences(page) == list(range(1, 26))
            assert decode_cursor(page.next_cursor) == Cursor(gateway.journal.epoch, 25)

    async def test_default_size(self) -> None:
        """A page has 100 events unless the client says otherwise, and up to 1,000 if it does."""
        async with served() as gateway:
            await gateway.written(*gateway.others(1200))
            assert len((await listed(gateway)).events) == 100
            page = await listed(gateway, page_size=1000)
            assert sequences(page) == list(range(1, 1001))
            assert not page.at_head

    async def test_an_empty_journal(self) -> None:
        """Nothing there is a page as well, with a cursor to go on from."""
        async with served() as gateway:
            page = await listed(gateway)
            assert (len(page.events), page.at_head) == (0, True)
            await gateway.written(*gateway.others(1))
            assert sequences(await listed(gateway, after_cursor=page.next_cursor)) == [1]

    async def test_filters(self) -> None:
        """Only what matches is returned, the cursor is beyond what does not; session events pass."""
        async with served() as gateway:
            await gateway.written(
                *gateway.others(300),
                gateway.stream(StreamState.STARTING, labels={"team": "a"}),
                gateway.session(),
                *gateway.others(300),
            )
            page = await listed(gateway, filter={"labels": {"team": "a"}}, page_size=2)
            assert sequences(page) == [301, 302]
            rest = await listed(gateway, filter={"labels": {"team": "a"}}, after_cursor=page.next_cursor)
            assert (sequences(rest), rest.at_head) == ([], True)
            assert decode_cursor(rest.next_cursor).sequence == 602
            only = await listed(gateway, filter={"types": [event_pb2.EVENT_TYPE_SESSION_DOWN]})
            assert sequences(only) == [302]

    async def test_sparse_matches_far_back(self) -> None:
        """A page is filled from as many reads of the journal as it takes."""
        async with served(journal=JournalOptions(tail_records=4)) as gateway:
            for _ in range(3):
                await gateway.written(*gateway.others(3000), gateway.session())
            page = await listed(gateway, filter={"call_ids": ["call-2"]}, page_size=3)
            assert sequences(page) == [3001, 6002, 9003]

    async def test_start_time(self) -> None:
        """A page can begin at a time."""
        async with served() as gateway:
            clock = gateway.engine.recorder.clock
            await gateway.written(*gateway.others(2))
            clock.not_before(clock.now() + 1)
            between = Timestamp()
            between.FromMicroseconds(clock.now())
            await gateway.written(*gateway.others(1))
            assert sequences(await listed(gateway, start_time=between)) == [3]

    async def test_from_now(self) -> None:
        """from_now is after the newest event."""
        async with served() as gateway:
            await gateway.written(*gateway.others(2))
            page = await listed(gateway, from_now=True)
            assert (sequences(page), page.at_head) == ([], True)
            assert decode_cursor(page.next_cursor).sequence == 2

    async def test_large_events(self) -> None:
        """A page ends early when it gets large: it fits the 4 MiB that a client takes."""
        async with served() as gateway:
            recorder = gateway.engine.recorder
            origin = Origin("", "calling.made.up", 0, b'"' + b"x" * ((1 << 20) - 2) + b'"')
            for _ in range(9):
                recorder.append(recorder.stamp([Draft(EventType.RELAY_OTHER, None)], origin))
            await gateway.journal.committed(9)
            found: list[int] = []
            page = await listed(gateway)
            while page.events:
                assert len(page.events) < 4
                found += sequences(page)
                page = await listed(gateway, after_cursor=page.next_cursor)
            assert found == list(range(1, 10))


class TestErrors:
    """Starts that are not there."""

    async def test_compacted(self) -> None:
        """OUT_OF_RANGE/CURSOR_COMPACTED, with the oldest cursor."""
        async with served() as gateway:
            await gateway.written(*gateway.others(3))
            await gateway.compact()
            error = await refused(gateway, after_cursor=encode_cursor(Cursor(gateway.journal.epoch, 0)))
            details = error_details(error)
            assert (error.code(), details.reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_COMPACTED")
            oldest = decode_cursor(details.metadata["oldest_cursor"])
            assert oldest == Cursor(gateway.journal.epoch, gateway.journal.oldest - 1)

    async def test_another_journal(self) -> None:
        """OUT_OF_RANGE/EPOCH_CHANGED."""
        async with served() as gateway:
            error = await refused(gateway, after_cursor=encode_cursor(Cursor("0123456789abcdef", 0)))
            assert (error.code(), error_details(error).reason) == (grpc.StatusCode.OUT_OF_RANGE, "EPOCH_CHANGED")

    async def test_ahead(self) -> None:
        """OUT_OF_RANGE/CURSOR_AHEAD."""
        async with served() as gateway:
            error = await refused(gateway, after_cursor=encode_cursor(Cursor(gateway.journal.epoch, 1)))
            assert (error.code(), error_details(error).reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")

    async def test_all_wrong_fields_at_once(self) -> None:
        """INVALID_ARGUMENT lists each of them."""
        async with served() as gateway:
            error = await refused(gateway, after_cursor="x", page_size=1001, wait={"seconds": 61})
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert set(error_details(error).violations) == {"after_cursor", "page_size", "wait"}


class TestLongPoll:
    """`wait`."""

    async def test_wakes(self) -> None:
        """An event that matches answers the poll at once; those that don't, don't."""
        async with served() as gateway:
            filter_ = {"call_ids": ["call-1"]}
            async with polling(gateway, from_now=True, filter=filter_) as poll:
                await gateway.written(*gateway.others(5, "call-2"))
                await wait_until(lambda: len(gateway.journal._head_waiters) == 1)
                assert not poll.done()
                await gateway.written(*gateway.others(1))
                page = await poll
                assert sequences(page) == [6]
                assert page.at_head

    async def test_does_not_wait_with_something_to_say(self) -> None:
        """A poll with events before it answers with them."""
        async with served() as gateway:
            await gateway.written(*gateway.others(1))
            assert sequences(await listed(gateway, wait=LONG)) == [1]

    async def test_nothing_came(self) -> None:
        """At the end of its wait the page is empty, and the cursor as far as was looked at."""
        async with served() as gateway:
            await gateway.written(*gateway.others(4, "call-2"))
            filter_ = {"call_ids": ["call-1"]}
            page = await listed(gateway, filter=filter_, wait={"nanos": 1_000_000})
            assert (sequences(page), page.at_head) == ([], True)
            assert decode_cursor(page.next_cursor).sequence == 4

    async def test_before_the_deadline(self) -> None:
        """A client whose deadline is shorter than its wait gets its page, and not DEADLINE_EXCEEDED."""
        async with served() as gateway:
            page = await listed(gateway, within=2.0, wait=LONG)
            assert (sequences(page), page.at_head) == ([], True)

    async def test_many_polls(self) -> None:
        """All that wait are answered."""
        async with served() as gateway:
            polls = [asyncio.create_task(listed(gateway, wait=LONG)) for _ in range(20)]
            await wait_until(lambda: len(gateway.journal._head_waiters) == 20)
            await gateway.written(*gateway.others(1))
            assert [sequences(page) for page in await asyncio.gather(*polls)] == [[1]] * 20

    async def test_a_client_that_leaves(self) -> None:
        """Nothing is left of a poll whose client has gone."""
        async with served() as gateway:
            async with polling(gateway):
                pass
            await wait_until(lambda: not len(gateway.journal._head_waiters))
            assert not gateway.services._history._polls


class TestDrain:
    """The process leaves."""

    async def test_answers_polls(self) -> None:
        """Polls that wait get their empty page at once, with a cursor for another process."""
        async with served() as gateway:
            await gateway.written(*gateway.others(2))
            async with polling(gateway, from_now=True) as poll:
                await gateway.services.drain()
                page = await poll
                assert sequences(page) == []
                assert decode_cursor(page.next_cursor).sequence == 2

    async def test_refuses_new_ones(self) -> None:
        """Further requests are sent elsewhere."""
        async with served() as gateway:
            await gateway.services.drain()
            error = await refused(gateway)
            assert (error.code(), error_details(error).reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")

    async def test_a_poll_that_is_just_expiring(self) -> None:
        """A poll whose time runs out in the same turn of the loop does not end the drain."""
        async with served() as gateway, polling(gateway) as poll:
            history = gateway.services._history
            (scope,) = history._polls
            loop = asyncio.get_running_loop()
            drained: asyncio.Future[None] = loop.create_future()

            def drain() -> None:
                assert scope.expired()
                assert scope in history._polls
                try:
                    history.drain()
                except BaseException as error:  # noqa: BLE001 - the test's to raise
                    drained.set_exception(error)
                else:
                    drained.set_result(None)

            scope.reschedule(loop.time())
            loop.call_soon(drain)
            await drained
            assert sequences(await poll) == []

    async def test_between_two_reads(self) -> None:
        """A poll that reads on while the drain begins does not wait again."""
        async with served() as gateway:
            history = gateway.services._history
            async with polling(gateway, filter={"call_ids": ["call-1"]}) as poll:
                gateway.engine.recorder.append(
                    gateway.engine.recorder.stamp(list(gateway.others(1, "call-2"))),
                    lambda: setattr(history, "_draining", True),  # the commit wakes the poll, and the drain begins
                )
                assert sequences(await poll) == []
