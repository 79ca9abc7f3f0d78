"""What is started, and what is not: an engine with a real session, against the emulator."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.calls import CallState
from gateway.domain.errors import (
    CallEnded,
    CallNotFound,
    RelayFailed,
    RelayRejected,
    StreamExists,
    StreamLimit,
)
from gateway.domain.events import EventType
from gateway.domain.streams import StreamState, Track
from gateway.emulator.actions import Hold, Reply
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.engine.orders import ConflictPolicy
from gateway.relay import wire
from tests.support.engines import (
    UNREACHABLE,
    Running,
    World,
    in_time,
    order_for,
    running_engine,
)

ANSWER_OF_START: dict[str, Any] = {"method": wire.STREAM, "direction": SERVER_TO_CLIENT}


class TestParameters:
    """What reaches RELAY."""

    async def test_every_parameter_reaches_relay(self, relay: World, gateway: Running) -> None:
        """RELAY gets all that was asked for, in its own words; the endpoint gets the token, and nobody else."""
        call = await relay.incoming(gateway)
        order = order_for(
            call,
            relay.sink.url + "audio?room=1",
            control_id="all-of-it",
            name="lobby",
            codec="L16@16000h",
            track=Track.BOTH,
            status_url="http://127.0.0.1:1/status",
            status_url_method="GET",
            authorization_bearer_token="endpoint-secret",
            custom_parameters={"room": {"id": 7}, "live": True},
            labels={"team": "red"},
            max_duration=60_000_000,
            until_streaming=True,
        )
        stream, created = await gateway.engine.starts.start(order, in_time())
        assert created
        assert (stream.state, stream.name, stream.labels, stream.max_duration) == (
            StreamState.STREAMING,
            "lobby",
            {"team": "red"},
            60_000_000,
        )
        (frame,) = relay.sent(wire.STREAM)
        assert frame.params == {
            "node_id": call.node_id,
            "call_id": call.call_id,
            "control_id": "all-of-it",
            "url": relay.sink.url + "audio?room=1",
            "name": "lobby",
            "codec": "L16@16000h",
            "track": "both_tracks",
            "status_url": "http://127.0.0.1:1/status",
            "status_url_method": "GET",
            "authorization_bearer_token": "<redacted>",
            "custom_parameters": {"room": {"id": 7}, "live": True},
        }
        received = await relay.sink.wait_stream()
        assert received.authorization == "Bearer endpoint-secret"
        batch = await gateway.journal.read(0)
        assert not [record for record in batch.records if b"endpoint-secret" in record.payload]
        assert "endpoint-secret" not in repr((order, stream, await gateway.events()))

    async def test_defaults_are_left_to_relay(self, relay: World, gateway: Running) -> None:
        """What was not asked for is not sent, so that RELAY's defaults hold; the track alone is always said."""
        call = await relay.incoming(gateway)
        stream, _ = await gateway.engine.starts.start(order_for(call, control_id="plain"), in_time())
        (frame,) = relay.sent(wire.STREAM)
        assert frame.params == {
            "node_id": call.node_id,
            "call_id": call.call_id,
            "control_id": "plain",
            "url": UNREACHABLE,
            "track": "inbound_track",
        }
        assert stream.track is Track.INBOUND

    @pytest.mark.parametrize(("track", "word"), [(Track.INBOUND, "inbound_track"), (Track.OUTBOUND, "outbound_track")])
    async def test_tracks_have_relays_words(self, relay: World, gateway: Running, track: Track, word: str) -> None:
        """RELAY refuses the words that people use for tracks."""
        call = await relay.incoming(gateway)
        await gateway.engine.starts.start(order_for(call, track=track), in_time())
        (frame,) = relay.sent(wire.STREAM)
        assert frame.params["track"] == word

    async def test_the_intent_is_durable_before_anything_is_sent(self, relay: World, gateway: Running) -> None:
        """STREAM_STARTING is in the journal when RELAY gets the start, so no stream of RELAY's is ever unknown."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        types = [event.type for event in await gateway.events() if event.control_id == "s"]
        assert types == [EventType.STREAM_STARTING]
        relay.emulator.faults.clear()
        await starting


class TestIdempotency:
    """The same control id again."""

    async def test_the_same_request_again_gives_the_same_stream(self, relay: World, gateway: Running) -> None:
        """Asking twice starts once."""
        call = await relay.incoming(gateway)
        order = order_for(call)
        first = await gateway.engine.starts.start(order, in_time())
        again = await gateway.engine.starts.start(order, in_time())
        assert (first[1], again[1]) == (True, False)
        assert again[0].create_time == first[0].create_time
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_the_same_request_at_the_same_time(self, relay: World, gateway: Running) -> None:
        """Many callers at once with one control id start one stream, and all of them get it."""
        call = await relay.incoming(gateway)
        order = order_for(call)
        outcomes = await asyncio.gather(*(gateway.engine.starts.start(order, in_time()) for _ in range(5)))
        assert sorted(created for _, created in outcomes) == [False] * 4 + [True]
        assert {stream.create_time for stream, _ in outcomes} == {outcomes[0][0].create_time}
        assert len(relay.sent(wire.STREAM)) == 1
        assert await gateway.types_of(order.control_id) == ["STARTING"]

    async def test_callers_who_waited_for_the_session_together(self, relay: World) -> None:
        """Callers who are let go at once by a new session don't start twice either."""
        async with running_engine(relay.emulator) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call)
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            await gateway.until_type(EventType.SESSION_DOWN)
            waiting = [asyncio.create_task(gateway.engine.starts.start(order, in_time())) for _ in range(3)]
            relay.emulator.refuse_connections(None)
            outcomes = await asyncio.gather(*waiting)
            assert [created for _, created in outcomes].count(True) == 1
            assert len(relay.sent(wire.STREAM)) == 1

    async def test_one_joins_a_start_under_way(self, relay: World, gateway: Running) -> None:
        """The same request waits for the answer to the first one, and gets its stream."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
        order = order_for(call)
        first = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await relay.command(wire.STREAM)
        second = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await asyncio.wait([second], timeout=0.01)
        assert not second.done()
        relay.emulator.faults.clear()
        assert (await first)[1]
        assert not (await second)[1]
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_one_that_joined_tries_itself_when_the_first_one_left(self, relay: World, gateway: Running) -> None:
        """A start that was refused for the first caller is tried anew for the second, whose turn it is then."""
        call = await relay.incoming(gateway)
        hold = relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT, times=1))
        relay.emulator.faults.add(Fault(Reply("500"), method=wire.STREAM, times=1))
        order = order_for(call)
        first = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await relay.command(wire.STREAM)
        second = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await asyncio.wait([second], timeout=0.01)
        relay.emulator.faults.remove(hold)
        with pytest.raises(RelayFailed):
            await first
        assert (await second)[1]

    async def test_a_finished_stream_is_not_started_again(self, relay: World, gateway: Running) -> None:
        """A request that is repeated after the stream has ended gets the ended stream."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, until_streaming=True)
        started, _ = await gateway.engine.starts.start(order, in_time())
        await gateway.engine.stops.stop(started, in_time(), until_ended=True)
        stream, created = await gateway.engine.starts.start(order, in_time())
        assert (stream.state, created) == (StreamState.FINISHED, False)
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_a_failed_stream_never_conflicts(self, relay: World, gateway: Running) -> None:
        """What failed is tried anew under the same control id, also with other parameters."""
        call = await relay.incoming(gateway)
        with pytest.raises(RelayRejected):
            await gateway.engine.starts.start(order_for(call, "wss://x.example/ y", control_id="s"), in_time())
        stream, created = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        assert (stream.state, stream.error, created) == (StreamState.STARTING, None, True)

    async def test_another_request_is_refused(self, relay: World, gateway: Running) -> None:
        """The control id is taken: the error shows by what."""
        call = await relay.incoming(gateway)
        await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        with pytest.raises(StreamExists) as caught:
            await gateway.engine.starts.start(order_for(call, control_id="s", codec="PCMA"), in_time())
        assert caught.value.details == {
            "call_id": call.call_id,
            "control_id": "s",
            "state": "STARTING",
            "url": UNREACHABLE,
        }
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_policy_fail(self, relay: World, gateway: Running) -> None:
        """FAIL refuses the same request as well."""
        call = await relay.incoming(gateway)
        order = order_for(call)
        await gateway.engine.starts.start(order, in_time())
        with pytest.raises(StreamExists):
            await gateway.engine.starts.start(replace(order, conflict_policy=ConflictPolicy.FAIL), in_time())

    async def test_policy_replace(self, relay: World, gateway: Running) -> None:
        """REPLACE stops the existing stream, waits for its end, and starts a new one."""
        call = await relay.incoming(gateway)
        first, _ = await gateway.engine.starts.start(
            order_for(call, relay.sink.url, control_id="s", until_streaming=True), in_time()
        )
        order = order_for(call, control_id="s", conflict_policy=ConflictPolicy.REPLACE)
        second, created = await gateway.engine.starts.start(order, in_time())
        assert created
        assert (second.url, second.state) == (UNREACHABLE, StreamState.STARTING)
        assert second.create_time > first.create_time
        assert await gateway.types_of("s") == ["STARTING", "STREAMING", "STOPPING", "FINISHED", "STARTING"]
        methods = [f.method for f in relay.emulator.frames if f.method.startswith(wire.STREAM) and not f.is_response]
        assert methods == [wire.STREAM, wire.STREAM_STOP, wire.STREAM]

    async def test_policy_replace_of_an_ended_stream(self, relay: World, gateway: Running) -> None:
        """REPLACE of a stream that has ended starts at once."""
        call = await relay.incoming(gateway)
        first, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        await gateway.engine.stops.stop(first, in_time(), until_ended=True)
        order = order_for(call, control_id="s", conflict_policy=ConflictPolicy.REPLACE)
        _, created = await gateway.engine.starts.start(order, in_time())
        assert created
        assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_a_stream_that_somebody_else_started(self, relay: World, gateway: Running) -> None:
        """A stream known from RELAY's events alone is used if its URL is the same, and is in the way otherwise."""
        call = await relay.incoming(gateway)
        await relay.tell(call, "theirs", "streaming", url="wss://audio.example/a")
        await gateway.stream("theirs", StreamState.STREAMING)
        with pytest.raises(StreamExists):
            await gateway.engine.starts.start(order_for(call, "wss://audio.example/b", control_id="theirs"), in_time())
        stream, created = await gateway.engine.starts.start(
            order_for(call, "wss://audio.example/a", control_id="theirs"), in_time()
        )
        assert (stream.state, created) == (StreamState.STREAMING, False)
        assert not relay.sent(wire.STREAM)


class TestRefusedByTheGateway:
    """What cannot succeed is neither recorded nor sent."""

    async def test_an_unknown_call_needs_its_node(self, relay: World, gateway: Running) -> None:
        """Without a node RELAY could not find the call."""
        with pytest.raises(CallNotFound, match="give node_id"):
            await gateway.engine.starts.start(order_for("nobody"), in_time())
        assert not relay.sent(wire.STREAM)
        assert gateway.registry.call("nobody") is None

    async def test_what_relay_said_of_the_node_outweighs_the_client(self, relay: World, gateway: Running) -> None:
        """A wrong node would make RELAY say 404, and the gateway believe that the call is gone."""
        call = await relay.emulator.place_call()
        await gateway.call(call.call_id)
        stream, _ = await gateway.engine.starts.start(order_for(call, node_id="elsewhere"), in_time())
        assert stream.node_id == call.node_id

    async def test_an_unknown_call_with_its_node(self, relay: World, gateway: Running) -> None:
        """A call that came in on another session is taken in, before its stream."""
        async with running_engine(relay.emulator, contexts=["elsewhere"]) as other:
            call = await relay.emulator.place_call(context="elsewhere")
            await other.call(call.call_id)
            order = order_for(call, node_id=call.node_id)
            stream, created = await gateway.engine.starts.start(order, in_time())
            assert created
            assert stream.node_id == call.node_id
            known = await gateway.call(call.call_id)
            assert (known.state, known.node_id) == (CallState.UNKNOWN, call.node_id)
            types = [event.type for event in await gateway.events() if event.call_id == call.call_id]
            assert types[:2] == [EventType.CALL_UNKNOWN, EventType.STREAM_STARTING]

    async def test_an_ended_call(self, relay: World, gateway: Running) -> None:
        """Nothing is streamed from a call that is over."""
        call = await relay.incoming(gateway)
        await relay.emulator.hang_up(call.call_id)
        await gateway.call(call.call_id, CallState.ENDED)
        with pytest.raises(CallEnded):
            await gateway.engine.starts.start(order_for(call), in_time())
        assert not relay.sent(wire.STREAM)

    async def test_a_name_that_is_taken(self, relay: World, gateway: Running) -> None:
        """Names are unique among the call's active streams, and free again after the end."""
        call = await relay.incoming(gateway)
        first, _ = await gateway.engine.starts.start(order_for(call, name="lobby", control_id="a"), in_time())
        with pytest.raises(StreamExists) as caught:
            await gateway.engine.starts.start(order_for(call, name="lobby", control_id="b"), in_time())
        assert caught.value.control_id == "a"
        await gateway.engine.stops.stop(first, in_time(), until_ended=True)
        assert (await gateway.engine.starts.start(order_for(call, name="lobby", control_id="b"), in_time()))[1]

    async def test_the_limit_of_a_call(self, relay: World) -> None:
        """A call has so many active streams at most; ended ones don't count."""
        async with running_engine(relay.emulator, max_streams_per_call=2) as gateway:
            call = await relay.incoming(gateway)
            orders = [order_for(call) for _ in range(3)]
            outcomes = await asyncio.gather(
                *(gateway.engine.starts.start(order, in_time()) for order in orders), return_exceptions=True
            )
            (refused,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            assert isinstance(refused, StreamLimit)
            assert refused.details == {"limit": "2"}
            assert len(relay.sent(wire.STREAM)) == 2
            stream = gateway.registry.streams_of(call.call_id)[0]
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            assert (await gateway.engine.starts.start(order_for(call), in_time()))[1]

    async def test_validate_only_with_replace(self, relay: World, gateway: Running) -> None:
        """The answer is that of the replacement, which may have the name of what it replaces; nothing is stopped."""
        call = await relay.incoming(gateway)
        order = order_for(call, control_id="s", name="lobby")
        await gateway.engine.starts.start(order, in_time())
        dry = replace(order, validate_only=True, conflict_policy=ConflictPolicy.REPLACE, digest="another", codec="PCMA")
        stream, created = await gateway.engine.starts.start(dry, in_time())
        assert (created, stream.codec) == (True, "PCMA")
        assert not relay.sent(wire.STREAM_STOP)

    async def test_validate_only_does_nothing(self, relay: World, gateway: Running) -> None:
        """The answer is that of a start, nothing is recorded or sent, and refusals are the same."""
        call = await relay.incoming(gateway)
        head = gateway.journal.last_sequence
        dry = order_for(call, control_id="s", validate_only=True, until_streaming=True, name="lobby")
        stream, created = await gateway.engine.starts.start(dry, in_time())
        assert (stream.state, stream.node_id, created) == (StreamState.STARTING, call.node_id, True)
        assert gateway.journal.last_sequence == head
        with pytest.raises(CallNotFound):
            await gateway.engine.starts.start(order_for("nobody", validate_only=True), in_time())
        wet, _ = await gateway.engine.starts.start(replace(dry, validate_only=False, until_streaming=False), in_time())
        assert await gateway.engine.starts.start(dry, in_time()) == (wet, False)
        with pytest.raises(StreamExists):
            await gateway.engine.starts.start(replace(dry, digest="another"), in_time())
        with pytest.raises(StreamExists):
            await gateway.engine.starts.start(replace(dry, control_id="t"), in_time())
        assert len(relay.sent(wire.STREAM)) == 1
