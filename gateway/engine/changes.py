"""Waiting for a subject to change, once per waiter, without polling."""

import asyncio
from collections.abc import Iterable

from gateway.domain.errors import Draining

__all__ = ["Changes"]

_LEAVING = "this process is shutting down; wait again at another one"


class Changes:
    """Wakes who waits for a key. Each waiter has a future of its own: cancelling one leaves the others alone."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._closed = False

    async def wait(self, key: str) -> None:
        """Returns after the next durable event about `key`.

        Raises:
            Draining: The process is leaving; another one will know.
        """
        if self._closed:
            raise Draining(_LEAVING)
        future = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, set()).add(future)
        try:
            await future
        finally:
            waiting = self._waiters.get(key)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiters[key]

    def wake(self, keys: Iterable[str]) -> None:
        """Wakes everybody who waits for one of these keys."""
        for key in keys:
            for future in self._waiters.get(key, ()):
                if not future.done():
                    future.set_result(None)

    def close(self) -> None:
        """Sends everybody away: they are to wait at another process."""
        self._closed = True
        for futures in self._waiters.values():
            for future in futures:
                if not future.done():
                    future.set_exception(Draining(_LEAVING))
