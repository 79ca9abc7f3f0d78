"""The session's events, acknowledgements, duplicates and gaps: an engine with a real session, against the emulator."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.calls import CallState
from gateway.domain.errors import DialFailed, OutcomeUnknown, StreamNotFound
from gateway.domain.events import EventType, SessionChange
from gateway.domain.streams import EndReason, Stream, StreamState
from gateway.emulator.actions import Drop, Duplicate, Hold, Reply, ReplyError
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT, Frame
from gateway.engine.ingest import MAX_PARAMS
from gateway.engine.orders import DialOrder
from gateway.journal.session_store import MemorySessionStore
from gateway.journal.sqlite import open_journal
from gateway.relay import wire
from gateway.relay.session import CredentialsRefused
from tests.support.engines import Running, World, in_time, make_engine, order_for, running_engine, soon, stalled, world

CUSTOM = "calling.call.collect"


def ack_of(event_id: str) -> Callable[[Frame], bool]:
    """Whether a frame acknowledges an event."""
    return lambda frame: frame.direction == CLIENT_TO_SERVER and frame.is_response and frame.json["id"] == event_id


class TestSession:
    """What clients hear of the session."""

    async def test_up_down_and_resumed(self, relay: World, gateway: Running) -> None:
        """A new session, its loss and its return are events; calls and streams go on."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        await gateway.engine.starts.start(order, in_time())
        await relay.emulator.cut()
        resumed = await gateway.until_type(EventType.SESSION_RESUMED)
        types = [event.type for event in await gateway.events() if isinstance(event.subject, SessionChange)]
        assert types == [EventType.SESSION_UP, EventType.SESSION_DOWN, EventType.SESSION_RESUMED]
        assert isinstance(resumed.subject, SessionChange)
        assert resumed.subject.missing_since == 0
        assert gateway.registry.active_stream_count == 1
        status = gateway.engine.session.status()
        assert (status.connects, status.resumes) == (2, 1)

    async def test_events_of_the_meantime_come_after_the_resume(self, relay: World, gateway: Running) -> None:
        """What RELAY reported while the connection was lost is told after SESSION_RESUMED, and nothing is missing."""
        call = await relay.incoming(gateway)
        relay.emulator.refuse_connections()
        await relay.emulator.cut()
        await relay.emulator.hang_up(call.call_id)
        relay.emulator.refuse_connections(None)
        resumed = await gateway.until_type(EventType.SESSION_RESUMED)
        ended = await gateway.until_type(EventType.CALL_ENDED)
        assert ended.sequence > resumed.sequence

    async def test_a_gap(self, relay: World, gateway: Running) -> None:
        """A session that could not be restored fails its streams, stops them at RELAY, and unknows its calls."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        started, _ = await gateway.engine.starts.start(order, in_time())
        ended_call = await relay.incoming(gateway)
        await relay.emulator.hang_up(ended_call.call_id)
        await gateway.call(ended_call.call_id, CallState.ENDED)
        await relay.emulator.disconnect(restart=True)
        gap = await gateway.until_type(EventType.SESSION_GAP)
        assert isinstance(gap.subject, SessionChange)
        assert gap.subject.missing_since >= started.start_time
        failed = await gateway.stream("s", StreamState.FAILED)
        assert (failed.end_reason, failed.end_reason_inferred) == (EndReason.SESSION_LOST, True)
        assert failed.error is not None
        assert failed.error.retryable
        assert (await gateway.call(call.call_id, CallState.UNKNOWN)).node_id == call.node_id
        assert (await gateway.call(ended_call.call_id, CallState.ENDED)).ended
        stop = await relay.command(wire.STREAM_STOP)
        assert stop.params["control_id"] == "s"
        confirmed = await gateway.until_type(EventType.STREAM_UPDATED, "s", after=gap.sequence)
        assert isinstance(confirmed.subject, Stream)
        assert not confirmed.subject.end_reason_inferred

    async def test_a_call_of_a_lost_session_can_be_commanded(self, relay: World, gateway: Running) -> None:
        """The gateway still knows where the call is, and RELAY gives it to the session that asks."""
        call = await relay.incoming(gateway)
        await relay.emulator.disconnect(restart=True)
        await gateway.call(call.call_id, CallState.UNKNOWN)
        order = order_for(call, relay.sink.url, until_streaming=True)
        assert (await gateway.engine.starts.start(order, in_time()))[0].state is StreamState.STREAMING

    async def test_a_session_that_went_stale(self, relay: World, gateway: Running) -> None:
        """A session that RELAY has forgotten meanwhile is a gap as well."""
        relay.emulator.refuse_connections()
        session = relay.session
        await relay.emulator.cut()
        await relay.emulator.forget_session(session)
        relay.emulator.refuse_connections(None)
        await gateway.until_type(EventType.SESSION_GAP)
        types = [event.type for event in await gateway.events()]
        assert EventType.SESSION_RESUMED not in types

    async def test_a_dial_of_a_lost_session_fails(self, relay: World, gateway: Running) -> None:
        """Nobody would report how it ends."""
        relay.emulator.faults.add(Fault(Reply("200"), method=wire.DIAL))
        dialing = asyncio.create_task(gateway.engine.calls.dial(DialOrder("t", [[{}]]), in_time()))
        await relay.command(wire.DIAL)
        await relay.emulator.disconnect(restart=True)
        with pytest.raises((DialFailed, OutcomeUnknown)):
            await dialing
        await gateway.until_type(EventType.DIAL_FAILED)

    async def test_leaving(self, relay: World, tmp_path: Path) -> None:
        """A process that leaves says so in the journal, and its session can be taken up."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            await relay.incoming(first)
        assert not relay.session.connected
        assert not relay.session.unacked
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await second.until_type(EventType.SESSION_RESUMED)
            types = [event.type for event in await second.events() if isinstance(event.subject, SessionChange)]
            assert types == [EventType.SESSION_UP, EventType.SESSION_DOWN, EventType.SESSION_RESUMED]

    async def test_refused_credentials_end_it(self, relay: World) -> None:
        """Credentials that were never taken end the engine; it does not ask for ever."""
        journal = open_journal(None)
        relay.emulator.faults.add(Fault(ReplyError(wire.AUTHENTICATION_FAILED), method=wire.CONNECT))
        engine = make_engine(relay.emulator.host, journal, MemorySessionStore())
        with pytest.raises(ExceptionGroup) as caught:
            await engine.run()
        assert caught.group_contains(CredentialsRefused)
        await engine.close()
        await journal.close()


class TestAcknowledgement:
    """Events are RELAY's until they are durable."""

    async def test_after_the_commit(self, relay: World, gateway: Running) -> None:
        """While the disk takes nothing no event is acknowledged; afterwards each is, once."""
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            event_id = await relay.tell(call, "theirs", "streaming")
            await soon(lambda: gateway.registry.stream(call.call_id, "theirs") is not None)
            # The session is not held up: RELAY's questions are answered meanwhile.
            await relay.emulator.send_frame({"jsonrpc": "2.0", "id": "p", "method": wire.PING, "params": {}})
            await relay.emulator.frames.wait_for(ack_of("p"))
            assert event_id in relay.session.unacked
            assert not [frame for frame in relay.emulator.frames if ack_of(event_id)(frame)]
        await relay.emulator.frames.wait_for(ack_of(event_id))
        assert event_id not in relay.session.unacked

    async def test_what_was_not_acknowledged_comes_again(self, relay: World, gateway: Running) -> None:
        """A lost acknowledgement costs a repetition, which clients never see."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Drop(), event_type=CUSTOM, direction=CLIENT_TO_SERVER, times=1))
        (event_id,) = await relay.emulator.send_event(CUSTOM, {"call_id": call.call_id, "result": {"digits": "1"}})
        await relay.emulator.frames.wait_for(ack_of(event_id))
        assert event_id in relay.session.unacked
        number = relay.emulator.frames.last_number
        await relay.emulator.cut()
        await relay.emulator.frames.wait_for(ack_of(event_id), after=number)
        events = [event for event in await gateway.events() if event.relay_event_type == CUSTOM]
        assert [event.event_id for event in events] == [event_id]
        assert gateway.engine.recorder.duplicates == 1

    async def test_duplicates_are_dropped(self, relay: World, gateway: Running) -> None:
        """An event that arrives several times, even at once, appears once; each arrival is acknowledged."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Duplicate(3), event_type=CUSTOM, direction=SERVER_TO_CLIENT, times=1))
        received = gateway.engine.ingest.received
        (event_id,) = await relay.emulator.send_event(CUSTOM, {"call_id": call.call_id})
        acks: list[Frame] = []
        for _ in range(4):
            acks.append(await relay.emulator.frames.wait_for(ack_of(event_id), after=acks[-1].number if acks else 0))
        assert gateway.engine.ingest.received == received + 4
        assert gateway.engine.recorder.duplicates == 3
        assert len([event for event in await gateway.events() if event.event_id == event_id]) == 1

    async def test_a_duplicate_of_what_is_not_durable_yet(self, relay: World, gateway: Running) -> None:
        """A repetition is not acknowledged before what it repeats is durable."""
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            received = gateway.engine.ingest.received
            event_id = await relay.tell(call, "theirs", "streaming")
            await soon(lambda: gateway.engine.ingest.received == received + 1)
            relay.emulator._sessions.redeliver(relay.session)
            await soon(lambda: gateway.engine.recorder.duplicates > 0)
            await relay.emulator.send_frame({"jsonrpc": "2.0", "id": "p", "method": wire.PING, "params": {}})
            await relay.emulator.frames.wait_for(ack_of("p"))
            assert not [frame for frame in relay.emulator.frames if ack_of(event_id)(frame)]
        await relay.emulator.frames.wait_for(ack_of(event_id))


class TestReports:
    """What RELAY reports becomes events."""

    async def test_an_event_carries_relays_own_words(self, relay: World, gateway: Running) -> None:
        """Type, time, id and params are kept as RELAY gave them, on the event that is about them."""
        call = await relay.incoming(gateway)
        event_id = await relay.tell(call, "theirs", "streaming", url="wss://a.example/", tag="t")
        event = await gateway.until_type(EventType.STREAM_STREAMING, "theirs")
        assert (event.event_id, event.relay_event_type) == (event_id, wire.CALL_STREAM)
        assert b'"state":"streaming"' in event.relay_params
        assert 0 < event.relay_time <= event.receive_time + 1_000_000
        stream = await gateway.stream("theirs")
        assert (stream.url, stream.tag, stream.request_digest) == ("wss://a.example/", "t", "")

    async def test_an_unknown_type(self, relay: World, gateway: Running) -> None:
        """What the gateway makes nothing of is passed on under its call and stream."""
        params = {"call_id": "c", "control_id": "x", "anything": [1, 2]}
        await relay.emulator.send_event(CUSTOM, params)
        event = await gateway.until_type(EventType.RELAY_OTHER)
        assert (event.call_id, event.control_id, event.relay_event_type) == ("c", "x", CUSTOM)
        assert event.relay_params == b'{"call_id":"c","control_id":"x","anything":[1,2]}'

    @pytest.mark.parametrize("params", [{"call_id": 5}, {"call_id": None}, {"no": "ids"}])
    async def test_an_unknown_type_without_ids(self, relay: World, gateway: Running, params: dict[str, Any]) -> None:
        """Ids that are none are left out."""
        await relay.emulator.send_event(CUSTOM, params)
        event = await gateway.until_type(EventType.RELAY_OTHER)
        assert (event.call_id, event.control_id) == ("", "")

    async def test_params_that_are_too_large(self, relay: World, gateway: Running) -> None:
        """What no client could take is left out; the event itself stays."""
        await relay.emulator.send_event(CUSTOM, {"call_id": "c", "text": "x" * MAX_PARAMS})
        event = await gateway.until_type(EventType.RELAY_OTHER)
        assert (event.call_id, event.relay_params) == ("c", b"")

    async def test_a_stream_of_an_unknown_call(self, relay: World, gateway: Running) -> None:
        """The call is taken in before its stream, with the node that the report tells."""
        params = {"call_id": "c", "node_id": "n", "control_id": "x", "state": "streaming"}
        await relay.emulator.send_event(wire.CALL_STREAM, params)
        await gateway.stream("x", StreamState.STREAMING)
        assert [event.type for event in await gateway.events() if event.call_id == "c"] == [
            EventType.CALL_UNKNOWN,
            EventType.STREAM_STREAMING,
        ]
        assert (await gateway.call("c")).node_id == "n"

    @pytest.mark.parametrize("device", [None, {}, {"type": "phone", "params": 5}, {"params": {"a": 1}}])
    async def test_devices_of_any_shape(self, relay: World, gateway: Running, device: Any) -> None:
        """A device that is no device does not cost the event."""
        params = {"call_id": "c", "node_id": "n", "call_state": "ringing", "device": device}
        await relay.emulator.send_event(wire.CALL_STATE, params)
        assert (await gateway.call("c", CallState.RINGING)).node_id == "n"

    @pytest.mark.parametrize("order", ["before", "after", "late", "omitted"])
    async def test_the_end_of_a_call_in_any_order(self, order: str) -> None:
        """Whatever RELAY says about a call's streams at its end, they end once, with it, and before it."""
        async with world(finished_at_call_end=order, late_finish=0.0) as relay, running_engine(relay.emulator) as ours:
            call = await relay.incoming(ours)
            started = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
            await ours.engine.starts.start(started, in_time())
            await relay.emulator.hang_up(call.call_id)
            ended = await ours.until_type(EventType.CALL_ENDED)
            finished = await ours.until_type(EventType.STREAM_FINISHED, "s")
            assert isinstance(finished.subject, Stream)
            assert finished.subject.end_reason is EndReason.CALL_ENDED
            assert finished.subject.end_reason_inferred is (order != "before")
            assert finished.sequence < ended.sequence
            if order in {"after", "late"}:
                confirmed = await ours.until_type(EventType.STREAM_UPDATED, "s", after=ended.sequence)
                assert isinstance(confirmed.subject, Stream)
                assert not confirmed.subject.end_reason_inferred
            assert (await ours.types_of("s")).count("FINISHED") == 1


class TestGivenUp:
    """Streams that show life after they were given up would run for nobody."""

    async def test_a_stream_that_begins_after_its_timeout(self, relay: World) -> None:
        """A `streaming` that comes when the stream has failed brings another stop."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            await gateway.engine.stops.ended(stream)
            assert len(relay.sent(wire.STREAM_STOP)) == 1
            await relay.tell(call, "s", "streaming")
            await relay.command(wire.STREAM_STOP, 2)
            assert (await gateway.types_of("s"))[-1] == "FAILED"

    async def test_a_stop_that_relay_refused(self, relay: World) -> None:
        """A stream that was given up with its session is stopped until RELAY takes the stop."""
        async with running_engine(relay.emulator, start_timeout=0.8) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
            await gateway.engine.starts.start(order, in_time())
            relay.emulator.faults.add(Fault(Reply("403"), method=wire.STREAM_STOP, times=1))
            await relay.emulator.disconnect(restart=True)
            gap = await gateway.until_type(EventType.SESSION_GAP)
            updated = await gateway.until_type(EventType.STREAM_UPDATED, "s", after=gap.sequence)
            assert isinstance(updated.subject, Stream)
            assert not updated.subject.end_reason_inferred
            assert len(relay.sent(wire.STREAM_STOP)) == 2

    async def test_silence_counts_only_while_relay_can_be_heard(self, relay: World) -> None:
        """A stream is not given up for what RELAY could not say: its report of the meantime comes first."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            await relay.tell(call, "s", "streaming")
            fired = asyncio.Event()
            gateway.engine._context.timers.after(0.6, fired.set)  # the stream's own came and went by then
            await fired.wait()
            assert (await gateway.types_of("s")) == ["STARTING"]
            relay.emulator.refuse_connections(None)
            await gateway.stream("s", StreamState.STREAMING)
            assert (await gateway.types_of("s")) == ["STARTING", "STREAMING"]
            assert not relay.sent(wire.STREAM_STOP)

    async def test_stops_of_two_streams_of_one_control_id(self, relay: World) -> None:
        """A stop on its way for a former stream does not stand in for that of its successor."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            first, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            await gateway.engine.stops.ended(first)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP, times=1))
            await relay.tell(call, "s", "streaming")
            await relay.command(wire.STREAM_STOP, 2)
            second, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            await gateway.until_type(EventType.STREAM_STOPPING, "s", after=gateway.registry.sequence_of(second))
            relay.emulator.faults.clear()
            ended = await gateway.engine.stops.ended(second)
            assert (ended.state, ended.end_reason) == (StreamState.FAILED, EndReason.START_TIMEOUT)
            await relay.command(wire.STREAM_STOP, 3)


class TestTimersThatCameToNothing:
    """A deadline that passes after the stream has moved on has no effect."""

    async def _wait_out(self, gateway: Running, seconds: float) -> None:
        fired = asyncio.Event()
        gateway.engine._context.timers.after(seconds, fired.set)  # fires after those that were set for earlier times
        await fired.wait()

    async def test_stop_timeout(self, relay: World) -> None:
        """A stop that was confirmed is not asked again."""
        async with running_engine(relay.emulator, stop_timeout=0.02) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
            stream, _ = await gateway.engine.starts.start(order, in_time())
            ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            await self._wait_out(gateway, 0.05)
            assert gateway.registry.stream(*stream.key) == ended
            assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_max_duration(self, relay: World, gateway: Running) -> None:
        """A stream that ended before its longest duration is not stopped, nor is its successor."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True, max_duration=30_000)
        await gateway.engine.starts.start(order, in_time())
        await relay.emulator.drop_stream(call.call_id, "s")
        stream = await gateway.stream("s", StreamState.FINISHED)
        await self._wait_out(gateway, 0.06)
        assert (stream.end_reason, relay.sent(wire.STREAM_STOP)) == (EndReason.REMOTE, [])

    async def test_a_stream_that_was_forgotten(self, relay: World) -> None:
        """A stop that is owed to a stream nobody remembers is let go."""
        async with running_engine(relay.emulator, ended_retention=0.0, retry_delay=0.1) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
            stream, _ = await gateway.engine.starts.start(order, in_time())
            relay.emulator.faults.add(Fault(Reply("503"), method=wire.STREAM_STOP))
            await relay.emulator.disconnect(restart=True)
            await relay.command(wire.STREAM_STOP)
            await soon(lambda: gateway.registry.stream(*stream.key) is None)
            await soon(lambda: not gateway.engine._settlement._owed)
            assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_a_refusal_for_one_that_was_forgotten(self, relay: World) -> None:
        """A refusal of such a stop brings nobody back."""
        async with running_engine(relay.emulator, ended_retention=0.0) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
            stream, _ = await gateway.engine.starts.start(order, in_time())
            for action in (Reply("403"), Hold()):
                relay.emulator.faults.add(Fault(action, method=wire.STREAM_STOP, direction=SERVER_TO_CLIENT))
            relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STREAM))
            await relay.emulator.disconnect(restart=True)
            await relay.command(wire.STREAM_STOP)
            await soon(lambda: gateway.registry.stream(*stream.key) is None)
            relay.emulator.faults.clear()
            await soon(lambda: not gateway.engine._settlement._owed)
            assert gateway.registry.stream(*stream.key) is None


class TestSweep:
    """What ended is forgotten in the end."""

    async def test_what_ended_long_ago(self, relay: World) -> None:
        """Calls and streams are forgotten after their retention; the events stay."""
        async with running_engine(relay.emulator, ended_retention=0.0) as gateway:
            call = await relay.incoming(gateway)
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            await relay.emulator.hang_up(call.call_id)
            await gateway.stream("s", StreamState.FINISHED)
            await soon(lambda: not list(gateway.registry.calls()))
            assert gateway.registry.stream(*stream.key) is None
            assert "FINISHED" in await gateway.types_of("s")

    async def test_somebody_waits_for_the_end(self, relay: World) -> None:
        """Whoever waits for a stream that is forgotten as soon as it ends is told, and does not wait for ever."""
        async with running_engine(relay.emulator, ended_retention=0.0, sweep_interval=0.001) as gateway:
            call = await relay.incoming(gateway)
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            waiting = asyncio.create_task(gateway.engine.stops.ended(stream))
            with stalled(gateway.journal):
                await relay.emulator.hang_up(call.call_id)
                await soon(lambda: gateway.registry.stream(*stream.key) is None)
            with pytest.raises(StreamNotFound):
                await waiting

    async def test_more_than_is_kept(self, relay: World) -> None:
        """Beyond a number of ended ones the oldest are forgotten early."""
        async with running_engine(relay.emulator, ended_kept=1) as gateway:
            calls = [await relay.incoming(gateway) for _ in range(3)]
            for call in calls:
                await relay.emulator.hang_up(call.call_id)
                await gateway.until_type(EventType.CALL_ENDED)
            await gateway.until(lambda e: e.type is EventType.CALL_ENDED and e.call_id == calls[-1].call_id)
            await soon(lambda: [call.call_id for call in gateway.registry.calls()] == [calls[-1].call_id])
