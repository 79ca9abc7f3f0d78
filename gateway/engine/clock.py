"""Time as the journal counts it: microseconds since the Unix epoch that never fall, and never stand still for long."""

import time
from collections.abc import Callable

__all__ = ["SECOND", "Clock"]

SECOND = 1_000_000
"""Microseconds in a second."""


def _wall() -> int:
    return time.time_ns() // 1000


def _ticks() -> int:
    return time.monotonic_ns() // 1000


class Clock:
    """The wall clock; while the system's clock is behind what was already said, time passes at half its pace.

    So the system's clock catches up, and still a stream's create time tells it from the next one of its control id.
    """

    def __init__(self, wall: Callable[[], int] = _wall, ticks: Callable[[], int] = _ticks) -> None:
        """Made of two clocks, both in microseconds: one that tells the time, and one that nobody sets."""
        self._wall = wall
        self._ticks = ticks
        self._latest = 0
        self._counted = ticks()

    def now(self) -> int:
        """Microseconds since the Unix epoch; never less than before."""
        half = (self._ticks() - self._counted) // 2
        self._counted += 2 * half
        self._latest = max(self._latest + half, self._wall())
        return self._latest

    def not_before(self, time_us: int) -> None:
        """Continues from a time that an earlier process has already used."""
        self._latest = max(self._latest, time_us)
