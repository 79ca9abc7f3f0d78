"""What happens, as it happens, in columns that people can read."""

import time
from collections.abc import Callable

__all__ = ["Timeline"]


class Timeline:
    """Prints lines with the seconds since the start and who did it."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo
        self._start = time.monotonic()
        self._failures = 0

    def say(self, who: str, what: str) -> None:
        """Somebody did something."""
        self._echo(f"{time.monotonic() - self._start:7.2f} s  {who:<9} {what}")

    def check(self, what: str, *, good: bool) -> None:
        """Something had to be true."""
        self._failures += not good
        self.say("check", f"{'ok  ' if good else 'FAIL'} {what}")

    @property
    def good(self) -> bool:
        """Whether everything was."""
        return not self._failures
