"""A timer that is moved often and rings seldom."""

import asyncio
from collections.abc import Callable

__all__ = ["Alarm"]


class Alarm:
    """Rings at its time. To move it later costs nothing: the timer under it finds out when it fires."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._due = 0.0
        self._fires_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due: float) -> None:
        """Rings at `due` (loop time), and not at what was set before."""
        self._due = due
        if self._timer is not None and self._fires_at > due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._arm(due)

    def cancel(self) -> None:
        """Does not ring any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, due: float) -> None:
        self._fires_at = due
        self._timer = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._due > self._loop.time():
            self._arm(self._due)
        else:
            self._ring()
