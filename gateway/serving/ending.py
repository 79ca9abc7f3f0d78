"""How a process ends: signals, and steps that have only so much time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import structlog

from gateway.serving.failure import EXIT_AT_ONCE

__all__ = ["bounded", "stop_signals"]

_log = structlog.get_logger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once, as a kill would.

    Nothing is lost then that `kill -9` would not lose: what was acknowledged to RELAY or to a client is in the journal.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    signals = 0

    def on_signal(number: signal.Signals) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            _log.warning("ending_at_once", signal=number.name)
            os._exit(EXIT_AT_ONCE)
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def bounded(step: str, seconds: float, work: Coroutine[Any, Any, None]) -> bool:
    """Does a step of the end, or leaves it behind when its time is up, whatever holds it; whether it was done.

    Not `asyncio.timeout`, which waits until what it cancels has ended.
    """
    task = asyncio.create_task(work, name=step)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    if not done:
        _log.error("drain_step_timed_out", step=step, seconds=seconds)
        return False
    await task
    return True
