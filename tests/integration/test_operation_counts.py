"""What the hot paths do how often: commits, encodings, messages, frames. Noise can't break these as it does times."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.domain.calls import CallState
from gateway.domain.events import Event
from gateway.emulator.actions import Hold
from gateway.emulator.faults import Fault
from gateway.emulator.server import Emulator
from gateway.journal.record import Record
from gateway.journal.sqlite import SqliteJournal
from gateway.relay import wire
from gateway.relay.payloads import RelayEvent, decode_payload
from gateway.service.codec import ContractCodec
from tests.support.engines import in_time, order_for, running_engine, soon, stalled, world
from tests.support.serving import served

EVENTS = 200
"""That come at once; few enough for one message."""
WATCHES = 20


def burst(count: int) -> list[RelayEvent]:
    """Events that a connection had ready at the same time."""
    params = b'{"call_id":"call-1","control_id":"stream-1","state":"streaming","url":"wss://example.com/"}'
    payload = decode_payload(wire.CALL_STREAM, params)
    return [RelayEvent(f"event-{number}", wire.CALL_STREAM, 1.0, params, payload) for number in range(count)]


@contextmanager
def reads(journal: SqliteJournal) -> Iterator[list[int]]:
    """The positions that the journal is read from meanwhile."""
    positions: list[int] = []

    def counted(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(after: int, *args: Any, **bounds: Any) -> Any:
            positions.append(after)
            return read(after, *args, **bounds)

        return reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "read", counted(journal.read))
        patch.setattr(journal, "read_payloads", counted(journal.read_payloads))
        yield positions


@contextmanager
def encodings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """Every event that is encoded meanwhile."""
    encoded: list[Event] = []
    encode = ContractCodec.encode

    def counted(codec: ContractCodec, event: Event, context: str) -> Record:
        encoded.append(event)
        return encode(codec, event, context)

    with monkeypatch.context() as patch:
        patch.setattr(ContractCodec, "encode", counted)
        yield encoded


async def test_events_that_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit for all; each encoded once; one message to each watch, made once, whatever the number of watches."""
    async with served() as gateway:
        await gateway.written(gateway.call(CallState.ANSWERED))
        watches = [gateway.watch() for _ in range(WATCHES)]
        for watch in watches:
            await watch.opened()
        commits = gateway.journal.stats().commits
        with encodings(monkeypatch) as encoded, reads(gateway.journal) as read:
            await gateway.engine.ingest.relay_events(burst(EVENTS))
            batches = await asyncio.gather(*(watch.next() for watch in watches))
        assert len(read) == 1
        assert gateway.journal.stats().commits - commits == 1
        assert len(encoded) == EVENTS
        assert [len(batch.events.events) for batch in batches] == [EVENTS] * WATCHES


async def test_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records (the intent, RELAY's yes), each encoded once; one frame to RELAY; no more commits than records."""
    async with world() as relay, running_engine(relay.emulator) as gateway:
        call = await relay.incoming(gateway)
        before = gateway.journal.stats()
        with encodings(monkeypatch) as encoded:
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        await gateway.journal.committed(gateway.journal.last_sequence)
        after = gateway.journal.stats()
        assert (after.head - before.head, len(encoded)) == (2, 2)
        assert after.commits - before.commits <= 2
        assert frames(relay.emulator, wire.STREAM) == 1


async def test_starts_that_come_together() -> None:
    """All intents that queue up while the disk is busy share the next commit."""
    async with world() as relay, running_engine(relay.emulator, max_streams_per_call=100) as gateway:
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
        before = gateway.journal.stats()
        with stalled(gateway.journal):
            starts = [gateway.engine.starts.start(order_for(call), in_time()) for _ in range(64)]
            starting = asyncio.gather(*starts)
            await soon(lambda: gateway.journal.last_sequence - before.head == 64)
        await gateway.journal.committed(before.head + 64)
        assert gateway.journal.stats().commits - before.commits <= 2  # the first was under way
        relay.emulator.faults.clear()
        await starting


async def test_an_event_wakes_the_watches_of_its_call() -> None:
    """Of watches that are each about a call of their own one reads; the others do not even look."""
    async with served() as gateway:
        calls = [f"call-{number}" for number in range(WATCHES)]
        await gateway.written(*(gateway.call(CallState.ANSWERED, call_id) for call_id in calls))
        watches = [gateway.watch(filter={"call_ids": [call_id]}) for call_id in calls]
        for watch in watches:
            await watch.opened()
        await soon(lambda: len(gateway.journal._interests) == WATCHES)
        with reads(gateway.journal) as read:
            await gateway.written(gateway.call(CallState.ENDED, calls[3]))
            batch = await watches[3].next()
        assert [event.call_id for event in batch.events.events] == [calls[3]]
        assert len(read) == 1


async def test_a_quiet_watch_costs_nothing() -> None:
    """No event, no commit, no message but the bookmarks that were asked for."""
    async with served() as gateway:
        watch = gateway.watch(bookmark_interval={"seconds": 60})
        await watch.opened()
        commits = gateway.journal.stats().commits
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await watch.next()
        assert gateway.journal.stats().commits == commits


def frames(emulator: Emulator, method: str) -> int:
    """How many requests of a method RELAY got."""
    return sum(frame.method == method and not frame.is_response for frame in emulator.frames)
