"""What watches that want everything read: once for all that stand at the same place, as the response that all send."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.domain.errors import CallstreamError
from gateway.journal.base import DEFAULT_MAX_RECORDS, Journal
from gateway.journal.record import Batch
from gateway.service.encode import watch_events_response

__all__ = ["SharedBatches", "SharedResponse", "encode_batch"]

_STEP: Final = 1024
"""Watches that are further behind than this read up to the next multiple of it, so that they come to stand at the same
places, wherever they fell behind."""
_MOST_AHEAD: Final = 4
"""Steps that are read before somebody asks for them."""
_MAX_BYTES: Final = 16 << 20
"""Of all that is kept: what watches in step want now, and what those behind want next."""


def encode_batch(batch: Batch, cursor: str) -> bytes:
    """A response with a batch's events and the cursor after them."""
    return watch_events_response(cursor, [record.payload for record in batch.records])


class SharedResponse(msgspec.Struct, frozen=True):
    """One encoded response.

    Attributes:
        encoded: The response; empty if there are no events to tell.
        position: The position after it.
        oldest_us: When its first event was received, microseconds since the Unix epoch; 0 without events.
        whole: More events would not have fitted in, or belong to the next step.
    """

    encoded: bytes
    position: int
    oldest_us: int
    whole: bool


class SharedBatches:
    """The newest responses, by the position that they continue. Records never change, so neither do these."""

    def __init__(self, journal: Journal, cursor_at: Callable[[int], str], max_bytes: int = _MAX_BYTES) -> None:
        self._journal = journal
        self._cursor_at = cursor_at
        self._max_bytes = max_bytes
        self._responses: dict[int, SharedResponse] = {}
        self._bytes = 0
        self._reading: dict[int, asyncio.Event] = {}
        self._ahead: set[asyncio.Task[None]] = set()

    async def read(self, after: int) -> SharedResponse:
        """What comes after a position: up to the head, or as much as one message is to hold.

        Raises:
            CursorCompacted, JournalUnavailable: As `Journal.read`.
        """
        while True:
            known = self._responses.get(after)
            journal = self._journal
            if known is not None and after >= journal.oldest - 1 and (known.whole or known.position == journal.head):
                break
            under_way = self._reading.get(after)
            if under_way is None:
                known = await self._read(after, self._begin(after))
                break
            await under_way.wait()  # and look again: whoever read may have left, or failed
        if known.whole:
            self._read_ahead(known.position)
        return known

    def _read_ahead(self, after: int) -> None:
        """Reads while what comes before it is being sent."""
        if after not in self._responses and after not in self._reading and len(self._ahead) < _MOST_AHEAD:
            task = asyncio.create_task(self._read_quietly(after, self._begin(after)), name="watch reads ahead")
            self._ahead.add(task)
            task.add_done_callback(self._ahead.discard)

    async def _read_quietly(self, after: int, done: asyncio.Event) -> None:
        with contextlib.suppress(CallstreamError):  # whoever comes there will be told
            await self._read(after, done)

    def _begin(self, after: int) -> asyncio.Event:
        """From here on others wait, also before a task has run."""
        done = self._reading[after] = asyncio.Event()
        return done

    async def _read(self, after: int, done: asyncio.Event) -> SharedResponse:
        try:
            head = self._journal.head
            step = _STEP - after % _STEP if head - after > _STEP else DEFAULT_MAX_RECORDS
            batch = await self._journal.read_payloads(after, max_records=step)
        finally:
            del self._reading[after]
            done.set()
        if not batch.payloads:
            return SharedResponse(b"", batch.position, 0, whole=False)
        encoded = watch_events_response(self._cursor_at(batch.position), batch.payloads)
        response = SharedResponse(encoded, batch.position, batch.oldest_us, whole=batch.position < head)
        self._keep(after, response)
        return response

    def _keep(self, after: int, response: SharedResponse) -> None:
        former = self._responses.pop(after, None)
        self._responses[after] = response
        self._bytes += len(response.encoded) - (len(former.encoded) if former is not None else 0)
        while self._bytes > self._max_bytes and len(self._responses) > 1:
            oldest = next(iter(self._responses))
            self._bytes -= len(self._responses.pop(oldest).encoded)
