"""Coroutines that wait for a number to be reached."""

import asyncio

__all__ = ["Waiters"]


class Waiters:
    """Those who wait for a rising number; each with a future of its own: one that is cancelled leaves the others be.

    A cancelled one is gone at once: a quiet journal must not collect those who looked in and left.
    """

    def __init__(self) -> None:
        self._thresholds: dict[asyncio.Future[None], int] = {}

    def __len__(self) -> int:
        return len(self._thresholds)

    async def reach(self, threshold: int) -> None:
        """Return at the first `wake` with a number of at least `threshold`; raise what `fail` is given before."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._thresholds[future] = threshold
        try:
            await future
        finally:
            del self._thresholds[future]

    def wake(self, number: int) -> None:
        """Let go of all who wait for `number` or less."""
        for future, threshold in self._thresholds.items():
            if threshold <= number and not future.done():
                future.set_result(None)

    def fail(self, error: Exception) -> None:
        """Raise `error` in all who wait."""
        for future in self._thresholds:
            if not future.done():
                future.set_exception(error)
