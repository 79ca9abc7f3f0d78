"""The promise: what the engine and the watches may expect of a journal, whatever keeps it.

All methods are called on the event loop's thread. None of them blocks on storage, except `load_latest` and
`recent_event_ids`, which are for the start.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.journal.record import Batch, Filter, Payloads, Record

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_MAX_RECORDS", "CommitObserver", "Journal", "JournalStats"]

DEFAULT_MAX_RECORDS = 1024
DEFAULT_MAX_BYTES = 512 << 10

CommitObserver = Callable[[int, float], None]
"""Is told, on the loop, of each commit: how many records it made durable, and how many seconds storage took for it."""


@dataclass(frozen=True, slots=True)
class JournalStats:
    """The journal's state at one moment, for metrics and GetGatewayInfo.

    Attributes:
        epoch: The journal's identity, 16 hex digits.
        oldest: First sequence that can be read; head + 1 when empty.
        head: Last durable sequence.
        last_sequence: Last sequence appended, durable or not.
        oldest_time_us: Receive time of the oldest record, microseconds since the Unix epoch; None when empty.
        newest_time_us: Receive time of the last durable record, even if compacted; None when there never was one.
        payload_bytes: Payload of all records that can be read; what `retention_bytes` bounds.
        disk_bytes: Size of the journal's files; 0 in memory.
        backlog_records: Records appended and not durable yet.
        backlog_bytes: Their payload.
        commits: Transactions committed since the start.
        path: The journal's file, or ":memory:".
        failure: Why it can't commit now, or None.
        retention_seconds: Records older than this are compacted.
        retention_bytes: When the payload exceeds this, the oldest records are compacted.
    """

    epoch: str
    oldest: int
    head: int
    last_sequence: int
    oldest_time_us: int | None
    newest_time_us: int | None
    payload_bytes: int
    disk_bytes: int
    backlog_records: int
    backlog_bytes: int
    commits: int
    path: str
    failure: str | None
    retention_seconds: float
    retention_bytes: int


class Journal(Protocol):
    """An append-only, durable, ordered log of events with explicit compaction."""

    @property
    def epoch(self) -> str:
        """Random, made with the journal, 16 hex digits. Cursors of another epoch mean nothing here."""
        ...

    @property
    def head(self) -> int:
        """The last durable sequence; 0 when there never was one."""
        ...

    @property
    def last_sequence(self) -> int:
        """The last sequence appended, durable or not; the next record takes the one after it."""
        ...

    @property
    def oldest(self) -> int:
        """The first sequence that can be read; head + 1 when there is none."""
        ...

    @property
    def failure(self) -> str | None:
        """Why the journal can't commit now (disk full, read-only …), None when it can."""
        ...

    def append(self, records: Sequence[Record], on_commit: Callable[[], None] | None = None) -> None:
        """Take records to be committed together; returns at once.

        Appends are committed in their order. Callers keep the backlog bounded by awaiting `capacity` first.

        Args:
            records: Continue `last_sequence` without a hole. May be empty: `on_commit` then runs when all that was
                appended before is durable.
            on_commit: Runs on the loop after the commit, in the order of the appends.

        Raises:
            ValueError: The sequences don't continue, or a record holds what can't be stored. Nothing was taken.
            JournalUnavailable: The journal is closed.
        """
        ...

    async def committed(self, sequence: int) -> None:
        """Return once `head >= sequence`.

        Raises:
            JournalUnavailable: The journal can't commit now, or was closed first. The records stay queued and may still
                become durable.
        """
        ...

    async def capacity(self) -> None:
        """Return once the backlog is within its bounds: await this before taking more from RELAY.

        Raises:
            JournalUnavailable: The journal is closed.
        """
        ...

    async def read(
        self,
        after: int,
        match: Filter | None = None,
        *,
        max_records: int = DEFAULT_MAX_RECORDS,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> Batch:
        """Read durable records with a sequence above `after`, in order.

        One call looks at a bounded number of records: `position` moves on even when nothing matches.

        Args:
            after: The position of the last read; 0 for everything there ever was.
            match: Which records; None for all.
            max_records: At most this many records, at least 1.
            max_bytes: No more payload than this, but always at least one record.

        Raises:
            CursorCompacted: Records after `after` are gone.
            ValueError: `after` is beyond the head or negative: no such position was handed out in this epoch.
            JournalUnavailable: The journal is closed or can't be read now.
        """
        ...

    async def read_payloads(
        self, after: int, *, max_records: int = DEFAULT_MAX_RECORDS, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> Payloads:
        """Read on without a filter, as `read` does, and get the payloads only, at a fraction of the price.

        Raises:
            CursorCompacted, ValueError, JournalUnavailable: As `read`.
        """
        ...

    async def wait_beyond(self, sequence: int) -> None:
        """Return once `head > sequence`.

        Raises:
            JournalUnavailable: The journal was closed.
        """
        ...

    async def wait_for(self, after: int, match: Filter | None, waiter: "asyncio.Future[int]") -> int:
        """Return once something beyond `after` may match: the position to read on from.

        Everything up to it has been looked at: at least `after`, and more if what came meanwhile does not match. So
        nobody wakes for what is not theirs, however many wait.

        Args:
            after: The position of the last read.
            match: Which records; None for all.
            waiter: A new future. Whoever does not want to wait any longer gives it the present head as its result.

        Raises:
            JournalUnavailable: The journal was closed.
        """
        ...

    async def sequence_before(self, time_us: int) -> int:
        """Return the last sequence received before `time_us`, or `oldest - 1` if none is: read on from there.

        Raises:
            JournalUnavailable: The journal is closed or can't be read now.
        """
        ...

    def load_latest(self) -> Iterator[Record]:
        """Yield the newest durable record of each key, compacted or not, by rising sequence; forgotten keys left out.

        Blocks: for the start only. Consume it at once.
        """
        ...

    def forget(self, keys: Iterable[str]) -> None:
        """Let go of what was appended so far for these keys: `load_latest` no longer yields it.

        The records themselves stay readable until compaction. Written along with the next commit; lost in a crash
        before that: then the keys come back and are to be forgotten again. A later record makes a key known again.
        """
        ...

    def recent_event_ids(self, limit: int) -> list[str]:
        """Return the newest `limit` event ids that can be read, oldest first, to drop duplicates after a restart.

        Blocks: for the start only.
        """
        ...

    def stats(self) -> JournalStats:
        """Return the present state."""
        ...

    async def close(self) -> None:
        """Write what is queued, once, and let go of the data directory; bounded in time. May be called again."""
        ...
