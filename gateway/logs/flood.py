"""A bound on how often the same thing is said: what repeats is cut short, and counted."""

import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["PER_SECOND", "FloodLimit"]

PER_SECOND: Final = 50
"""Lines of one kind within a second."""
_SECOND: Final = 1.0
_MAX_KINDS: Final = 1024


class FloodLimit:
    """Counts lines by kind, in seconds that begin with the first line of a kind. Called from any thread."""

    def __init__(self, per_second: int = PER_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[float, int]] = {}
        self._suppressed: dict[str, int] = {}

    def admits(self, kind: str) -> bool:
        """Whether a line of this kind may be written now."""
        with self._lock:
            now = self._clock()
            began, count = self._counts.get(kind, (now, 0))
            if now - began >= _SECOND:
                began, count = now, 0
            if kind not in self._counts and len(self._counts) >= _MAX_KINDS:
                self._counts.pop(next(iter(self._counts)))
            self._counts[kind] = (began, count + 1)
            if count < self._per_second:
                return True
            if kind in self._suppressed or len(self._suppressed) < _MAX_KINDS:
                self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
            return False

    def due(self) -> dict[str, int]:
        """How many lines were not written, by kind, of the seconds that are over; each is told once."""
        if not self._suppressed:
            return {}
        with self._lock:
            now = self._clock()
            over = [kind for kind in self._suppressed if now - self._counts.get(kind, (0.0, 0))[0] >= _SECOND]
            return {kind: self._suppressed.pop(kind) for kind in over}
