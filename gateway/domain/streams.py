"""A stream's life as a table.

RELAY itself reports two states only, `streaming` and `finished`. Around them the gateway knows what was asked and what
was answered::

    STARTING   ──streaming──▶ STREAMING    ──answer lost──▶ UNKNOWN        ──stop, start timeout──▶ STOPPING
    UNKNOWN    ──streaming──▶ STREAMING    ──accepted─────▶ STARTING       ──stop, start timeout──▶ STOPPING
    STREAMING  ──finished───▶ FINISHED                                     ──stop─────────────────▶ STOPPING
    STOPPING   ──finished───▶ FINISHED or FAILED, as its reason says       ──stop refused─────────▶ back
    STARTING and UNKNOWN   ──refused, never sent, finished without having streamed──▶ FAILED
    all four   ──call ended─▶ FINISHED (STOPPING: as its reason says)      ──session lost─────────▶ FAILED

The table `NEXT` holds the next state for every active state and input: a pair that is missing is a defect, and a test
looks for it. `None` says that the stream ends; its end reason then says whether as FINISHED or as FAILED. Neither is
ever left. What is not a state (times, reasons) is filled in by `advance`.
"""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

__all__ = [
    "ACTIVE",
    "NEXT",
    "Advance",
    "EndReason",
    "ErrorOrigin",
    "Stream",
    "StreamError",
    "StreamInput",
    "StreamKey",
    "StreamState",
    "Track",
    "adopted",
    "advance",
]

StreamKey = tuple[str, str]
"""What identifies a stream: call id and control id."""


class Track(enum.IntEnum):
    """A direction of audio; the numbers are the contract's."""

    UNSPECIFIED = 0
    INBOUND = 1
    OUTBOUND = 2
    BOTH = 3


class StreamState(enum.IntEnum):
    """Where a stream is in its life; the numbers are the contract's."""

    STARTING = 1
    STREAMING = 2
    STOPPING = 3
    FINISHED = 4
    FAILED = 5
    UNKNOWN = 6


class EndReason(enum.IntEnum):
    """Why a stream ended, or is being stopped; the numbers are the contract's."""

    UNSPECIFIED = 0
    STOP_REQUESTED = 1
    CALL_ENDED = 2
    REMOTE = 3
    NEVER_STREAMED = 4
    START_TIMEOUT = 5
    MAX_DURATION = 6
    REJECTED = 7
    SESSION_LOST = 8


class ErrorOrigin(enum.IntEnum):
    """Where an error arose; the numbers are the contract's."""

    UNSPECIFIED = 0
    RELAY = 1
    GATEWAY = 2
    CLIENT = 3


class StreamError(msgspec.Struct, frozen=True):
    """What went wrong with a stream: a word of the error table, and RELAY's code if it gave one."""

    reason: str
    message: str
    origin: ErrorOrigin
    retryable: bool
    relay_code: str = ""


class Stream(msgspec.Struct, frozen=True):
    """A stream as it is after some event. Times are microseconds since the Unix epoch, 0 while unset."""

    call_id: str
    control_id: str
    state: StreamState
    create_time: int
    update_time: int
    node_id: str = ""
    segment_id: str = ""
    url: str = ""
    name: str = ""
    codec: str = ""
    track: Track = Track.UNSPECIFIED
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    tag: str = ""
    end_reason: EndReason = EndReason.UNSPECIFIED
    end_reason_inferred: bool = False
    error: StreamError | None = None
    start_time: int = 0
    end_time: int = 0
    max_duration: int = 0  # microseconds, 0 for no limit
    accepted: bool = False
    request_digest: str = ""

    @property
    def key(self) -> StreamKey:
        """What identifies it."""
        return (self.call_id, self.control_id)

    def carries(self, labels: Mapping[str, str]) -> bool:
        """Whether it has all of these labels, with these values."""
        return all(self.labels.get(name) == value for name, value in labels.items())

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE

    @property
    def given_up(self) -> bool:
        """Whether its end was concluded while its call may go on: RELAY may still have it."""
        return not self.active and self.end_reason_inferred and self.end_reason is not EndReason.CALL_ENDED

    @property
    def taken(self) -> bool:
        """Whether RELAY refused it because a stream runs under its control id, of which nothing else is known."""
        return self.end_reason is EndReason.REJECTED and self.error is not None and self.error.relay_code == "409"


ACTIVE: Final = frozenset({StreamState.STARTING, StreamState.STREAMING, StreamState.STOPPING, StreamState.UNKNOWN})


class StreamInput(enum.Enum):
    """Everything that can happen to a stream."""

    ACCEPTED = enum.auto()
    """RELAY answered the start with 2xx; or a repeated start with 409, which says that it runs."""
    REJECTED = enum.auto()
    """RELAY refused the start."""
    NOT_SENT = enum.auto()
    """The start never left: no session, or its caller went away."""
    ANSWER_LOST = enum.auto()
    """The start was sent, and no answer will come."""
    STREAMING = enum.auto()
    """RELAY reports `streaming`."""
    FINISHED = enum.auto()
    """RELAY reports `finished`."""
    OTHER = enum.auto()
    """RELAY reports a state that nobody has heard of."""
    STOP = enum.auto()
    """A stop goes to RELAY; `reason` says for what."""
    STOP_MISSED = enum.auto()
    """RELAY answered the stop with 404: it has no such stream (any more)."""
    STOP_REFUSED = enum.auto()
    """RELAY refused the stop otherwise: the stream goes on."""
    STOP_TIMEOUT = enum.auto()
    """RELAY took the stop and never reported `finished`."""
    START_TIMEOUT = enum.auto()
    """RELAY did not report `streaming` in time."""
    CALL_ENDED = enum.auto()
    """The call is over, so the stream is."""
    SESSION_LOST = enum.auto()
    """The session that would report on it could not be restored."""


_STARTING, _STREAMING, _STOPPING = StreamState.STARTING, StreamState.STREAMING, StreamState.STOPPING
_UNKNOWN = StreamState.UNKNOWN
_IN = StreamInput

NEXT: Final[Mapping[StreamState, Mapping[StreamInput, StreamState | None]]] = {
    _STARTING: {
        _IN.ACCEPTED: _STARTING,
        _IN.REJECTED: None,
        _IN.NOT_SENT: None,
        _IN.ANSWER_LOST: _UNKNOWN,
        _IN.STREAMING: _STREAMING,
        _IN.FINISHED: None,  # accepted, and never streamed: the endpoint could not be reached
        _IN.OTHER: _STARTING,
        _IN.STOP: _STOPPING,
        _IN.STOP_MISSED: _STARTING,
        _IN.STOP_REFUSED: _STARTING,
        _IN.STOP_TIMEOUT: _STARTING,
        _IN.START_TIMEOUT: _STOPPING,
        _IN.CALL_ENDED: None,
        _IN.SESSION_LOST: None,
    },
    _UNKNOWN: {
        _IN.ACCEPTED: _STARTING,
        _IN.REJECTED: None,
        _IN.NOT_SENT: _UNKNOWN,  # asking again did not work; the first one may have
        _IN.ANSWER_LOST: _UNKNOWN,
        _IN.STREAMING: _STREAMING,
        _IN.FINISHED: None,
        _IN.OTHER: _STARTING,
        _IN.STOP: _STOPPING,
        _IN.STOP_MISSED: _UNKNOWN,
        _IN.STOP_REFUSED: _UNKNOWN,
        _IN.STOP_TIMEOUT: _UNKNOWN,
        _IN.START_TIMEOUT: _STOPPING,
        _IN.CALL_ENDED: None,
        _IN.SESSION_LOST: None,
    },
    _STREAMING: {
        _IN.ACCEPTED: _STREAMING,  # `streaming` may come before the result
        _IN.REJECTED: _STREAMING,  # what RELAY reports outweighs what it answered
        _IN.NOT_SENT: _STREAMING,
        _IN.ANSWER_LOST: _STREAMING,
        _IN.STREAMING: _STREAMING,
        _IN.FINISHED: None,
        _IN.OTHER: _STREAMING,
        _IN.STOP: _STOPPING,
        _IN.STOP_MISSED: _STREAMING,
        _IN.STOP_REFUSED: _STREAMING,
        _IN.STOP_TIMEOUT: _STREAMING,
        _IN.START_TIMEOUT: _STREAMING,
        _IN.CALL_ENDED: None,
        _IN.SESSION_LOST: None,
    },
    _STOPPING: {
        _IN.ACCEPTED: _STOPPING,
        _IN.REJECTED: None,
        _IN.NOT_SENT: None,
        _IN.ANSWER_LOST: _STOPPING,
        _IN.STREAMING: _STOPPING,
        _IN.FINISHED: None,
        _IN.OTHER: _STOPPING,
        _IN.STOP: _STOPPING,
        _IN.STOP_MISSED: None,
        _IN.STOP_REFUSED: _STREAMING,
        _IN.STOP_TIMEOUT: None,
        _IN.START_TIMEOUT: _STOPPING,
        _IN.CALL_ENDED: None,
        _IN.SESSION_LOST: None,
    },
}

# Inputs that show that RELAY has, or had, the stream.
_PROOF: Final = frozenset({_IN.ACCEPTED, _IN.STREAMING, _IN.FINISHED, _IN.OTHER})
# Inputs from which an end is concluded, without RELAY's word for it.
_INFERENCE: Final = frozenset({_IN.CALL_ENDED, _IN.STOP_MISSED, _IN.STOP_TIMEOUT, _IN.SESSION_LOST})
_FAILURES: Final = frozenset(
    {EndReason.START_TIMEOUT, EndReason.NEVER_STREAMED, EndReason.REJECTED, EndReason.SESSION_LOST}
)


class Advance(msgspec.Struct, frozen=True):
    """What an input makes of a stream: the stream after it, and whether RELAY must be told to stop it (again)."""

    stream: Stream
    changed: bool
    stop: bool


def advance(
    stream: Stream,
    happened: StreamInput,
    now: int,
    *,
    reason: EndReason = EndReason.UNSPECIFIED,
    error: StreamError | None = None,
    seen: Mapping[str, str] | None = None,
) -> Advance:
    """Moves a stream by one input.

    Args:
        stream: The stream as it is.
        happened: What happened.
        now: Microseconds since the epoch.
        reason: Why it is stopped (with STOP; a client's wish if not given), or ended (with FINISHED: CALL_ENDED if the
            call is ending).
        error: What went wrong (with REJECTED, NOT_SENT and ANSWER_LOST).
        seen: Fields that RELAY's event told (`node_id`, `segment_id`, `tag`, `url`, `name`); empty ones change nothing.
    """
    if not stream.active:
        return _after_the_end(stream, happened, now)
    following = _next_state(stream, happened)
    moved = _fill(stream, seen) if seen else stream
    if not moved.accepted and happened in _PROOF:
        moved = replace(moved, accepted=True)
    if happened is StreamInput.STREAMING and not moved.start_time:
        moved = replace(moved, start_time=now)
    if following is None:
        moved = _ended(stream, moved, happened, now, reason, error)
    elif following is StreamState.STOPPING:
        late = happened is StreamInput.START_TIMEOUT
        why = stream.end_reason or (EndReason.START_TIMEOUT if late else reason or EndReason.STOP_REQUESTED)
        moved = replace(moved, state=following, end_reason=why, error=None)
    else:
        # The first doubt stays: that a second start was not sent says nothing about the first.
        doubt = (stream.error or error) if following is StreamState.UNKNOWN else None
        if following is not moved.state or moved.end_reason or moved.error is not doubt:
            moved = replace(moved, state=following, end_reason=EndReason.UNSPECIFIED, error=doubt)
    if moved is stream or moved == stream:
        return Advance(stream, changed=False, stop=False)
    stop = happened is StreamInput.START_TIMEOUT and following is not stream.state
    return Advance(replace(moved, update_time=now), changed=True, stop=stop)


def _next_state(stream: Stream, happened: StreamInput) -> StreamState | None:
    if stream.accepted and (happened is StreamInput.ANSWER_LOST or happened is StreamInput.NOT_SENT):
        return stream.state  # an event has already shown that RELAY has it
    if happened is StreamInput.REJECTED and stream.start_time:
        return stream.state  # as for STREAMING, also while it is being stopped
    if happened is StreamInput.STOP_REFUSED and stream.state is StreamState.STOPPING and not stream.start_time:
        return StreamState.STARTING
    return NEXT[stream.state][happened]


def _fill(stream: Stream, seen: Mapping[str, str]) -> Stream:
    news = {name: value for name, value in seen.items() if value and getattr(stream, name) != value}
    if not news:
        return stream
    # What the client asked for is not overwritten by what RELAY echoes.
    if stream.url:
        news.pop("url", None)
    if stream.name:
        news.pop("name", None)
    return replace(stream, **news)


def _ended(
    before: Stream, moved: Stream, happened: StreamInput, now: int, reason: EndReason, error: StreamError | None
) -> Stream:
    why = _end_reason(before, happened, reason)
    failed = why in _FAILURES
    return replace(
        moved,
        state=StreamState.FAILED if failed else StreamState.FINISHED,
        end_reason=why,
        end_reason_inferred=happened in _INFERENCE,
        error=(error or _error_for(why, moved)) if failed else None,
        end_time=now,
    )


def _end_reason(before: Stream, happened: StreamInput, reason: EndReason) -> EndReason:
    if happened is StreamInput.REJECTED:
        return EndReason.REJECTED
    if happened is StreamInput.NOT_SENT:
        return EndReason.NEVER_STREAMED
    if happened is StreamInput.SESSION_LOST:
        return EndReason.SESSION_LOST
    if before.state is StreamState.STOPPING:
        return before.end_reason
    if happened is StreamInput.CALL_ENDED or reason is EndReason.CALL_ENDED:
        return EndReason.CALL_ENDED
    return EndReason.REMOTE if before.state is StreamState.STREAMING else EndReason.NEVER_STREAMED


def _error_for(why: EndReason, ended: Stream) -> StreamError:
    if why is EndReason.REJECTED:
        return StreamError("RELAY_REJECTED", "RELAY refused the start", ErrorOrigin.RELAY, retryable=False)
    if why is EndReason.START_TIMEOUT:
        answer = "RELAY accepted the start" if ended.accepted else "RELAY did not answer the start"
        message = f"{answer}, and `streaming` was not reported in time; is the endpoint reachable?"
        return StreamError("START_TIMEOUT", message, ErrorOrigin.GATEWAY, retryable=True)
    if why is EndReason.SESSION_LOST:
        message = "the RELAY session was lost and could not be restored"
        return StreamError("SESSION_LOST", message, ErrorOrigin.GATEWAY, retryable=True)
    if not ended.accepted:
        return StreamError("NEVER_STREAMED", "the start was not sent to RELAY", ErrorOrigin.GATEWAY, retryable=True)
    message = "RELAY finished the stream before any audio flowed; is the endpoint reachable?"
    return StreamError("NEVER_STREAMED", message, ErrorOrigin.RELAY, retryable=True)


def adopted(refused: Stream, now: int) -> Stream:
    """The stream that shows life under the control id of one that RELAY has refused.

    After a 5xx it is the one that was asked for, which RELAY started all the same; so its client may find it by asking
    again. After any other refusal somebody else has started it.
    """
    created = max(now, refused.create_time + 1)  # which tells the two apart
    if refused.error is None or not refused.error.relay_code.startswith("5"):
        return Stream(refused.call_id, refused.control_id, StreamState.STARTING, created, now, accepted=True)
    return replace(
        refused,
        state=StreamState.STARTING,
        create_time=created,
        update_time=now,
        accepted=True,
        end_reason=EndReason.UNSPECIFIED,
        error=None,
        end_time=0,
    )


def _after_the_end(stream: Stream, happened: StreamInput, now: int) -> Advance:
    if happened is StreamInput.FINISHED and stream.end_reason_inferred:
        return Advance(replace(stream, end_reason_inferred=False, update_time=now), changed=True, stop=False)
    # A stream that was given up (FAILED, or ended by inference) and shows life would stream for nobody: it is stopped.
    # One that RELAY refused or never got is not: what shows life under its control id is another one (`adopted`).
    # And the answer to the start is no sign of life once RELAY has reported `finished`.
    given_up = stream.end_reason_inferred or (stream.state is StreamState.FAILED and stream.accepted)
    alive = happened is StreamInput.STREAMING or (happened is StreamInput.ACCEPTED and stream.end_reason_inferred)
    ours = stream.end_reason not in {EndReason.REJECTED, EndReason.CALL_ENDED}
    return Advance(stream, changed=False, stop=alive and given_up and ours)
