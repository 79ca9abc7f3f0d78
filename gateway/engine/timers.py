"""Deadlines of streams: one heap, one task, and no timer that has to be cancelled.

A timer that fires asks the state whether it still matters; most don't by then.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable

__all__ = ["Timers"]


class Timers:
    """Runs callbacks at their time, in the order of their times."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._earlier = asyncio.Event()

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Runs `callback` on the loop after so many seconds, at once if that is not more than zero."""
        due = asyncio.get_running_loop().time() + max(0.0, seconds)
        heapq.heappush(self._heap, (due, next(self._order), callback))
        if self._heap[0][2] is callback:
            self._earlier.set()

    async def run(self) -> None:
        """Fires timers until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._heap and self._heap[0][0] <= loop.time():
                heapq.heappop(self._heap)[2]()
            self._earlier.clear()
            delay = self._heap[0][0] - loop.time() if self._heap else None
            try:
                async with asyncio.timeout(delay):
                    await self._earlier.wait()
            except TimeoutError:
                continue
