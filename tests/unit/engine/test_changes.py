"""Waiting for changes: each waiter for itself."""

import asyncio

import pytest

from gateway.domain.errors import Draining
from gateway.engine.changes import Changes


async def waiting(changes: Changes, key: str) -> asyncio.Task[None]:
    """A task that waits for a key by now."""
    task = asyncio.create_task(changes.wait(key))
    await asyncio.sleep(0)
    return task


async def test_all_who_wait_for_a_key_are_woken() -> None:
    """Everybody who waits for a key hears of it; the others go on waiting."""
    changes = Changes()
    first, second, other = [await waiting(changes, key) for key in ("a", "a", "b")]
    changes.wake(["a", "nobody"])
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert not other.done()
    changes.wake(["b"])
    await asyncio.wait_for(other, 5)


async def test_one_who_leaves_leaves_the_others_alone() -> None:
    """Cancelling a waiter does not wake or cancel those beside it."""
    changes = Changes()
    first, second = [await waiting(changes, "a") for _ in range(2)]
    first.cancel()
    await asyncio.wait([first])
    assert not second.done()
    changes.wake(["a"])
    await asyncio.wait_for(second, 5)


async def test_nothing_is_kept_of_those_who_left() -> None:
    """Neither waking nor leaving leaves anything behind, or a quiet key would grow without bound."""
    changes = Changes()
    tasks = [await waiting(changes, key) for key in ("a", "a", "b")]
    tasks[0].cancel()
    changes.wake(["a", "a"])  # twice in one turn wakes once
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert not changes._waiters


async def test_a_waiter_waits_for_the_next_change() -> None:
    """A change that came before somebody waited is not theirs."""
    changes = Changes()
    changes.wake(["a"])
    task = await waiting(changes, "a")
    await asyncio.sleep(0)
    assert not task.done()
    changes.wake(["a"])
    await asyncio.wait_for(task, 5)


async def test_closing_sends_everybody_elsewhere() -> None:
    """Those who wait, and those who come later, are told that this process leaves; who was woken is not."""
    changes = Changes()
    woken, left = await waiting(changes, "a"), await waiting(changes, "b")
    changes.wake(["a"])
    changes.close()
    await asyncio.wait([woken, left])
    assert woken.exception() is None
    assert isinstance(left.exception(), Draining)
    with pytest.raises(Draining):
        await changes.wait("c")
