"""Responses that watches share."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.errors import CursorCompacted, JournalUnavailable
from gateway.journal.options import JournalOptions
from gateway.journal.record import Payloads
from gateway.journal.sqlite import SqliteJournal, open_journal
from gateway.service.batches import SharedBatches
from tests.support.journal_records import record
from tests.support.serving import wait_until

PAYLOAD = event_pb2.Event(relay_params_json="x" * 100).SerializeToString()


class Reads:
    """A journal that counts how often it is read, and waits before it answers if it is told to."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.count = 0
        self.positions: list[int] = []
        self.failing = -1
        self.go_on = asyncio.Event()
        self.go_on.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    async def read_payloads(self, after: int, **bounds: int) -> Payloads:
        """Counts."""
        self.count += 1
        self.positions.append(after)
        await self.go_on.wait()
        if after == self.failing:
            raise JournalUnavailable("the disk is gone")
        return await self._journal.read_payloads(after, **bounds)


@pytest.fixture
async def journal() -> AsyncIterator[Reads]:
    """An empty journal in memory."""
    opened = open_journal(None, JournalOptions(tail_records=100))
    yield Reads(opened)
    await opened.close()


@pytest.fixture
def shared(journal: Reads) -> SharedBatches:
    """Batches of it."""
    return SharedBatches(journal, str)  # type: ignore[arg-type]  # all of it is a journal's


async def write(journal: Reads, count: int) -> None:
    """Makes so many events durable."""
    first = journal._journal.last_sequence + 1
    journal._journal.append([record(n, payload=PAYLOAD) for n in range(first, first + count)])
    await journal._journal.committed(first + count - 1)


def told(encoded: bytes) -> tuple[str, int]:
    """The cursor of a response, and how many events are in it."""
    response = stream_service_pb2.WatchEventsResponse.FromString(encoded)
    return response.cursor, len(response.events.events)


async def test_watches_in_step_share(journal: Reads, shared: SharedBatches) -> None:
    """The same bytes for all who read on from the same place; more as soon as there is more."""
    await write(journal, 3)
    first = await shared.read(0)
    assert await shared.read(0) is first
    assert journal.count == 1
    assert (told(first.encoded), first.position) == (("3", 3), 3)
    assert told((await shared.read(1)).encoded) == ("3", 2)
    await write(journal, 1)
    assert told((await shared.read(0)).encoded) == ("4", 4)


async def test_nothing_new(journal: Reads, shared: SharedBatches) -> None:
    """No response, and the position that was looked from."""
    await write(journal, 2)
    nothing = await shared.read(2)
    assert (nothing.encoded, nothing.position) == (b"", 2)


async def test_watches_far_behind_come_to_stand_at_the_same_places(journal: Reads, shared: SharedBatches) -> None:
    """Wherever they are, from the second read on they share what is read."""
    await write(journal, 4000)
    positions = {after: (await shared.read(after)).position for after in (0, 100, 1023, 1024, 1300)}
    assert positions == {0: 1024, 100: 1024, 1023: 1024, 1024: 2048, 1300: 2048}
    count = journal.count
    await shared.read(1024)
    assert journal.count == count


async def test_the_next_step_is_read_ahead(journal: Reads, shared: SharedBatches) -> None:
    """While one step is sent the next is read, and not the one after it; near the head nothing is."""
    await write(journal, 4000)
    await shared.read(0)
    await wait_until(lambda: journal.positions == [0, 1024])
    await shared.read(1024)
    await wait_until(lambda: journal.positions == [0, 1024, 2048])
    await shared.read(3990)
    await asyncio.sleep(0.01)
    assert journal.positions == [0, 1024, 2048, 3990]


async def test_what_could_not_be_read_ahead_is_told_to_who_comes_there(journal: Reads, shared: SharedBatches) -> None:
    """Reading ahead fails in silence."""
    await write(journal, 4000)
    journal.failing = 1024
    await shared.read(0)
    await wait_until(lambda: journal.positions == [0, 1024])
    with pytest.raises(JournalUnavailable):
        await shared.read(1024)


async def test_one_reads_for_all_who_wait(journal: Reads, shared: SharedBatches) -> None:
    """Also if the one that reads leaves: another one takes over."""
    await write(journal, 500)
    journal.go_on.clear()
    reading = [asyncio.create_task(shared.read(0)) for _ in range(20)]
    await asyncio.sleep(0)
    assert journal.count == 1
    reading[0].cancel()
    await asyncio.wait([reading[0]])
    journal.go_on.set()
    responses = await asyncio.gather(*reading[1:])
    assert all(response is responses[0] for response in responses)
    assert journal.count == 2


async def test_what_was_compacted_is_not_told() -> None:
    """A response that is still kept does not hide that a restart would not have it."""
    time_us = [0]
    opened = open_journal(None, now_us=lambda: time_us[0])
    journal = Reads(opened)
    shared = SharedBatches(journal, str)  # type: ignore[arg-type]
    await write(journal, 2000)
    await shared.read(0)
    time_us[0] = 1 << 62
    await opened.compact()
    with pytest.raises(CursorCompacted):
        await shared.read(0)
    await opened.close()


async def test_no_more_is_kept_than_is_allowed(journal: Reads) -> None:
    """The oldest go first; the newest stays, whatever its size."""
    await write(journal, 3)
    size = len((await SharedBatches(journal, str).read(2)).encoded)  # type: ignore[arg-type]
    shared = SharedBatches(journal, str, 2 * size)  # type: ignore[arg-type]
    large = await shared.read(0)
    assert await shared.read(0) is large
    last = await shared.read(2)
    assert await shared.read(2) is last
    assert await shared.read(0) is not large
