"""How often each client may do something."""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Rates"]

_ROUNDING: Final = 1e-9


class Rates:
    """A token bucket for each client, kept as one number: the time at which its bucket will be full again.

    A bucket that is full is not kept, so memory is bounded by the clients of the last few moments.
    """

    def __init__(self, per_second: float, burst: int, *, now: Callable[[], float] = time.monotonic) -> None:
        """Makes empty memory.

        Args:
            per_second: How many tokens come back each second.
            burst: How many a full bucket holds, at least 1.
            now: The time in seconds, from any origin.
        """
        self._interval = 1 / per_second
        self._spare = (burst - 1) * self._interval
        self._now = now
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def take(self, name: str) -> float:
        """Takes a token of a client; returns 0, or in how many seconds the next one will be there."""
        now = self._now()
        full = max(now, self._full.pop(name, now))
        wait = full - now - self._spare
        taken = wait <= _ROUNDING
        self._full[name] = full + self._interval if taken else full  # the newest at the end
        while self._full and (oldest := next(iter(self._full))) != name and self._full[oldest] <= now:
            del self._full[oldest]
        return 0.0 if taken else wait
