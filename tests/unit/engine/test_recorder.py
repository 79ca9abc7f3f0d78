"""The recorder: places, ids, order, and what it remembers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.calls import Call, CallState
from gateway.domain.events import Draft, EventType, SessionChange
from gateway.domain.streams import Stream, StreamState
from gateway.engine import recorder as recorder_module
from gateway.engine.clock import Clock
from gateway.engine.recorder import Origin, Recorder
from gateway.journal.sqlite import SqliteJournal, open_journal
from gateway.service.codec import ContractCodec
from tests.support.domain_values import call_in, contents, stream_in
from tests.support.engines import stalled

CALL = Draft.of(EventType.CALL_CREATED, call_in(CallState.CREATED))
STREAM = Draft.of(EventType.STREAM_STARTING, stream_in(StreamState.STARTING))
ENDED = Draft.of(EventType.STREAM_FINISHED, stream_in(StreamState.FINISHED))
OTHER = Draft(EventType.RELAY_OTHER, None, "call-1")


@pytest.fixture
async def journal() -> AsyncIterator[SqliteJournal]:
    """A journal in memory."""
    journal = open_journal(None)
    yield journal
    await journal.close()


@pytest.fixture
def recorder(journal: SqliteJournal) -> Recorder:
    """A recorder of that journal."""
    return Recorder(journal, ContractCodec(), Clock())


async def test_drafts_become_events_in_order(journal: SqliteJournal, recorder: Recorder) -> None:
    """Drafts get consecutive places, ids of their own and rising times, are folded at once and durable soon."""
    sequence = recorder.record([CALL, STREAM])
    assert sequence == 2
    assert recorder.registry.stream("call-1", "stream-1") is not None
    await journal.committed(sequence)
    records = (await journal.read(0)).records
    assert [record.sequence for record in records] == [1, 2]
    assert len({record.event_id for record in records}) == 2
    assert all(record.event_id.startswith("gw-") for record in records)
    events = [ContractCodec().decode(record) for record in records]
    assert [event.type for event in events] == [CALL.type, STREAM.type]
    assert events[0].receive_time <= events[1].receive_time


def test_observers_are_told_of_each_event_once(recorder: Recorder) -> None:
    """In order, and when the registry knows it already."""
    told: list[tuple[int, EventType, bool]] = []
    recorder.observe(
        lambda event: told.append((event.sequence, event.type, recorder.registry.sequence == event.sequence))
    )
    recorder.record([CALL, STREAM])
    recorder.record([ENDED])
    assert told == [(1, CALL.type, True), (2, STREAM.type, True), (3, ENDED.type, True)]


def test_each_record_has_the_context_of_its_call(recorder: Recorder) -> None:
    """As it was known by then: what came before the call's own report, and what is of no call, is of no context."""
    received = Draft.of(EventType.CALL_RECEIVED, call_in(CallState.CREATED, context="sales"))
    lost = Draft(EventType.SESSION_DOWN, SessionChange("gone"))
    records = recorder.stamp([STREAM, received, ENDED, OTHER, lost])
    assert [record.context for record in records] == ["", "sales", "sales", "sales", ""]


async def test_nothing_is_recorded_for_no_drafts(journal: SqliteJournal, recorder: Recorder) -> None:
    """A decision that changes nothing leaves no trace, and waiting for it takes no time."""
    assert recorder.record([]) == 0
    assert journal.last_sequence == 0
    await journal.committed(0)


async def test_relays_words_stand_on_the_last_draft(journal: SqliteJournal, recorder: Recorder) -> None:
    """Of what follows from one report, the last event carries RELAY's id, type, time and params."""
    records = recorder.stamp([CALL, STREAM], Origin("e1", "calling.call.stream", 5, b'{"a":1}'))
    recorder.append(records)
    first, last = [ContractCodec().decode(record) for record in records]
    assert (last.event_id, last.relay_event_type, last.relay_time, last.relay_params) == (
        "e1",
        "calling.call.stream",
        5,
        b'{"a":1}',
    )
    assert (first.relay_event_type, first.relay_time, first.relay_params) == ("", 0, b"")
    assert first.event_id.startswith("gw-")


async def test_a_report_without_an_id(recorder: Recorder) -> None:
    """RELAY's event without an id gets one of the gateway's, and is never taken for a repetition."""
    (record,) = recorder.stamp([OTHER], Origin("", "calling.x"))
    recorder.append([record])
    assert record.event_id.startswith("gw-")
    assert not recorder.is_known("")


async def test_repetitions_are_known_and_counted(recorder: Recorder) -> None:
    """An id that was stamped is known, at once and before it is durable."""
    assert not recorder.is_known("e1")
    recorder.append(recorder.stamp([OTHER], Origin("e1", "calling.x")))
    assert recorder.is_known("e1")
    assert recorder.is_known("e1")
    assert recorder.duplicates == 2


async def test_the_window_is_bounded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many ids are remembered; the oldest are forgotten first."""
    monkeypatch.setattr(recorder_module, "DEDUPLICATION_WINDOW", 3)
    for number in range(5):
        recorder.append(recorder.stamp([OTHER], Origin(f"e{number}", "calling.x")))
    assert [number for number in range(5) if recorder.is_known(f"e{number}")] == [2, 3, 4]


async def test_those_who_wait_are_told_after_the_commit(journal: SqliteJournal, recorder: Recorder) -> None:
    """`on_commit` runs, and waiters wake, once the event is durable; who waits for something else does not wake."""
    told: list[int] = []
    stream, call = STREAM.subject, CALL.subject
    assert isinstance(stream, Stream)
    assert isinstance(call, Call)
    waiting = asyncio.create_task(recorder.wait_for_change(stream))
    other = asyncio.create_task(recorder.wait_for_change(call))
    await asyncio.sleep(0)
    with stalled(journal):
        recorder.append(recorder.stamp([STREAM]), lambda: told.append(journal.head))
        settling = asyncio.create_task(recorder.settled(stream))
        await asyncio.wait([waiting, settling], timeout=0.01)
        assert (told, waiting.done(), settling.done()) == ([], False, False)
    await asyncio.wait_for(asyncio.gather(waiting, settling), 5)
    assert told == [1]
    assert not other.done()
    other.cancel()
    await asyncio.wait([other])


async def test_what_never_changed_is_settled(recorder: Recorder) -> None:
    """There is nothing to wait for where nothing happened."""
    await recorder.settled(SessionChange("x"))
    assert isinstance(STREAM.subject, Stream)
    await recorder.settled(STREAM.subject)


async def test_a_second_one_takes_over(journal: SqliteJournal, recorder: Recorder) -> None:
    """What is loaded from the journal is what was recorded: registry, ids, places and times."""
    recorder.record([CALL, STREAM])
    recorder.append(recorder.stamp([ENDED], Origin("e1", "calling.call.stream")))
    await journal.committed(3)
    successor = Recorder(journal, ContractCodec(), Clock(lambda: 7, lambda: 0))
    successor.load()
    assert contents(successor.registry) == contents(recorder.registry)
    assert successor.is_known("e1")
    assert successor.clock.now() == journal.stats().newest_time_us
    assert successor.record([OTHER]) == 4


async def test_forgetting(journal: SqliteJournal, recorder: Recorder) -> None:
    """What ended is forgotten here and in the journal's memory; what lives stays."""
    recorder.record([CALL, ENDED])
    assert recorder.forget(10**18, 0) == 1
    assert recorder.forget(10**18, 0) == 0
    assert recorder.registry.stream("call-1", "stream-1") is None
    await journal.committed(recorder.record([OTHER]))  # what is forgotten is written with the next commit
    successor = Recorder(journal, ContractCodec(), Clock())
    successor.load()
    assert [call.call_id for call in successor.registry.calls()] == ["call-1"]
    assert not list(successor.registry.streams())
