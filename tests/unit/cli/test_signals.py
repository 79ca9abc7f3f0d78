"""Running until a signal."""

import asyncio
import os
import signal

import pytest

from gateway.cli.signals import run_until_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_it_has_cleaned_up(number: signal.Signals) -> None:
    """None tells that it did not end by itself."""
    cleaned = []

    async def forever() -> int:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(number)
        return 1

    assert run_until_signal(forever()) is None
    assert cleaned == [number]


def test_the_result_is_handed_over() -> None:
    """And errors as they are."""

    async def result() -> int:
        return 5

    async def error() -> None:
        raise OSError("x")

    assert run_until_signal(result()) == 5
    with pytest.raises(OSError, match="x"):
        run_until_signal(error())
