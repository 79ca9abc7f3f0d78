"""Streams that share a control id, one after the other: with one that RELAY refused, or one whose end came late."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.errors import RelayFailed, RelayRejected
from gateway.domain.events import EventType
from gateway.domain.streams import EndReason, StreamState
from gateway.emulator.actions import Hold, Reply
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.emulator.model import Call
from gateway.engine.orders import ConflictPolicy
from gateway.relay import wire
from tests.support.engines import Running, World, in_time, order_for


async def refused(relay: World, gateway: Running, call: Call, code: str, **fields: Any) -> None:
    """RELAY starts a stream, and says that it did not. Its report of `streaming` is still to come."""
    relay.emulator.faults.add(
        Fault(Reply(code), method=wire.STREAM, direction=SERVER_TO_CLIENT, response=True, times=1)
    )
    with pytest.raises((RelayRejected, RelayFailed)):
        await gateway.engine.starts.start(order_for(call, relay.sink.url, control_id="s", **fields), in_time())


@pytest.mark.parametrize("code", ["409", "422"])
async def test_somebody_elses(relay: World, gateway: Running, code: str) -> None:
    """What then reports audio is taken in like any stream that others have started: it can be read and stopped."""
    call = await relay.incoming(gateway)
    await refused(relay, gateway, call, code, labels={"team": "a"}, max_duration=1)
    stream = await gateway.stream("s", StreamState.STREAMING)
    assert (stream.labels, stream.max_duration, stream.error) == ({}, 0, None)
    assert await gateway.types_of("s") == ["STARTING", "FAILED", "STREAMING"]
    ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
    assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)


async def test_the_one_that_was_asked_for(relay: World, gateway: Running) -> None:
    """RELAY answered 5xx and started it all the same: its client finds it by asking again, as it was told to."""
    call = await relay.incoming(gateway)
    await refused(relay, gateway, call, "503", labels={"team": "a"})
    await gateway.stream("s", StreamState.STREAMING)
    order = order_for(call, relay.sink.url, control_id="s", labels={"team": "a"})
    stream, created = await gateway.engine.starts.start(order, in_time())
    assert (stream.state, created, stream.labels) == (StreamState.STREAMING, False, {"team": "a"})


async def test_its_longest_duration_holds(relay: World, gateway: Running) -> None:
    """Such a stream has the limits that were asked for."""
    call = await relay.incoming(gateway)
    await refused(relay, gateway, call, "500", max_duration=50_000)
    ended = await gateway.stream("s", StreamState.FINISHED)
    assert ended.end_reason is EndReason.MAX_DURATION


async def test_a_stop_reaches_what_runs_there(relay: World, gateway: Running) -> None:
    """RELAY said 409 and nothing more: what has the control id can be stopped, though nobody saw it start."""
    call = await relay.incoming(gateway)
    relay.emulator.faults.add(Fault(Reply("409"), method=wire.STREAM, times=1))
    with pytest.raises(RelayRejected):
        await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
    failed = await gateway.stream("s", StreamState.FAILED)
    assert await gateway.engine.stops.stop(failed, in_time(), until_ended=False) == failed
    assert len(relay.sent(wire.STREAM_STOP)) == 1


async def test_a_stop_of_what_was_refused_otherwise_sends_nothing(relay: World, gateway: Running) -> None:
    """There is nothing to stop."""
    call = await relay.incoming(gateway)
    relay.emulator.faults.add(Fault(Reply("422"), method=wire.STREAM, times=1))
    with pytest.raises(RelayRejected):
        await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
    failed = await gateway.stream("s", StreamState.FAILED)
    assert await gateway.engine.stops.stop(failed, in_time(), until_ended=False) == failed
    assert not relay.sent(wire.STREAM_STOP)


async def test_the_end_of_the_former_one_comes_late(relay: World, gateway: Running) -> None:
    """RELAY's time tells that it is not about the one that runs now."""
    call = await relay.incoming(gateway)
    order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
    first, _ = await gateway.engine.starts.start(order, in_time())
    relay.emulator.faults.add(Fault(Hold(), event_type=wire.CALL_STREAM, direction=SERVER_TO_CLIENT, times=1))
    await gateway.engine.stops.stop(first, in_time(), until_ended=False)
    stopped = await gateway.engine.stops.stop(first, in_time(), until_ended=True)  # 404: it is over
    assert stopped.end_reason_inferred
    again = replace(order, conflict_policy=ConflictPolicy.REPLACE)
    second, created = await gateway.engine.starts.start(again, in_time())
    assert created
    relay.emulator.faults.clear()
    await gateway.until(lambda event: event.type is EventType.STREAM_UPDATED and event.relay_time > 0)
    assert gateway.registry.stream(*second.key) == second
    ended = await gateway.engine.stops.stop(second, in_time(), until_ended=True)
    assert not ended.end_reason_inferred
