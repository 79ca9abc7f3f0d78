"""The default journal: SQLite in WAL mode, one writing thread, the newest records also in memory."""

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog

from gateway.domain.errors import CursorCompacted, JournalUnavailable
from gateway.journal import reads, writes
from gateway.journal.base import DEFAULT_MAX_BYTES, DEFAULT_MAX_RECORDS, CommitObserver, JournalStats
from gateway.journal.database import MEMORY, Database, open_database
from gateway.journal.directory import DirectoryLock, make_private_directory
from gateway.journal.interests import Interests
from gateway.journal.options import JournalOptions
from gateway.journal.record import Batch, Filter, Payloads, Record
from gateway.journal.rows import checked_bytes
from gateway.journal.tail import Tail
from gateway.journal.waiters import Waiters
from gateway.journal.writer import Append, Forget, Writer

__all__ = ["JOURNAL_NAME", "SqliteJournal", "open_journal"]

JOURNAL_NAME: Final = "journal.db"

_READERS: Final = 2

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)


class SqliteJournal:
    """A `Journal` in one SQLite database. Made by `open_journal`; used on the loop it was opened on."""

    def __init__(
        self,
        database: Database,
        state: writes.State,
        options: JournalOptions,
        *,
        lock: DirectoryLock | None,
        loop: asyncio.AbstractEventLoop,
        now_us: Callable[[], int],
        observe: CommitObserver,
    ) -> None:
        self._database = database
        self._options = options
        self._lock = lock
        self._loop = loop
        self._observe = observe
        self._state = state
        self._last = state.head
        self._failure: str | None = None
        self._backlog_records = 0
        self._backlog_bytes = 0
        self._commits = 0
        self._closed = False
        self._tail = Tail(state.head, max_records=options.tail_records, max_bytes=options.tail_bytes)
        self._commit_waiters = Waiters()
        self._head_waiters = Waiters()
        self._interests = Interests()
        self._capacity_waiters = Waiters()
        self._compaction_waiters = Waiters()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="journal-reader")
        self._writer = Writer(database, state, options, self, loop=loop, now_us=now_us, release=self._release)
        self._writer.start()

    @property
    def epoch(self) -> str:
        """See `Journal.epoch`."""
        return self._state.epoch

    @property
    def head(self) -> int:
        """See `Journal.head`."""
        return self._state.head

    @property
    def last_sequence(self) -> int:
        """See `Journal.last_sequence`."""
        return self._last

    @property
    def oldest(self) -> int:
        """See `Journal.oldest`."""
        return self._state.oldest

    @property
    def failure(self) -> str | None:
        """See `Journal.failure`."""
        return self._failure

    def append(self, records: Sequence[Record], on_commit: Callable[[], None] | None = None) -> None:
        """See `Journal.append`."""
        self._refuse_when_closed()
        taken = tuple(records)
        size = checked_bytes(taken, self._last + 1)
        self._last += len(taken)
        self._backlog_records += len(taken)
        self._backlog_bytes += size
        self._writer.append(Append(taken, size, on_commit))

    async def committed(self, sequence: int) -> None:
        """See `Journal.committed`."""
        if self.head >= sequence:
            return
        self._refuse_when_closed()
        if self._failure is not None:
            raise JournalUnavailable(self._failure)
        await self._commit_waiters.reach(sequence)

    async def capacity(self) -> None:
        """See `Journal.capacity`."""
        self._refuse_when_closed()
        while self._is_over_capacity:
            await self._capacity_waiters.reach(0)

    async def read(
        self,
        after: int,
        match: Filter | None = None,
        *,
        max_records: int = DEFAULT_MAX_RECORDS,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> Batch:
        """See `Journal.read`."""
        self._check_read(after, max_records)
        if match is not None and match.accepts_all:
            match = None
        if after >= self._tail.first - 1:
            return self._tail.read(after, match, max_records, max_bytes)
        return await self._in_reader(reads.read, after, self.head, match, max_records, max_bytes)

    async def read_payloads(
        self, after: int, *, max_records: int = DEFAULT_MAX_RECORDS, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> Payloads:
        """See `Journal.read_payloads`."""
        self._check_read(after, max_records)
        if after >= self._tail.first - 1:
            batch = self._tail.read(after, None, max_records, max_bytes)
            records = batch.records
            return Payloads(
                [record.payload for record in records], batch.position, records[0].time_us if records else 0
            )
        return await self._in_reader(reads.payloads, after, self.head, max_records, max_bytes)

    async def wait_beyond(self, sequence: int) -> None:
        """See `Journal.wait_beyond`."""
        self._refuse_when_closed()
        if self.head <= sequence:
            await self._head_waiters.reach(sequence + 1)

    async def wait_for(self, after: int, match: Filter | None, waiter: asyncio.Future[int]) -> int:
        """See `Journal.wait_for`."""
        self._refuse_when_closed()
        if self.head > after:
            return after
        return await self._interests.wait(None if match is None or match.accepts_all else match, waiter)

    async def sequence_before(self, time_us: int) -> int:
        """See `Journal.sequence_before`."""
        self._refuse_when_closed()
        return await self._in_reader(reads.sequence_before, time_us, self.head)

    def load_latest(self) -> Iterator[Record]:
        """See `Journal.load_latest`."""
        with self._database.reading() as connection:
            yield from reads.latest(connection)

    def forget(self, keys: Iterable[str]) -> None:
        """See `Journal.forget`."""
        self._refuse_when_closed()
        self._writer.forget(Forget(tuple(keys), self._last))

    def recent_event_ids(self, limit: int) -> list[str]:
        """See `Journal.recent_event_ids`."""
        with self._database.reading() as connection:
            return reads.recent_event_ids(connection, limit)

    async def compact(self) -> None:
        """Delete what is past retention now, rather than at the next interval; return when it is done.

        Raises:
            JournalUnavailable: The journal is or was closed.
        """
        self._refuse_when_closed()
        await self._compaction_waiters.reach(self._writer.compact())

    def stats(self) -> JournalStats:
        """See `Journal.stats`."""
        return JournalStats(
            epoch=self.epoch,
            oldest=self.oldest,
            head=self.head,
            last_sequence=self.last_sequence,
            oldest_time_us=self._state.oldest_time_us,
            newest_time_us=self._state.newest_time_us,
            payload_bytes=self._state.payload_bytes,
            disk_bytes=self._database.disk_bytes(),
            backlog_records=self._backlog_records,
            backlog_bytes=self._backlog_bytes,
            commits=self._commits,
            path=str(self._database.path or MEMORY),
            failure=self._failure,
            retention_seconds=self._options.retention_seconds,
            retention_bytes=self._options.retention_bytes,
        )

    async def close(self) -> None:
        """See `Journal.close`."""
        if not self._closed:
            self._closed = True
            self._writer.stop()
        done, _ = await asyncio.wait({self._ended}, timeout=self._options.close_timeout)
        if done:
            self._writer.join()
        else:
            # The thread is a daemon: a disk that hangs does not keep the process from ending.
            _log.error("journal_close_timed_out", seconds=self._options.close_timeout)
            self._fail_waiters()
        if self._backlog_records:
            _log.error("journal_closed_with_backlog", records=self._backlog_records, reason=self._failure)

    def on_committed(self, appends: list[Append], state: writes.State, seconds: float) -> None:
        """Move the head, tell those who appended, wake those who wait (called by the writer, on the loop)."""
        self._state = state
        self._failure = None
        self._commits += 1
        self._observe(sum(len(item.records) for item in appends), seconds)
        for item in appends:
            self._tail.extend(item.records)
            self._backlog_records -= len(item.records)
            self._backlog_bytes -= item.size
        for item in appends:
            if item.on_commit is not None:
                try:
                    item.on_commit()
                except Exception:  # noqa: BLE001 - it is the caller's
                    # The commit happened: one caller's mistake must not keep the others from hearing of it.
                    _log.exception("journal_on_commit_failed")
        self._commit_waiters.wake(state.head)
        self._head_waiters.wake(state.head)
        for item in appends:
            if item.records:
                self._interests.tell(item.records)
        if not self._is_over_capacity:
            self._capacity_waiters.wake(0)

    def on_failed(self, reason: str) -> None:
        """Tell those who wait for a commit that it may take long (called by the writer, on the loop)."""
        self._failure = reason
        self._commit_waiters.fail(JournalUnavailable(reason))

    def on_compacted(self, state: writes.State) -> None:
        """Move the oldest sequence (called by the writer, on the loop)."""
        self._state = state
        self._tail.compact(state.oldest)
        _log.debug("journal_compacted", oldest=state.oldest, head=state.head)

    def on_compaction_ended(self, request: int) -> None:
        """Tell those who asked for the compaction (called by the writer, on the loop)."""
        self._compaction_waiters.wake(request)

    def on_ended(self) -> None:
        """Let `close` return, and nobody wait on (called by the writer, on the loop)."""
        self._closed = True
        self._fail_waiters()
        self._ended.set_result(None)

    @property
    def _is_over_capacity(self) -> bool:
        return (
            self._backlog_records > self._options.backlog_records or self._backlog_bytes > self._options.backlog_bytes
        )

    def _check_read(self, after: int, max_records: int) -> None:
        self._refuse_when_closed()
        if not 0 <= after <= self.head:
            raise ValueError(f"position {after} is not in the journal, which ends at {self.head}")
        if max_records < 1:
            raise ValueError(f"max_records is {max_records}: use at least 1")
        if after < self.oldest - 1:
            raise CursorCompacted(after, self.oldest)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable("the journal is closed")

    def _fail_waiters(self) -> None:
        for waiters in (self._commit_waiters, self._head_waiters, self._capacity_waiters, self._compaction_waiters):
            waiters.fail(JournalUnavailable("the journal is closed"))
        self._interests.fail(JournalUnavailable("the journal is closed"))

    async def _in_reader(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await self._loop.run_in_executor(
                self._readers, functools.partial(self._query, query, *args, **kwargs)
            )
        except sqlite3.Error as error:
            raise JournalUnavailable(f"the journal can't be read: {error}") from error

    def _query(self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._database.reading() as connection:
            return query(connection, *args, **kwargs)

    def _release(self) -> None:
        """Let go of everything (called in the writer's thread at its end: it blocks)."""
        self._readers.shutdown()
        self._database.close_cleanly()
        if self._lock is not None:
            self._lock.release()


def _unobserved(_records: int, _seconds: float) -> None:
    return


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


def open_journal(
    data_dir: str | Path | None,
    options: JournalOptions | None = None,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    now_us: Callable[[], int] = _wall_clock_us,
    observe: CommitObserver = _unobserved,
) -> SqliteJournal:
    """Open the journal of a data directory, made as needed. Blocks while SQLite opens, recovers and checks it.

    Args:
        data_dir: The directory, locked until `close`; None keeps everything in memory and nothing beyond.
        options: None for the defaults.
        loop: Where callbacks run; the running loop by default.
        now_us: The clock that retention is measured by, microseconds since the Unix epoch.
        observe: Is told of each commit.

    Raises:
        OpenFailed: Another process has the directory, the journal is of a newer version or not a journal, or the disk
            refuses. A damaged journal is moved aside and a new one is begun with a new epoch.
    """
    options = options or JournalOptions()
    loop = loop or asyncio.get_running_loop()
    with contextlib.ExitStack() as undo:
        lock: DirectoryLock | None = None
        path: Path | None = None
        if data_dir is not None:
            directory = Path(data_dir).absolute()
            make_private_directory(directory)
            lock = DirectoryLock.acquire(directory)
            undo.callback(lock.release)
            path = directory / JOURNAL_NAME
        database, state = open_database(path, options.synchronous)
        undo.callback(database.close)
        journal = SqliteJournal(database, state, options, lock=lock, loop=loop, now_us=now_us, observe=observe)
        undo.pop_all()
        return journal
