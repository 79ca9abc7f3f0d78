"""Taking in what RELAY reports, without a connection: the journal's pace, and reports that say little."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.events import EventType
from gateway.engine.engine import Engine
from gateway.journal.options import JournalOptions
from gateway.journal.session_store import MemorySessionStore
from gateway.journal.sqlite import SqliteJournal, open_journal
from gateway.relay.payloads import RelayEvent
from tests.support.engines import failing, make_engine, stalled


@pytest.fixture
async def journal() -> AsyncIterator[SqliteJournal]:
    """A journal that holds up whoever brings more than two events ahead of the disk."""
    journal = open_journal(None, JournalOptions(backlog_records=2))
    yield journal
    await journal.close()


@pytest.fixture
def engine(journal: SqliteJournal) -> Engine:
    """An engine that does not run: nobody is connected."""
    return make_engine("127.0.0.1:1", journal, MemorySessionStore())


def reports(*names: str) -> list[RelayEvent]:
    """Events of a type that the gateway makes nothing of."""
    return [RelayEvent(name, "calling.x", None, b'{"call_id":"c"}') for name in names]


async def test_the_journals_pace_is_the_sockets(journal: SqliteJournal, engine: Engine) -> None:
    """While more waits for the disk than may, nothing more is taken from RELAY."""
    with stalled(journal):
        taking = asyncio.create_task(engine.ingest.relay_events(reports("a", "b", "c")))
        await asyncio.wait([taking], timeout=0.01)
        assert not taking.done()
    await asyncio.wait_for(taking, 5)
    assert journal.head == 3


async def test_a_journal_that_is_closed_lets_go(journal: SqliteJournal, engine: Engine) -> None:
    """Who waits for room in a journal that ends does not wait for ever: RELAY keeps the events."""
    with failing(journal):
        taking = asyncio.create_task(engine.ingest.relay_events(reports("a", "b", "c")))
        await asyncio.wait([taking], timeout=0.01)
        await journal.close()
        await asyncio.wait_for(taking, 5)


async def test_repetitions_within_one_turn(journal: SqliteJournal, engine: Engine) -> None:
    """Events that arrive together may repeat each other."""
    await engine.ingest.relay_events(reports("a", "b", "a", "a"))
    await journal.committed(2)
    assert [record.event_id for record in (await journal.read(0)).records] == ["a", "b"]
    assert (engine.ingest.received, engine.recorder.duplicates) == (4, 2)


async def test_a_report_without_a_time(journal: SqliteJournal, engine: Engine) -> None:
    """RELAY's time is left out where it gave none."""
    await engine.ingest.relay_events(reports("a"))
    await journal.committed(1)
    (record,) = (await journal.read(0)).records
    assert record.type == EventType.RELAY_OTHER
    assert record.call_id == "c"
