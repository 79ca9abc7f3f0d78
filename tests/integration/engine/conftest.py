"""What the engine's tests begin with."""

from collections.abc import AsyncIterator

import pytest

from tests.support.engines import Running, World, running_engine, world


@pytest.fixture
async def relay() -> AsyncIterator[World]:
    """An emulator and an endpoint for audio."""
    async with world() as started:
        yield started


@pytest.fixture
async def gateway(relay: World) -> AsyncIterator[Running]:
    """An engine with a session."""
    async with running_engine(relay.emulator) as running:
        yield running
