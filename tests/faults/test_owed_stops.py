"""A stream that the gateway has given up must not run on at RELAY, whatever happens to the stop that it owes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.streams import StreamState
from gateway.emulator.actions import Drop, Reply, ReplyError
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER
from gateway.emulator.model import Stream
from gateway.relay import wire
from tests.support.engines import Running, World, in_time, order_for, running_engine, soon, world


@pytest.fixture
async def relay() -> AsyncIterator[World]:
    """RELAY, and somebody who takes audio."""
    async with world() as running:
        yield running


async def streaming(relay: World, gateway: Running) -> Stream:
    """A stream that runs, as RELAY knows it."""
    call = await relay.incoming(gateway)
    order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
    await gateway.engine.starts.start(order, in_time())
    return relay.emulator.streams[call.call_id, "s"]


async def test_a_stop_that_was_lost_with_its_process_is_sent_by_the_next_one(relay: World, tmp_path: Path) -> None:
    """Killed between the end of the session and RELAY's answer to the stop: only the journal knows that one is owed."""
    async with running_engine(relay.emulator, tmp_path / "data") as first:
        stream = await streaming(relay, first)
        relay.emulator.faults.add(Fault(Drop(), direction=CLIENT_TO_SERVER, method=wire.STREAM_STOP))
        await relay.emulator.disconnect(restart=True)
        await first.stream("s", StreamState.FAILED)
        await relay.command(wire.STREAM_STOP)
        await first.crash()
    relay.emulator.faults.clear()
    assert stream.active
    async with running_engine(relay.emulator, tmp_path / "data"):
        await soon(lambda: not stream.active)


@pytest.mark.parametrize("refusal", [Reply("422"), ReplyError(-32602), Reply("500")])
async def test_a_stop_that_relay_refuses_is_sent_again(relay: World, refusal: Reply | ReplyError) -> None:
    """The session is lost, and RELAY will not stop the stream of which nobody hears any more: it is asked again."""
    async with running_engine(relay.emulator, start_timeout=0.5) as gateway:
        stream = await streaming(relay, gateway)
        relay.emulator.faults.add(Fault(refusal, direction=CLIENT_TO_SERVER, method=wire.STREAM_STOP, times=2))
        await relay.emulator.disconnect(restart=True)
        await gateway.stream("s", StreamState.FAILED)
        await relay.command(wire.STREAM_STOP, 3)
        await soon(lambda: not stream.active)


async def test_nothing_is_owed_for_a_stream_whose_call_is_over(relay: World, tmp_path: Path) -> None:
    """A call's end is the end of its streams: the next process has nothing to stop."""
    async with running_engine(relay.emulator, tmp_path / "data") as first:
        stream = await streaming(relay, first)
        await relay.emulator.disconnect(restart=True)
        await first.stream("s", StreamState.FAILED)
        await soon(lambda: not stream.active)
        await relay.emulator.hang_up(stream.call_id)
        (session,) = [each for each in relay.emulator.sessions.values() if each.connected]
        await soon(lambda: not session.unacked)
        await first.crash()
    before = len(relay.sent(wire.STREAM_STOP))
    async with running_engine(relay.emulator, tmp_path / "data") as second:
        await second.connected()
        await relay.incoming(second)
    assert len(relay.sent(wire.STREAM_STOP)) == before
