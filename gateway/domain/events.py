"""Events: what the journal keeps and watches deliver."""

import enum
from typing import Final

import msgspec

from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.streams import Stream, StreamState

__all__ = ["SESSION_EVENTS", "Draft", "Event", "EventType", "SessionChange", "Subject", "key_of"]


class EventType(enum.IntEnum):
    """What happened; the numbers are the contract's."""

    STREAM_STARTING = 1
    STREAM_STREAMING = 2
    STREAM_STOPPING = 3
    STREAM_FINISHED = 4
    STREAM_FAILED = 5
    STREAM_UNKNOWN = 6
    STREAM_UPDATED = 7
    CALL_RECEIVED = 20
    CALL_CREATED = 21
    CALL_RINGING = 22
    CALL_ANSWERED = 23
    CALL_ENDING = 24
    CALL_ENDED = 25
    CALL_UNKNOWN = 26
    CALL_UPDATED = 27
    DIAL_DIALING = 40
    DIAL_ANSWERED = 41
    DIAL_FAILED = 42
    SESSION_UP = 60
    SESSION_DOWN = 61
    SESSION_RESUMED = 62
    SESSION_GAP = 63
    RELAY_OTHER = 90

    @classmethod
    def of_stream(cls, before: StreamState | None, after: StreamState) -> "EventType":
        """The type that says how a stream moved (`before` is None for a new one)."""
        return cls.STREAM_UPDATED if before is after else _OF_STREAM[after]

    @classmethod
    def of_call(cls, before: CallState | None, after: CallState) -> "EventType":
        """The type that says how a call moved (`before` is None for a new one)."""
        return cls.CALL_UPDATED if before is after else cls[f"CALL_{after.name}"]

    @classmethod
    def of_dial(cls, state: DialState) -> "EventType":
        """The type that says where a dial is."""
        return cls[f"DIAL_{state.name}"]


_OF_STREAM: Final = {state: EventType[f"STREAM_{state.name}"] for state in StreamState}


SESSION_EVENTS: Final = frozenset(
    {EventType.SESSION_UP, EventType.SESSION_DOWN, EventType.SESSION_RESUMED, EventType.SESSION_GAP}
)
"""Events that concern every call, and so pass the filters of calls and streams."""


class SessionChange(msgspec.Struct, frozen=True):
    """What an event of the RELAY session tells. `missing_since` (microseconds, 0 for none) bounds a gap."""

    reason: str
    missing_since: int = 0


Subject = Stream | Call | Dial | SessionChange


class Draft(msgspec.Struct, frozen=True):
    """An event that was decided and has no place in the journal yet."""

    type: EventType
    subject: Subject | None
    call_id: str = ""
    control_id: str = ""

    @classmethod
    def of(cls, kind: EventType, subject: Subject) -> "Draft":
        """A draft whose ids are those of its subject."""
        if isinstance(subject, Stream):
            return cls(kind, subject, subject.call_id, subject.control_id)
        return cls(kind, subject, subject.call_id if isinstance(subject, Call | Dial) else "")


class Event(msgspec.Struct, frozen=True):
    """One durable record. Times are microseconds since the Unix epoch; `relay_time` is 0 if RELAY gave none."""

    sequence: int
    event_id: str
    type: EventType
    receive_time: int
    call_id: str = ""
    control_id: str = ""
    subject: Subject | None = None
    relay_event_type: str = ""
    relay_time: int = 0
    relay_params: bytes = b""


# In no id: ids come from JSON text that people can read.
_STREAM_KEY: Final = "stream\x1f%s\x1f%s"
_CALL_KEY: Final = "call\x1f%s"
_DIAL_KEY: Final = "dial\x1f%s"


def key_of(subject: Subject | None) -> str:
    """The key under which the journal keeps the newest event about a subject, "" if nothing is to be kept."""
    if isinstance(subject, Stream):
        return _STREAM_KEY % (subject.call_id, subject.control_id)
    if isinstance(subject, Call):
        return _CALL_KEY % subject.call_id
    if isinstance(subject, Dial):
        return _DIAL_KEY % subject.tag
    return ""
