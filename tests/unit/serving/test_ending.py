"""Ending: steps that have only so much time."""

import asyncio

import pytest
import structlog

from gateway.serving.ending import bounded


async def test_a_step_that_ends() -> None:
    """It is waited for, and nothing is logged."""
    done = asyncio.Event()

    async def step() -> None:
        done.set()

    with structlog.testing.capture_logs() as logged:
        assert await bounded("step", 10, step())
    assert done.is_set()
    assert logged == []


async def test_a_step_that_hangs() -> None:
    """It is left behind with a line in the log, also if it does not let itself be cancelled."""
    release = asyncio.Event()
    ended = asyncio.Event()

    async def step() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue  # what a step must not do
        ended.set()

    with structlog.testing.capture_logs() as logged:
        assert not await bounded("step", 0.01, step())
    (line,) = logged
    assert (line["event"], line["step"], line["log_level"]) == ("drain_step_timed_out", "step", "error")
    release.set()
    await ended.wait()


async def test_a_step_that_fails() -> None:
    """Its error is the caller's."""

    async def step() -> None:
        raise KeyError("step")

    with pytest.raises(KeyError):
        await bounded("step", 10, step())


async def test_who_waits_is_cancelled() -> None:
    """So is the step."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(bounded("step", 10, step()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cancelled.wait()
