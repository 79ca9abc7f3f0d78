"""Streams of other clients on the same call: not shown, stopped or replaced by one that is limited by labels."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.domain.errors import StreamExists, StreamNotFound
from gateway.domain.streams import Stream, StreamState
from gateway.emulator.model import Call as EmulatedCall
from gateway.engine.orders import ConflictPolicy, StartStream
from gateway.relay import wire
from tests.support.engines import Running, World, in_time, order_for

MINE = {"team": "red"}
THEIRS = {"team": "blue"}


def order_of(labels: Mapping[str, str], call: EmulatedCall, **fields: Any) -> StartStream:
    """An order of a client that has these labels, and sees no streams without them."""
    return order_for(call, labels=labels, own_labels=labels, **fields)


async def start(gateway: Running, order: StartStream) -> Stream:
    """Starts a stream."""
    stream, _ = await gateway.engine.starts.start(order, in_time())
    return stream


@pytest.mark.parametrize("policy", ConflictPolicy)
@pytest.mark.parametrize("dry", [False, True], ids=["start", "validate_only"])
async def test_a_control_id_of_another_client(
    relay: World, gateway: Running, policy: ConflictPolicy, *, dry: bool
) -> None:
    """Whatever the policy, a taken control id is all that is told, and nothing is sent."""
    call = await relay.incoming(gateway)
    theirs = await start(gateway, order_of(THEIRS, call, control_id="s", name="theirs"))
    with pytest.raises(StreamExists) as caught:
        await start(gateway, order_of(MINE, call, control_id="s", conflict_policy=policy, validate_only=dry))
    assert caught.value.details == {"call_id": call.call_id, "control_id": "", "state": "", "url": ""}
    assert "another client's" in str(caught.value)
    assert len(relay.sent(wire.STREAM)) == 1
    assert not relay.sent(wire.STREAM_STOP)
    assert gateway.registry.stream(*theirs.key) == theirs


async def test_a_failed_stream_of_another_client(relay: World, gateway: Running) -> None:
    """It stays as it is: who may not see it may not take its place either."""
    call = await relay.incoming(gateway)
    await start(gateway, order_of(THEIRS, call, control_id="s"))
    await relay.tell(call, "s", "finished")
    await gateway.stream("s", StreamState.FAILED)
    with pytest.raises(StreamExists):
        await start(gateway, order_of(MINE, call, control_id="s"))


async def test_a_stream_that_nobody_here_started(relay: World, gateway: Running) -> None:
    """It has no labels, so it is not this client's, though its URL is the same."""
    call = await relay.incoming(gateway)
    await relay.tell(call, "s", "streaming", url="wss://audio.example/a")
    await gateway.stream("s", StreamState.STREAMING)
    with pytest.raises(StreamExists):
        await start(gateway, order_of(MINE, call, url="wss://audio.example/a", control_id="s"))


async def test_a_name_of_another_client(relay: World, gateway: Running) -> None:
    """A taken name is refused without telling by what it is taken; the other's own streams may share the name."""
    call = await relay.incoming(gateway)
    await start(gateway, order_of(THEIRS, call, control_id="secret-id", name="lobby"))
    with pytest.raises(StreamExists) as caught:
        await start(gateway, order_of(MINE, call, name="lobby"))
    assert "secret-id" not in f"{caught.value} {caught.value.details}"


async def test_only_its_own_streams_are_found_and_stopped(relay: World, gateway: Running) -> None:
    """By control id and by name others are not there; a name means the newest of its own."""
    call = await relay.incoming(gateway)
    mine = await start(gateway, order_of(MINE, call, control_id="mine", name="lobby"))
    stops = gateway.engine.stops
    await stops.stop(mine, in_time(), until_ended=True)
    await start(gateway, order_of(THEIRS, call, control_id="theirs", name="lobby"))
    assert stops.find(call.call_id, "", "lobby", MINE).control_id == "mine"
    assert stops.find(call.call_id, "", "lobby").control_id == "theirs"
    with pytest.raises(StreamNotFound):
        stops.find(call.call_id, "theirs", "", MINE)


async def test_stopping_all_leaves_others_alone(relay: World, gateway: Running) -> None:
    """Every stream of a call means every one of its own."""
    call = await relay.incoming(gateway)
    for control_id, labels in (("mine", MINE), ("theirs", THEIRS)):
        await start(gateway, order_of(labels, call, url=relay.sink.url, control_id=control_id, until_streaming=True))
    outcomes = await gateway.engine.stops.stop_all(call.call_id, in_time(), until_ended=True, labels=MINE)
    assert [outcome.control_id for outcome in outcomes if isinstance(outcome, Stream)] == ["mine"]
    theirs = gateway.registry.stream(call.call_id, "theirs")
    assert theirs is not None
    assert theirs.state is StreamState.STREAMING
