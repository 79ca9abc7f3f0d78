"""Running until SIGINT or SIGTERM, where that is the ordinary way to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

__all__ = ["run_until_signal"]

T = TypeVar("T")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run_until_signal(coroutine: Coroutine[Any, Any, T]) -> T | None:
    """Runs a coroutine in a loop of its own; None if a signal ended it, after it has cleaned up.

    Raises:
        Exception: What the coroutine raised.
    """
    return asyncio.run(_run(coroutine))


async def _run(coroutine: Coroutine[Any, Any, T]) -> T | None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(coroutine, name="command")
    for number in _SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    return None if task.cancelled() else task.result()
