"""Who is told of the session, and what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.relay.payloads import RelayEvent

__all__ = ["SessionDown", "SessionObserver", "SessionUp"]


@dataclass(frozen=True, slots=True)
class SessionUp:
    """There is a session.

    Attributes:
        restored: It is the former one; RELAY sends again what was not acknowledged.
        first: It is the first of this process.
        had_state: A former one was to be resumed.
        protocol: RELAY's name for it.
    """

    restored: bool
    first: bool
    had_state: bool
    protocol: str


@dataclass(frozen=True, slots=True)
class SessionDown:
    """The connection is lost. The reason holds no secret."""

    reason: str


class SessionObserver(Protocol):
    """Who is told: `session_up` before the first event of a connection, `session_down` after the last."""

    async def session_up(self, up: SessionUp) -> None:
        """There is a session."""
        ...

    async def session_down(self, down: SessionDown) -> None:
        """There is none any more."""
        ...

    async def relay_events(self, events: Sequence[RelayEvent]) -> None:
        """Events came. Nothing more is read until this returns."""
        ...
