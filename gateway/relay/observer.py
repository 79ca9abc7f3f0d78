"""Who is told of the session, and what."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.domain.errors import CallstreamError, OutcomeUnknown, RelayFailed, RelayRejected
from gateway.relay.commands import Command, Result
from gateway.relay.payloads import RelayEvent

__all__ = [
    "ABANDONED",
    "UNKNOWN",
    "UNSENT",
    "RequestObserver",
    "SessionDown",
    "SessionObserver",
    "SessionUp",
    "nobody",
    "told",
]

UNSENT: Final = "unsent"
"""In place of RELAY's code: the request never left."""
UNKNOWN: Final = "unknown"
"""In place of RELAY's code: the request was sent, and no answer came."""
ABANDONED: Final = "abandoned"
"""In place of RELAY's code: who asked did not wait for the answer."""


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


RequestObserver = Callable[[Command], Callable[[str], None]]
"""Is told when a command is to be sent, in its caller's context, and returns what is to be told how that ended: RELAY's
code as it gave it, or one of the words above. Neither may raise. The command's params may hold secrets."""


def nobody(_command: Command) -> Callable[[str], None]:
    """Observes no requests."""
    return _untold


def _untold(_code: str) -> None:
    return


async def told(answer: Awaitable[Result], ended: Callable[[str], None]) -> Result:
    """The answer to a command, of which an observer was told first."""
    code = ABANDONED
    try:
        result = await answer
        code = result.code
    except CallstreamError as error:
        code = _code_of(error)
        raise
    finally:
        ended(code)
    return result


def _code_of(error: CallstreamError) -> str:
    if isinstance(error, RelayRejected | RelayFailed):
        return error.code
    return UNKNOWN if isinstance(error, OutcomeUnknown) else UNSENT
