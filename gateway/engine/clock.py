"""Time as the journal counts it: microseconds since the Unix epoch that never fall."""

import time
from collections.abc import Callable

__all__ = ["SECOND", "Clock"]

SECOND = 1_000_000
"""Microseconds in a second."""


def _wall() -> int:
    return time.time_ns() // 1000


class Clock:
    """The wall clock, held still while the system's clock is behind what was already said."""

    def __init__(self, wall: Callable[[], int] = _wall) -> None:
        self._wall = wall
        self._latest = 0

    def now(self) -> int:
        """Microseconds since the Unix epoch; never less than before."""
        self._latest = max(self._latest, self._wall())
        return self._latest

    def not_before(self, time_us: int) -> None:
        """Continues from a time that an earlier process has already used."""
        self._latest = max(self._latest, time_us)
