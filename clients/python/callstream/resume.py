"""How a watch goes on: what to open next, what to hand over, how long to pause. Decides only; it moves no bytes.

The two clients, synchronous and asyncio, are thin shells around `Resumption`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from callstream.v1.call_pb2 import Call
from callstream.v1.event_pb2 import Event
from callstream.v1.stream_pb2 import Stream
from callstream.v1.stream_service_pb2 import WatchEventsRequest, WatchEventsResponse

__all__ = ["Bookmark", "Events", "Resumption", "Snapshot", "WatchItem", "WatchOptions"]

_USUAL_INTERVAL = 15.0
"""Seconds between bookmarks if the request names none (WatchEventsRequest.bookmark_interval)."""


@dataclass(frozen=True, slots=True)
class Events:
    """Matching events, in order. `cursor` is the place after the last of them."""

    cursor: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A part of what there is now: streams and calls that have not ended.

    Attributes:
        cursor: The place that the snapshot shows. Go on there only once the last part was seen.
        streams: Streams of this part.
        calls: Calls of this part.
        last: True on the last part.
        reset: True if the snapshot replaces all that was handed over before: history was lost (the cursor was compacted
            away, or the journal is another one), or parts of a broken snapshot went before. Forget what you know.
    """

    cursor: str
    streams: tuple[Stream, ...]
    calls: tuple[Call, ...]
    last: bool
    reset: bool


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing matched up to `cursor`."""

    cursor: str


WatchItem = Events | Snapshot | Bookmark


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How a watch is taken up again.

    Attributes:
        backoff_initial: Seconds that the first pause lasts at most; each further one at most twice the one before.
        backoff_max: Seconds that any pause lasts at most, unless the gateway asks for a longer one.
        dead_after_intervals: So many bookmark intervals without any message mean that the connection is dead.
    """

    backoff_initial: float = 0.1
    backoff_max: float = 10.0
    dead_after_intervals: float = 3.0


class Resumption:
    """The state of a watch across all the streams it is made of.

    Args:
        request: What the user asked for.
        options: How to take it up again.
        chance: Draws from 0 to 1, for the jitter of pauses.
    """

    def __init__(
        self, request: WatchEventsRequest, options: WatchOptions, chance: Callable[[], float] = random.random
    ) -> None:
        self._request = WatchEventsRequest()
        self._request.CopyFrom(request)
        self._options = options
        self._chance = chance
        self._cursor = ""
        self._interval = request.bookmark_interval.ToMicroseconds() / 1e6 or _USUAL_INTERVAL
        self._snapshot_due = request.include_snapshot
        self._parts_shown = False
        self._reset = False
        self._failures = 0
        self._wanted_pause = 0.0

    @property
    def cursor(self) -> str:
        """Where a later watch can go on (`after_cursor`); empty before the first place that counts."""
        return self._cursor

    @property
    def silence(self) -> float:
        """Seconds without a message after which the connection is dead."""
        return self._options.dead_after_intervals * self._interval

    def next_request(self) -> WatchEventsRequest:
        """What to open now: the user's request, from the last cursor on if there is one."""
        request = WatchEventsRequest()
        request.CopyFrom(self._request)
        if self._cursor:
            request.include_snapshot = False
            request.after_cursor = self._cursor
        return request

    def received(self, response: WatchEventsResponse) -> WatchItem | None:
        """Takes a message in; returns what the user is to see of it."""
        kind = response.WhichOneof("kind")
        if kind == "opened":
            self._interval = response.opened.bookmark_interval.ToMicroseconds() / 1e6 or self._interval
            if not self._snapshot_due:
                self._cursor = response.cursor  # "now" is now, also if nothing happens before the connection breaks
            return None
        self._failures = 0  # `opened` does not count: a gateway that ends every watch at once is not to be stormed
        if kind == "snapshot":
            return self._snapshot(response)
        if kind == "closing":
            self._wanted_pause = response.closing.retry_after.ToMicroseconds() / 1e6
            return None
        if kind not in {"events", "bookmark"}:
            return None  # of a later version of the contract
        self._snapshot_due = False
        self._cursor = response.cursor
        if kind == "bookmark":
            return Bookmark(response.cursor)
        return Events(response.cursor, tuple(response.events.events))

    def failed(self, code: grpc.StatusCode, retry_after: float | None = None) -> float | None:
        """Decides on a stream that ended with an error; a dead connection is UNAVAILABLE.

        Args:
            code: The status. CANCELLED is the other side's: servers end requests with it that reach them in the last
                moment of their shutdown.
            retry_after: What the error's RetryInfo names.

        Returns:
            Seconds to pause before opening `next_request()`; None if the error is the user's to handle.
        """
        if code is grpc.StatusCode.OUT_OF_RANGE:
            # CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD: what the user knows can't be carried on from.
            first = self._failures == 0
            self._begin_again()
            pause = self._pause()
            return 0.0 if first else pause
        if code not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
            return None
        self._reset |= self._parts_shown  # what of a broken snapshot was shown may have ended before the next one
        self._parts_shown = False
        pause = max(self._pause(), self._wanted_pause, retry_after or 0.0)
        self._wanted_pause = 0.0
        return pause

    def _begin_again(self) -> None:
        self._request.ClearField("after_cursor")
        self._request.ClearField("start_time")
        self._request.ClearField("from_oldest")
        self._request.include_snapshot = True
        self._cursor = ""
        self._snapshot_due = True
        self._parts_shown = False
        self._reset = True

    def _snapshot(self, response: WatchEventsResponse) -> Snapshot:
        part = response.snapshot
        item = Snapshot(response.cursor, tuple(part.streams), tuple(part.calls), part.last, self._reset)
        self._parts_shown = not part.last
        if part.last:
            self._snapshot_due = self._reset = False
            self._cursor = response.cursor
        return item

    def _pause(self) -> float:
        longest = min(self._options.backoff_max, self._options.backoff_initial * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return longest * self._chance()
