"""How the session is, for people and metrics."""

import enum
from dataclasses import dataclass

__all__ = ["SessionState", "SessionStatus"]


class SessionState(enum.Enum):
    """Where the session is."""

    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    WAITING = enum.auto()
    REFUSED = enum.auto()
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The session for people and metrics; nothing in it is secret.

    Attributes:
        state: Where it is.
        since: When it got there, seconds since the Unix epoch.
        attempts: Failed attempts since the last success.
        last_error: Why it was last lost or refused, None if it never was.
        connects: Sessions that this process had.
        resumes: How many of them were the former one, taken up.
        pending_requests: Commands that wait for RELAY.
        losses: Connections that broke, and attempts that failed.
    """

    state: SessionState
    since: float
    attempts: int
    last_error: str | None
    connects: int
    resumes: int
    pending_requests: int
    losses: int
