"""Who owns the emulator's background work, so that none of it outlives it or fails unseen."""

import asyncio
from collections.abc import Callable, Coroutine

import structlog

__all__ = ["Tasks"]

_SWEEP = 64  # timers that fired or were cancelled are dropped once so many have gathered

_log = structlog.get_logger("callstream.emulator")


class Tasks:
    """Named tasks and timers of one owner; `aclose` ends them all and raises what failed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._sweep_at = _SWEEP
        self._failures: list[Exception] = []

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work` as a task called `name`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def later(self, delay: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `act` in `delay` seconds, unless closed or cancelled before."""
        loop = asyncio.get_running_loop()
        if len(self._timers) >= self._sweep_at:
            self._timers = {timer for timer in self._timers if not timer.cancelled() and timer.when() >= loop.time()}
            self._sweep_at = 2 * len(self._timers) + _SWEEP
        timer = loop.call_later(delay, act)
        self._timers.add(timer)
        return timer

    async def aclose(self) -> None:
        """Cancel everything, wait until it has ended, then raise an ExceptionGroup of what had failed."""
        for timer in self._timers:
            timer.cancel()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        if self._failures:
            raise ExceptionGroup("work of the emulator failed", self._failures)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self._failures.append(error)
            _log.error("task_failed", task=task.get_name(), exc_info=error)
