"""Why a process does not serve, or did not end in order, as exit codes."""

from typing import Final

__all__ = ["EXIT_AT_ONCE", "EXIT_CREDENTIALS", "EXIT_START", "StartFailed"]

EXIT_START: Final = 4
"""Exit code: the process could not begin to serve (port taken, certificate unusable, data directory unusable)."""
EXIT_CREDENTIALS: Final = 5
"""Exit code: RELAY refuses the credentials."""
EXIT_AT_ONCE: Final = 6
"""Exit code: a second signal ended the process before everything was finished, as a kill would."""


class StartFailed(Exception):
    """The process cannot serve; the message is one line that says what to do."""

    def __init__(self, message: str, exit_code: int = EXIT_START) -> None:
        self.exit_code = exit_code
        super().__init__(message)
