"""What the engine's parts share: whose command may be sent, and who is told what when the process leaves."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import Draining, OutcomeUnknown
from gateway.engine.clock import Clock
from gateway.engine.context import Caller, Context
from gateway.engine.options import EngineOptions
from gateway.engine.recorder import Recorder
from gateway.journal.sqlite import open_journal
from gateway.service.codec import ContractCodec


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """A context over a journal in memory."""
    journal = open_journal(None)
    yield Context(journal, Recorder(journal, ContractCodec(), Clock()), EngineOptions())
    await journal.close()


async def test_it_has_no_session_before_it_is_given_one(context: Context) -> None:
    """Parts that want to send before there is a session are wrong."""
    with pytest.raises(RuntimeError, match="no session"):
        _ = context.session


async def test_finish_has_nothing_to_wait_for(context: Context) -> None:
    """A process without operations leaves at once."""
    await context.finish(3600.0)


async def test_a_drain_ends_what_was_not_sent(context: Context) -> None:
    """An operation that the process gives up tells its caller that nothing was sent."""
    running = context.spawn(asyncio.Event().wait(), "never")
    carried = asyncio.create_task(context.carry(Caller(), running))
    await asyncio.sleep(0)
    await context.finish(0.0)
    with pytest.raises(Draining):
        await carried


async def test_a_drain_leaves_what_was_sent_unknown(context: Context) -> None:
    """An operation whose command was sent tells its caller that the outcome is unknown."""
    caller = Caller()
    caller.mark_sent()
    carried = asyncio.create_task(context.carry(caller, context.spawn(asyncio.Event().wait(), "never")))
    await asyncio.sleep(0)
    await context.finish(0.0)
    with pytest.raises(OutcomeUnknown):
        await carried


@pytest.mark.parametrize("in_flight", [False, True])
async def test_a_caller_who_leaves(context: Context, in_flight: bool) -> None:
    """An operation ends with its caller, unless its command is in flight."""
    caller = Caller(sent=True, in_flight=in_flight)
    release = asyncio.Event()
    running = context.spawn(release.wait(), "operation")
    carried = asyncio.create_task(context.carry(caller, running))
    await asyncio.sleep(0)
    carried.cancel()
    await asyncio.wait([carried])
    assert carried.cancelled()
    assert caller.gone
    release.set()
    await asyncio.wait([running])
    assert running.cancelled() is not in_flight


async def test_what_fails_without_its_caller_is_no_scandal(context: Context) -> None:
    """An operation that fails after its caller has gone is not reported as forgotten (warnings are errors here)."""
    caller = Caller()
    caller.mark_sent()
    release = asyncio.Event()

    async def fail() -> None:
        await release.wait()
        raise OutcomeUnknown("lost")

    running = context.spawn(fail(), "fails")
    carried = asyncio.create_task(context.carry(caller, running))
    await asyncio.sleep(0)
    carried.cancel()
    await asyncio.wait([carried])
    release.set()
    await asyncio.wait([running])
