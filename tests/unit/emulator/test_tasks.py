"""The owner of background work."""

import asyncio

import pytest
import structlog

from gateway.emulator.tasks import Tasks


async def test_closing_ends_tasks_and_timers() -> None:
    """Nothing that was begun goes on after aclose."""
    tasks, fired = Tasks(), asyncio.Event()
    task = tasks.spawn(asyncio.Event().wait(), "waits")  # type: ignore[arg-type] # what it returns does not matter
    tasks.later(0, fired.set)
    await tasks.aclose()
    assert task.cancelled()
    assert task.get_name() == "waits"
    await asyncio.sleep(0)
    assert not fired.is_set()


async def test_failures_come_out_when_closing() -> None:
    """A task that fails is logged at once and raised by aclose."""

    async def fail() -> None:
        raise ValueError("broken")

    tasks = Tasks()
    with structlog.testing.capture_logs() as logs:
        await asyncio.wait([tasks.spawn(fail(), "fails")])
        with pytest.raises(ExceptionGroup) as caught:
            await tasks.aclose()
    assert [str(error) for error in caught.value.exceptions] == ["broken"]
    assert [(log["event"], log["task"]) for log in logs] == [("task_failed", "fails")]


async def test_timers_that_are_over_are_let_go() -> None:
    """Many timers in a row do not pile up."""
    tasks = Tasks()
    for _ in range(1000):
        tasks.later(100, lambda: None).cancel()
    assert len(tasks._timers) < 200
    done = asyncio.Event()
    tasks.later(0, done.set)
    await done.wait()
    await tasks.aclose()
