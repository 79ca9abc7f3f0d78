"""When the disk refuses, nothing is announced and nothing is lost; when it works again, all is written in order."""

import asyncio
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest
import structlog

from gateway.domain.errors import JournalUnavailable
from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import SqliteJournal, open_journal
from tests.support.journal_records import NOW_US, record, records

Open = Callable[..., SqliteJournal]


@contextmanager
def _full(journal: SqliteJournal) -> Iterator[None]:
    """Let the database grow no more, which SQLite reports as it reports a full disk."""
    connection = journal._database._writer
    (unlimited,) = connection.execute("PRAGMA max_page_count").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        # A journal that was closed meanwhile has no limit to lift.
        with suppress(sqlite3.ProgrammingError):
            connection.execute(f"PRAGMA max_page_count = {unlimited}")


async def _appended(journal: SqliteJournal, first: int, last: int, size: int = 10) -> None:
    journal.append(records(first, last, payload=bytes(size)))
    await journal.committed(last)


@pytest.mark.parametrize("directory", ["data", None])
async def test_a_full_disk_announces_nothing_and_loses_nothing(
    open_one: Open, tmp_path: Path, directory: str | None
) -> None:
    """Those who wait and those who come later are told why; then all is committed in order, and callbacks run once."""
    journal = open_one(tmp_path / directory if directory else None)
    await _appended(journal, 1, 2)
    told: list[str] = []
    with structlog.testing.capture_logs() as logs, _full(journal):
        journal.append(records(3, 4, payload=bytes(20_000)), lambda: told.append("large"))
        beyond = asyncio.create_task(journal.wait_beyond(2))
        with pytest.raises(JournalUnavailable, match=r"full \(SQLITE_FULL\)"):
            await journal.committed(3)
        assert journal.failure
        assert journal.stats().failure == journal.failure
        journal.append([record(5)], lambda: told.append("small"))
        with pytest.raises(JournalUnavailable, match="SQLITE_FULL"):
            await journal.committed(5)
        await journal.committed(2)
        assert (journal.head, journal.last_sequence, told) == (2, 5, [])
        assert journal.stats().backlog_records == 3
        assert (await journal.read(0)).position == 2
        assert not beyond.done()
    await beyond
    await journal.wait_beyond(4)
    assert journal.stats().failure is None
    assert told == ["large", "small"]
    assert [r.sequence for r in (await journal.read(0)).records] == [1, 2, 3, 4, 5]
    events = [entry["event"] for entry in logs]
    assert events.count("journal_failing") == 1, "the log tells of it once, not at each try"


async def test_recovery_is_logged(open_one: Open) -> None:
    """Operators see the end of a failure as they saw its beginning."""
    journal = open_one()
    with structlog.testing.capture_logs() as logs:
        with _full(journal):
            journal.append(records(1, 2, payload=bytes(20_000)))
            with pytest.raises(JournalUnavailable):
                await journal.committed(2)
        await journal.wait_beyond(1)
    assert [entry["event"] for entry in logs] == ["journal_failing", "journal_works_again"]


async def test_an_io_error_is_survived(open_one: Open) -> None:
    """The operating system's refusal to write (here: a limit on file sizes) is reported, retried and overcome."""
    journal = open_one()
    await _appended(journal, 1, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stats().disk_bytes, hard))
        journal.append(records(3, 40, payload=bytes(20_000)))
        with pytest.raises(JournalUnavailable, match=r"SQLITE_IOERR|SQLITE_FULL"):
            await journal.committed(3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    await journal.wait_beyond(39)
    await journal.close()
    again = open_one()
    assert again.head == 40
    assert (await again.read(1, max_records=2)).records[0] == record(2, payload=bytes(10))


async def test_a_locked_database_is_a_failure_that_ends(open_one: Open, tmp_path: Path) -> None:
    """Someone who looks into the file with a tool and holds a lock delays commits, no more."""
    journal = open_one()
    other = sqlite3.connect(tmp_path / "data" / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.append([record(1)])
    with pytest.raises(JournalUnavailable, match="locked"):
        await journal.committed(1)
    other.execute("ROLLBACK")
    other.close()
    await journal.wait_beyond(0)


async def test_a_commit_that_reported_an_error_but_happened_is_not_done_twice(
    open_one: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry looks at what is there: records that arrived are passed over, later ones are written."""
    journal = open_one()
    write = journal._writer._write
    errors = iter([sqlite3.OperationalError("disk I/O error")])

    def write_and_fail_once(*args: object, **kwargs: object) -> object:
        state = write(*args, **kwargs)  # type: ignore[arg-type]
        for error in errors:
            raise error
        return state

    monkeypatch.setattr(journal._writer, "_write", write_and_fail_once)
    journal.append(records(1, 3))
    with pytest.raises(JournalUnavailable, match="disk I/O error"):
        await journal.committed(3)
    journal.append(records(4, 5))
    await journal.wait_beyond(4)
    assert list((await journal.read(0)).records) == records(1, 5)
    assert journal.stats().payload_bytes == sum(len(r.payload) for r in records(1, 5))


async def test_closing_while_the_disk_refuses_gives_up_and_says_so(open_one: Open) -> None:
    """One last try, then the end: nobody is told of a commit, and the log has the number that is lost."""
    journal = open_one()
    await _appended(journal, 1, 1)
    told: list[int] = []
    with structlog.testing.capture_logs() as logs, _full(journal):
        journal.append(records(2, 3, payload=bytes(20_000)), lambda: told.append(1))
        with pytest.raises(JournalUnavailable):
            await journal.committed(2)
        await journal.close()
    assert told == []
    lost = [entry for entry in logs if entry["event"] == "journal_closed_with_backlog"]
    assert [entry["records"] for entry in lost] == [2]
    again = open_one()
    assert again.head == 1


async def test_a_compaction_that_fails_is_put_off(open_one: Open, tmp_path: Path) -> None:
    """Keeping more than asked for is no failure of the journal: it is logged, and the next attempt does it."""
    journal = open_one(at=NOW_US + 10**15)
    await _appended(journal, 1, 3)
    other = sqlite3.connect(tmp_path / "data" / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with structlog.testing.capture_logs() as logs:
        await journal.compact()
    assert [entry["event"] for entry in logs] == ["journal_compaction_failed"]
    assert (journal.oldest, journal.failure) == (1, None)
    other.execute("ROLLBACK")
    other.close()
    await journal.compact()
    assert journal.oldest == 4


async def test_a_writer_that_dies_leaves_nobody_waiting(open_one: Open, tmp_path: Path) -> None:
    """A mistake outside the commit ends the journal as a close does: waiters are told, the directory is free."""

    def broken_clock() -> int:
        raise ZeroDivisionError

    seen: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("threading.excepthook", lambda args: seen.append(args.exc_type))
        journal = open_journal(tmp_path / "broken", now_us=broken_clock)
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.compact()
        with pytest.raises(JournalUnavailable, match="closed"):
            journal.append([record(1)])
        await journal.close()
    assert seen == [ZeroDivisionError]
    open_one(tmp_path / "broken")


async def test_a_storage_that_hangs_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close returns after its time and says so; the thread lets go when the storage does."""
    hanging = Event()
    journal = open_journal(tmp_path / "data", JournalOptions(close_timeout=0.01))
    write = journal._writer._write

    def hang(*args: object, **kwargs: object) -> object:
        hanging.wait()
        return write(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(journal._writer, "_write", hang)
    journal.append([record(1)])
    waiting = asyncio.create_task(journal.committed(1))
    with structlog.testing.capture_logs() as logs:
        await journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        await waiting
    assert [entry["event"] for entry in logs] == ["journal_close_timed_out", "journal_closed_with_backlog"]
    hanging.set()
    journal._options = JournalOptions()
    await journal.close()
    assert journal.head == 1


async def test_a_loop_that_is_gone_does_not_keep_the_thread(tmp_path: Path) -> None:
    """A journal whose loop was closed under it still writes what it has and ends."""
    loop = asyncio.new_event_loop()
    journal = open_journal(tmp_path / "data", loop=loop)
    journal.append([record(1)])
    loop.close()
    with structlog.testing.capture_logs() as logs:
        journal._writer.stop()
        await asyncio.to_thread(journal._writer.join)
    assert {entry["event"] for entry in logs} == {"journal_loop_closed"}
    again = open_journal(tmp_path / "data")
    assert again.head == 1
    await again.close()


async def test_each_commit_is_told_with_its_size_and_its_time() -> None:
    """Once each, records of one group together; a commit that fails is not told before it works."""
    told: list[tuple[int, float]] = []
    journal = open_journal(None, observe=lambda number, seconds: told.append((number, seconds)))
    try:
        with _full(journal):
            journal.append(records(1, 2, payload=bytes(20_000)))
            with pytest.raises(JournalUnavailable):
                await journal.committed(2)
            assert told == []
            journal.append(records(3, 5))
        await journal.wait_beyond(4)
    finally:
        await journal.close()
    assert sum(number for number, _ in told) == 5
    assert len(told) == journal.stats().commits
    assert all(seconds > 0 for _, seconds in told)
