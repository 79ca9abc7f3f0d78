"""A call's life as a table, and the dials that make calls.

RELAY's states come in order created → ringing → answered → ending → ended; some are skipped, and after a resume they
can arrive twice or late. A call therefore only moves forward. UNKNOWN is the state of a call that was only heard of (a
command or a stream's event named it), or whose session was lost: any report of RELAY leads out of it.
"""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

__all__ = [
    "CALL_WORDS",
    "NEXT",
    "Call",
    "CallInput",
    "CallState",
    "Device",
    "Dial",
    "DialState",
    "Direction",
    "advance",
]


class CallState(enum.IntEnum):
    """RELAY's call_state; the numbers are the contract's."""

    CREATED = 1
    RINGING = 2
    ANSWERED = 3
    ENDING = 4
    ENDED = 5
    UNKNOWN = 6


class Direction(enum.IntEnum):
    """Who called whom; the numbers are the contract's."""

    UNSPECIFIED = 0
    INBOUND = 1
    OUTBOUND = 2


class DialState(enum.IntEnum):
    """RELAY's dial_state; the numbers are the contract's."""

    DIALING = 1
    ANSWERED = 2
    FAILED = 3


class Device(msgspec.Struct, frozen=True):
    """An end of a call: RELAY's word for the kind, and its params as JSON text."""

    type: str
    params_json: str


class Call(msgspec.Struct, frozen=True):
    """A call as it is after some event. Times are microseconds since the Unix epoch, 0 while unset."""

    call_id: str
    state: CallState
    create_time: int
    update_time: int
    node_id: str = ""
    segment_id: str = ""
    tag: str = ""
    context: str = ""
    direction: Direction = Direction.UNSPECIFIED
    device: Device | None = None
    end_reason: str = ""
    end_reason_inferred: bool = False
    answer_time: int = 0
    end_time: int = 0

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state is CallState.ENDED

    @property
    def ending(self) -> bool:
        """Whether it is over, or about to be."""
        return self.state in {CallState.ENDING, CallState.ENDED}


class Dial(msgspec.Struct, frozen=True):
    """An attempt to reach somebody, as it is after some event. `call_id` is the call that answered."""

    tag: str
    state: DialState
    create_time: int
    update_time: int
    call_id: str = ""
    node_id: str = ""


class CallInput(enum.Enum):
    """Everything that can happen to a call."""

    CREATED = enum.auto()
    RINGING = enum.auto()
    ANSWERED = enum.auto()
    ENDING = enum.auto()
    ENDED = enum.auto()
    MENTIONED = enum.auto()
    """Something named it: a command, a stream's event, a report with a state that nobody has heard of."""
    GONE = enum.auto()
    """RELAY refused a command because the call is over (410) or unknown to it (404)."""
    SESSION_LOST = enum.auto()
    """No session reports on it to this gateway any more: it could not be restored, or the call was passed on."""


CALL_WORDS: Final[Mapping[str, CallInput]] = {
    "created": CallInput.CREATED,
    "ringing": CallInput.RINGING,
    "answered": CallInput.ANSWERED,
    "ending": CallInput.ENDING,
    "ended": CallInput.ENDED,
}
"""RELAY's words for a call's state."""

_LIFE: Final = (CallState.CREATED, CallState.RINGING, CallState.ANSWERED, CallState.ENDING, CallState.ENDED)
_REPORTS: Final = (CallInput.CREATED, CallInput.RINGING, CallInput.ANSWERED, CallInput.ENDING, CallInput.ENDED)


def _row(state: CallState) -> dict[CallInput, CallState]:
    # A report that is behind the present state comes late, and changes nothing.
    at = _LIFE.index(state) if state in _LIFE else -1
    row = {report: _LIFE[max(at, index)] for index, report in enumerate(_REPORTS)}
    ended = state is CallState.ENDED
    row[CallInput.MENTIONED] = state
    row[CallInput.GONE] = CallState.ENDED
    row[CallInput.SESSION_LOST] = CallState.ENDED if ended else CallState.UNKNOWN
    return row


NEXT: Final[Mapping[CallState, Mapping[CallInput, CallState]]] = {state: _row(state) for state in CallState}
"""The next state for every state and input."""


def advance(
    call: Call, happened: CallInput, now: int, *, end_reason: str = "", seen: Mapping[str, object] | None = None
) -> Call:
    """Moves a call by one input; the same object comes back if nothing changes.

    Args:
        call: The call as it is.
        happened: What happened.
        now: Microseconds since the epoch.
        end_reason: RELAY's word for why it ended (with ENDED), or the gateway's conclusion (with GONE).
        seen: Fields that RELAY told (`node_id`, `segment_id`, `tag`, `context`, `direction`, `device`); empty ones
            change nothing.
    """
    state = NEXT[call.state][happened]
    news: dict[str, object] = {
        name: value for name, value in (seen or {}).items() if value and getattr(call, name) != value
    }
    if state is not call.state:
        news["state"] = state
        if state is CallState.ANSWERED and not call.answer_time:
            news["answer_time"] = now
        if state is CallState.ENDED:
            news |= {"end_time": now, "end_reason": end_reason, "end_reason_inferred": happened is CallInput.GONE}
    elif call.ended and happened is CallInput.ENDED and call.end_reason_inferred:
        news |= {"end_reason": end_reason or call.end_reason, "end_reason_inferred": False}
    return replace(call, update_time=now, **news) if news else call
