"""Responses of watches that want everything and stand at the same place: joined once, sent by all of them."""

from collections.abc import Callable
from typing import Final

from gateway.journal.record import Batch
from gateway.service.encode import frame_event, watch_events_response

__all__ = ["SharedBatches", "encode_batch"]

_MAX_BYTES: Final = 8 << 20
"""Of all that is kept; watches that are in step want the newest few."""


def encode_batch(batch: Batch, cursor: str) -> bytes:
    """A response with a batch's events and the cursor after them."""
    return watch_events_response(cursor, [frame_event(record.payload) for record in batch.records])


class SharedBatches:
    """The newest responses, by where they begin and end. Records never change, so neither do these."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._responses: dict[tuple[int, int], bytes] = {}
        self._bytes = 0
        self._max_bytes = max_bytes

    def response(self, after: int, batch: Batch, cursor: Callable[[], str]) -> bytes:
        """The response for an unfiltered batch that was read after a position."""
        key = (after, batch.position)
        response = self._responses.get(key)
        if response is None:
            response = encode_batch(batch, cursor())
            self._responses[key] = response
            self._bytes += len(response)
            while self._bytes > self._max_bytes:
                oldest = next(iter(self._responses))
                self._bytes -= len(self._responses.pop(oldest))
        return response
