"""What a restarted gateway needs to take its RELAY session back, and with it its calls.

RELAY gives a session its `protocol` and, in `signalwire.authorization.state` events, an `authorization_state`; to bring
both in the next connect resumes the session. They are of no use without the project's credentials, which are never
written.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import structlog

from gateway.journal.directory import move_aside, sync_directory

__all__ = ["SESSION_NAME", "MemorySessionStore", "Resumable", "SessionStore"]

SESSION_NAME: Final = "session.json"

_MAX_BYTES: Final = 1 << 20

_log = structlog.get_logger(__name__)


class Resumable(Protocol):
    """What is kept of a session; `owner` tells whose it is, so that other credentials don't try to resume it."""

    @property
    def owner(self) -> str:
        """Whose session it is."""
        ...

    @property
    def protocol(self) -> str:
        """RELAY's name of the session."""
        ...

    @property
    def authorization_state(self) -> str:
        """RELAY's latest word on the session, opaque."""
        ...


S = TypeVar("S", bound=Resumable)


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    owner: str
    protocol: str
    authorization_state: str


class SessionStore(Generic[S]):
    """Keeps the resume state in a file that only its owner may read. Blocks for as long as an fsync takes.

    Args:
        path: The file, in a directory that is there and locked by this process.
        make: Makes the caller's value of owner, protocol and authorization state.
    """

    def __init__(self, path: Path, make: Callable[[str, str, str], S]) -> None:
        self._path = path
        self._make = make

    def load(self) -> S | None:
        """Return what was saved last, or None. A damaged or foreign file counts as none and is kept aside.

        Raises:
            OSError: The file is there and can't be read.
        """
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return None
        try:
            kept = msgspec.json.decode(content, type=_Kept)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # What is wrong is not logged: the words of the error may quote the content.
            _log.warning("session_state_damaged", path=str(self._path), kept_as=str(move_aside(self._path)))
            return None
        return self._make(kept.owner, kept.protocol, kept.authorization_state)

    def save(self, state: S | None) -> None:
        """Replace what is kept; None forgets it. After a crash the file holds the old or the new state, never a part.

        Raises:
            OSError: It can't be written; what was kept before is still there.
        """
        if state is None:
            self._path.unlink(missing_ok=True)
            sync_directory(self._path.parent)
            return
        content = msgspec.json.encode(_Kept(state.owner, state.protocol, state.authorization_state))
        temporary = self._path.with_name(self._path.name + ".new")
        # One left by a crash may have any mode, and a mode is given only to a file that is made.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_directory(self._path.parent)


class MemorySessionStore(Generic[S]):
    """Keeps the resume state as long as the process lives."""

    def __init__(self) -> None:
        self._state: S | None = None

    def load(self) -> S | None:
        """Return what was saved last, or None."""
        return self._state

    def save(self, state: S | None) -> None:
        """Replace what is kept; None forgets it."""
        self._state = state
