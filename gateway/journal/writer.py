"""The one thread that writes: commits in groups, tries again while the disk refuses, compacts in between."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
import structlog

from gateway.journal import writes
from gateway.journal.database import Database
from gateway.journal.options import JournalOptions
from gateway.journal.record import Record

__all__ = ["Append", "Forget", "Listener", "Writer"]

_COMPACT_EVENTS: Final = 512
_RETRY_FIRST_S: Final = 0.05
_RETRY_LONGEST_S: Final = 5.0

_log = structlog.get_logger(__name__)


class Append(msgspec.Struct, frozen=True):
    """Records to be committed together, `size` bytes of payload, and who wants to know."""

    records: tuple[Record, ...]
    size: int
    on_commit: Callable[[], None] | None


class Forget(msgspec.Struct, frozen=True):
    """Keys to be let go of, as far as sequence `up_to`."""

    keys: tuple[str, ...]
    up_to: int


class Listener(Protocol):
    """What the writer tells the loop; all of it is called on the loop's thread, in the order it happened."""

    def on_committed(self, appends: list[Append], state: writes.State, seconds: float) -> None:
        """These appends are durable; writing them took so long."""
        ...

    def on_failed(self, reason: str) -> None:
        """A commit failed and will be tried again; everything stays queued."""
        ...

    def on_compacted(self, state: writes.State) -> None:
        """`state.oldest` has moved."""
        ...

    def on_compaction_ended(self, request: int) -> None:
        """Nothing more is past retention, or the disk refuses now: the answer to `compact` up to `request`."""
        ...

    def on_ended(self) -> None:
        """The thread is done and has let go of the database."""
        ...


class Writer:
    """Owns the thread, the queue and the write connection.

    A commit takes all that was queued while the last one ran; there is no timer. Started by `start`, ended by `stop`.
    """

    def __init__(
        self,
        database: Database,
        state: writes.State,
        options: JournalOptions,
        listener: Listener,
        *,
        loop: asyncio.AbstractEventLoop,
        now_us: Callable[[], int],
        release: Callable[[], None],
    ) -> None:
        self._database = database
        self._state = state
        self._options = options
        self._listener = listener
        self._loop = loop
        self._now_us = now_us
        self._release = release
        self._coming: list[Append | Forget] = []  # of the loop's thread
        self._due = False
        self._queue: list[Append | Forget] = []
        self._wake = threading.Condition()
        self._work = False
        self._stopping = False
        self._compacting = False
        self._compact_requests = 0
        past = 0.0 if state.oldest <= state.head else options.compaction_interval
        self._next_compaction = time.monotonic() + past
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self) -> None:
        """Start the thread; the first thing it does is to look for what went past retention since the last process."""
        self._thread.start()

    def append(self, item: Append) -> None:
        """Queue for the next commit. What one turn of the loop appends wakes the thread once, and shares a commit."""
        if not self._due:
            self._due = True
            self._loop.call_soon(self._hand_over)
        self._coming.append(item)

    def forget(self, item: Forget) -> None:
        """Queue for the next commit, without causing one."""
        self._coming.append(item)

    def _hand_over(self) -> None:
        """Let the thread have what was queued on the loop."""
        coming, self._coming = self._coming, []
        due, self._due = self._due, False
        with self._wake:
            self._queue += coming
            if due:
                self._work = True
                self._wake.notify()

    def compact(self) -> int:
        """Look for what is past retention now; `on_compaction_ended` answers with this number, or a later one."""
        with self._wake:
            self._compact_requests += 1
            self._next_compaction = time.monotonic()
            self._wake.notify()
            return self._compact_requests

    def stop(self) -> None:
        """Commit what is queued, trying once if the disk refuses, and end; `on_ended` tells when."""
        self._hand_over()
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def join(self) -> None:
        """Wait for the thread, which has said `on_ended`."""
        self._thread.join()

    def _run(self) -> None:
        try:
            stopping = False
            while not stopping:
                stopping, items = self._next()
                if items:
                    self._commit(items)
                if not stopping:
                    self._compact_if_due()
        finally:
            try:
                self._release()
            finally:
                self._tell(self._listener.on_ended)

    def _next(self) -> tuple[bool, list[Append | Forget]]:
        """Wait until there is something to do; say whether it is the last time."""
        with self._wake:
            while not (self._work or self._stopping or self._compacting):
                idle = self._next_compaction - time.monotonic()
                if idle <= 0:
                    break
                self._wake.wait(idle)
            return self._stopping, self._take()

    def _take(self) -> list[Append | Forget]:
        items, self._queue = self._queue, []
        self._work = False
        return items

    def _commit(self, items: list[Append | Forget]) -> None:
        """Make the items durable, however long the disk refuses; give up only when stopped."""
        delay = _RETRY_FIRST_S
        failed = False
        while True:
            with self._wake:
                last_try = self._stopping
            began = time.perf_counter()
            try:
                self._state = self._write(items, again=failed)
            except Exception as error:  # noqa: BLE001 - whatever it is: a dead writer would leave everyone waiting
                reason = _reason(error)
                if not failed:
                    _log.error("journal_failing", reason=reason, path=str(self._database.path))
                failed = True
                self._tell(self._listener.on_failed, reason)
                if last_try:
                    return
                with self._wake:
                    self._wake.wait_for(lambda: self._stopping, delay)
                    items += self._take()
                delay = min(2 * delay, _RETRY_LONGEST_S)
                continue
            if failed:
                _log.info("journal_works_again", head=self._state.head)
            appends = [item for item in items if isinstance(item, Append)]
            self._tell(self._listener.on_committed, appends, self._state, time.perf_counter() - began)
            return

    def _write(self, items: list[Append | Forget], *, again: bool) -> writes.State:
        with self._database.writing() as connection:
            # What failed may have happened all the same: look again at what is there.
            state = writes.load_state(connection) if again else self._state
            for item in items:
                if isinstance(item, Forget):
                    writes.forget(connection, item.keys, item.up_to)
            records = [record for item in items if isinstance(item, Append) for record in item.records]
            return writes.append(connection, state, records)

    def _compact_if_due(self) -> None:
        """Delete one chunk; the next follows after the commits that wait by then."""
        options = self._options
        with self._wake:
            due = time.monotonic() >= self._next_compaction
        # A little over, or else every commit at the bound would bring a compaction of its own.
        over = self._state.payload_bytes > options.retention_bytes + options.retention_bytes // 16
        if not (due or over or self._compacting):
            return
        with self._wake:
            self._next_compaction = time.monotonic() + options.compaction_interval
            request = self._compact_requests
        before_us = self._now_us() - int(options.retention_seconds * 1_000_000)
        try:
            with self._database.writing() as connection:
                state = writes.compact(
                    connection,
                    self._state,
                    before_us=before_us,
                    retention_bytes=options.retention_bytes,
                    max_events=_COMPACT_EVENTS,
                )
        except sqlite3.Error as error:
            # Nothing is lost by keeping more than asked for; commits report the disk's state.
            _log.warning("journal_compaction_failed", reason=_reason(error))
            state = self._state
        self._compacting = state is not self._state
        self._state = state
        if self._compacting:
            self._tell(self._listener.on_compacted, state)
        else:
            self._tell(self._listener.on_compaction_ended, request)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            # The loop is gone: nobody is left to tell.
            _log.warning("journal_loop_closed")


def _reason(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{error} ({name})"
