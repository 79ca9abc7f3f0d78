"""What clients ask for, as checked values; the counterpart of the engine's orders."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.calls import Call, CallState, Direction
from gateway.domain.streams import Stream, StreamState
from gateway.journal.record import Filter
from gateway.service.cursor import Cursor
from gateway.service.paging import PageRequest

__all__ = [
    "AfterCursor",
    "CallsQuery",
    "ContextsUpdate",
    "FromNow",
    "FromOldest",
    "FromTime",
    "HistoryQuery",
    "Start",
    "StopCallStreams",
    "StreamsQuery",
    "Until",
    "WatchQuery",
]


@dataclass(frozen=True, slots=True)
class AfterCursor:
    """Begin after a cursor. Whether it is of this journal, and still there, is not known yet."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class FromTime:
    """Begin with the first event taken in at this time or later; microseconds since the epoch."""

    us: int


@dataclass(frozen=True, slots=True)
class FromOldest:
    """Begin with the oldest event that is left."""


@dataclass(frozen=True, slots=True)
class FromNow:
    """Begin after the newest event."""


Start = AfterCursor | FromTime | FromOldest | FromNow
"""Where events begin."""


class Until(enum.Enum):
    """When a watch is complete. The filter names the stream or the call exactly."""

    FOREVER = enum.auto()
    STREAM_ENDED = enum.auto()
    CALL_ENDED = enum.auto()


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """A watch. Times are in seconds; `max_age` is None for a watch that may grow as old as it likes."""

    filter: Filter
    start: Start
    include_snapshot: bool
    bookmark_interval: float
    until: Until
    max_age: float | None


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """A page of events; `wait` is how many seconds to wait for a first one."""

    filter: Filter
    start: Start
    page_size: int
    wait: float


@dataclass(frozen=True, slots=True)
class StreamsQuery:
    """Which streams to list; empty conditions accept everything, those given must all hold."""

    page: PageRequest
    call_id: str = ""
    states: frozenset[StreamState] = frozenset()
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, stream: Stream) -> bool:
        """Whether a stream is wanted."""
        return (
            self.call_id in {"", stream.call_id}
            and (not self.states or stream.state in self.states)
            and self.name in {"", stream.name}
            and all(stream.labels.get(name) == value for name, value in self.labels.items())
        )


@dataclass(frozen=True, slots=True)
class CallsQuery:
    """Which calls to list; empty conditions accept everything, those given must all hold."""

    page: PageRequest
    states: frozenset[CallState] = frozenset()
    direction: Direction = Direction.UNSPECIFIED
    context: str = ""
    tag: str = ""

    def matches(self, call: Call) -> bool:
        """Whether a call is wanted."""
        return (
            (not self.states or call.state in self.states)
            and self.direction in {Direction.UNSPECIFIED, call.direction}
            and self.context in {"", call.context}
            and self.tag in {"", call.tag}
        )


@dataclass(frozen=True, slots=True)
class StopCallStreams:
    """Stop every active stream of a call."""

    call_id: str
    until_ended: bool = False


@dataclass(frozen=True, slots=True)
class ContextsUpdate:
    """RELAY contexts to receive calls on from now, and to receive no more on. No name is in both, none twice."""

    add: Sequence[str] = ()
    remove: Sequence[str] = ()
