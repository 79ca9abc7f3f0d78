"""Timers fire once, in the order of their times."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.engine.timers import Timers


@pytest.fixture
async def timers() -> AsyncIterator[Timers]:
    """Timers at work."""
    timers = Timers()
    task = asyncio.create_task(timers.run())
    yield timers
    task.cancel()
    await asyncio.wait([task])


async def test_they_fire_in_the_order_of_their_times(timers: Timers) -> None:
    """Later ones that are set first fire later; those of one time fire in the order in which they were set."""
    fired: list[str] = []
    done = asyncio.Event()
    timers.after(0.03, done.set)
    timers.after(0.02, lambda: fired.append("late"))
    timers.after(0.01, lambda: fired.append("early"))
    timers.after(0, lambda: fired.append("now"))
    timers.after(-5, lambda: fired.append("overdue"))
    await asyncio.wait_for(done.wait(), 5)
    assert fired == ["now", "overdue", "early", "late"]


async def test_an_earlier_one_is_not_held_up(timers: Timers) -> None:
    """A timer that is set while a later one is waited for fires at its own time."""
    timers.after(3600, lambda: pytest.fail("it was not due"))
    await asyncio.sleep(0)
    done = asyncio.Event()
    timers.after(0.01, done.set)
    await asyncio.wait_for(done.wait(), 5)


async def test_one_that_sets_another(timers: Timers) -> None:
    """A callback may set the next timer."""
    done = asyncio.Event()
    timers.after(0, lambda: timers.after(0, done.set))
    await asyncio.wait_for(done.wait(), 5)


async def test_before_they_run() -> None:
    """Timers that were set before the task ran fire once it does."""
    timers = Timers()
    done = asyncio.Event()
    timers.after(0, done.set)
    task = asyncio.create_task(timers.run())
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    await asyncio.wait([task])
