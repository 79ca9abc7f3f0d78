"""Each waiter waits for itself."""

import asyncio

import pytest

from gateway.journal.waiters import Waiters


async def test_those_who_are_reached_wake_and_the_others_wait_on() -> None:
    """A wake lets go of the thresholds up to its number."""
    waiters = Waiters()
    async with asyncio.TaskGroup() as tasks:
        near = tasks.create_task(waiters.reach(1))
        far = tasks.create_task(waiters.reach(3))
        await asyncio.sleep(0)
        waiters.wake(2)
        await near
        assert not far.done()
        waiters.wake(3)
    assert len(waiters) == 0


async def test_a_cancelled_waiter_is_gone_and_leaves_the_others() -> None:
    """Cancelling one cancels one, and nothing of it is kept; nor does a wake or failure at that moment harm."""
    waiters = Waiters()
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(waiters.reach(1))
        staying = tasks.create_task(waiters.reach(1))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        assert len(waiters) == 1
        also_leaving = tasks.create_task(waiters.reach(1))
        await asyncio.sleep(0)
        also_leaving.cancel()
        waiters.wake(1)
        waiters.fail(ValueError("too late"))
    assert leaving.cancelled()
    assert also_leaving.cancelled()
    assert staying.exception() is None


async def test_a_failure_reaches_all_who_wait() -> None:
    """The error is raised in each."""
    waiters = Waiters()
    tasks = [asyncio.create_task(waiters.reach(n)) for n in range(3)]
    await asyncio.sleep(0)
    waiters.fail(ValueError("no"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["no"] * 3
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await waiters.reach(0)
    assert len(waiters) == 0
