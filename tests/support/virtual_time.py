"""An event loop whose time passes only when a test lets it: hours of timers in no time, and the same in every run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualTimeLoop"]

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Threads may call in as ever; timers are as far away as the test wants them to be."""

    def __init__(self) -> None:
        self._virtual_now = 1000.0
        super().__init__()

    def time(self) -> float:
        """Seconds, as the test has let them pass."""
        return self._virtual_now

    def advance_to(self, time: float) -> None:
        """Lets time pass; what is due runs at the loop's next turn."""
        self._virtual_now = max(self._virtual_now, time)

    def next_timer(self) -> float | None:
        """When the next timer is due."""
        pending = [handle.when() for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        return min(pending, default=None)

    async def idle(self) -> None:
        """Returns when nothing is left to run now."""
        quiet = 0
        while quiet < 2:  # one turn moves timers that are due to what is ready
            await asyncio.sleep(0)
            quiet = 0 if self._ready else quiet + 1  # type: ignore[attr-defined]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something to its end."""
        return self.run_until_complete(work)
