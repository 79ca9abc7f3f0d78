"""The newest durable records in memory, for readers that are in step. No I/O."""

from collections import deque
from collections.abc import Iterable

from gateway.journal.record import Batch, Filter, Record

__all__ = ["Tail"]

_SCAN_RECORDS = 4096
"""One read looks at so many records at most: it runs on the loop, and others want their turn."""


class Tail:
    """A window over the end of the journal, bounded in records and bytes.

    Sequences have no holes, so a position is found by subtraction.
    """

    def __init__(self, head: int, *, max_records: int, max_bytes: int) -> None:
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._next = head + 1

    @property
    def first(self) -> int:
        """The first sequence in the window; head + 1 when it is empty."""
        return self._next - len(self._records)

    def extend(self, records: Iterable[Record]) -> None:
        """Take records that were committed; the oldest fall out."""
        for record in records:
            self._records.append(record)
            self._bytes += len(record.payload)
            self._next += 1
        while len(self._records) > self._max_records or self._bytes > self._max_bytes:
            self._drop_first()

    def compact(self, oldest: int) -> None:
        """Drop what is older than sequence `oldest`: readers must not see what a restart would not show them."""
        while self._records and self.first < oldest:
            self._drop_first()

    def read(self, after: int, match: Filter | None, max_records: int, max_bytes: int) -> Batch:
        """Read on from `after`, which is at least `first - 1` and at most the head."""
        start = after + 1 - self.first
        stop = min(len(self._records), start + _SCAN_RECORDS)
        found: list[Record] = []
        size = 0
        for index in range(start, stop):
            record = self._records[index]
            if match is not None and not match.matches(record):
                continue
            size += len(record.payload)
            if found and size > max_bytes:
                return Batch(tuple(found), record.sequence - 1)
            found.append(record)
            if len(found) == max_records:
                return Batch(tuple(found), record.sequence)
        return Batch(tuple(found), self.first + stop - 1)

    def _drop_first(self) -> None:
        self._bytes -= len(self._records.popleft().payload)
