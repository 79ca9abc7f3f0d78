"""Stopping streams: an engine with a real session, against the emulator and its faults."""

import asyncio
from typing import Any

import pytest

from gateway.domain.calls import CallState
from gateway.domain.errors import (
    CallNotFound,
    DeadlineExceeded,
    Draining,
    JournalUnavailable,
    OutcomeUnknown,
    RelayDisconnected,
    RelayFailed,
    RelayRejected,
    StreamNotFound,
)
from gateway.domain.events import EventType
from gateway.domain.streams import EndReason, Stream, StreamState
from gateway.emulator.actions import CloseSocket, Drop, Hold, Reply
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.emulator.model import Call
from gateway.engine.stops import StopFailure
from gateway.relay import wire
from gateway.relay.protocol import Timeouts
from tests.support.engines import Running, World, failing, in_time, order_for, running_engine, soon, stalled


async def streaming(relay: World, gateway: Running, call: Call, control_id: str, **fields: Any) -> Stream:
    """A stream that runs."""
    order = order_for(call, relay.sink.url, control_id=control_id, until_streaming=True, **fields)
    stream, _ = await gateway.engine.starts.start(order, in_time())
    assert stream.state is StreamState.STREAMING
    return stream


class TestFind:
    """Which stream is meant."""

    async def test_by_control_id_and_by_name(self, relay: World, gateway: Running) -> None:
        """A stream is found under both."""
        call = await relay.incoming(gateway)
        await streaming(relay, gateway, call, "a", name="lobby")
        await streaming(relay, gateway, call, "b")
        assert gateway.engine.stops.find(call.call_id, "b", "").control_id == "b"
        assert gateway.engine.stops.find(call.call_id, "", "lobby").control_id == "a"

    async def test_the_active_one_of_a_name(self, relay: World, gateway: Running) -> None:
        """A name means the stream that is active, or else the one that ended last."""
        call = await relay.incoming(gateway)
        first = await streaming(relay, gateway, call, "a", name="lobby")
        await gateway.engine.stops.stop(first, in_time(), until_ended=True)
        assert gateway.engine.stops.find(call.call_id, "", "lobby").control_id == "a"
        await streaming(relay, gateway, call, "b", name="lobby")
        assert gateway.engine.stops.find(call.call_id, "", "lobby").control_id == "b"

    async def test_none(self, relay: World, gateway: Running) -> None:
        """What is not there is told by the words that were asked for."""
        call = await relay.incoming(gateway)
        for control_id, name, told in (("s", "", "s"), ("", "lobby", "lobby")):
            with pytest.raises(StreamNotFound) as caught:
                gateway.engine.stops.find(call.call_id, control_id, name)
            assert caught.value.details == {"call_id": call.call_id, "stream": told}


class TestStop:
    """One stream."""

    async def test_a_running_stream(self, relay: World, gateway: Running) -> None:
        """RELAY gets the stop, the endpoint its goodbye, and the stream ends as asked."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert (ended.state, ended.end_reason, ended.end_reason_inferred) == (
            StreamState.FINISHED,
            EndReason.STOP_REQUESTED,
            False,
        )
        assert await gateway.types_of("s") == ["STARTING", "STREAMING", "STOPPING", "FINISHED"]
        (frame,) = relay.sent(wire.STREAM_STOP)
        assert frame.params == {"node_id": call.node_id, "call_id": call.call_id, "control_id": "s"}
        await (await relay.sink.wait_stream()).wait_stopped()

    async def test_it_answers_once_relay_has_taken_it(self, relay: World, gateway: Running) -> None:
        """Without waiting for the end, the stream is STOPPING when RELAY has taken the stop."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Hold(), event_type=wire.CALL_STREAM))
        stopping = await gateway.engine.stops.stop(stream, in_time(), until_ended=False)
        assert (stopping.state, stopping.end_reason) == (StreamState.STOPPING, EndReason.STOP_REQUESTED)
        waiting = asyncio.create_task(gateway.engine.stops.ended(stopping))
        await asyncio.wait([waiting], timeout=0.01)
        assert not waiting.done()
        relay.emulator.faults.clear()
        assert (await waiting).state is StreamState.FINISHED

    async def test_the_end_is_durable(self, relay: World, gateway: Running) -> None:
        """Who waits for the end hears of it once it is in the journal."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        with stalled(gateway.journal):
            await relay.emulator.drop_stream(call.call_id, "s")
            await soon(lambda: not gateway.registry.active_stream_count)
            waiting = asyncio.create_task(gateway.engine.stops.ended(stream))
            await asyncio.wait([waiting], timeout=0.01)
            assert not waiting.done()
        ended = await waiting
        assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.REMOTE)
        assert gateway.journal.head >= gateway.registry.sequence_of(ended)

    async def test_a_stream_that_has_ended(self, relay: World, gateway: Running) -> None:
        """Stopping what has ended succeeds, and RELAY is not bothered."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        for until_ended in (False, True):
            assert await gateway.engine.stops.stop(stream, in_time(), until_ended=until_ended) == ended
        assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_twice_at_once(self, relay: World, gateway: Running) -> None:
        """Several clients may stop the same stream; all of them get its end."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        ends = await asyncio.gather(*(gateway.engine.stops.stop(stream, in_time(), until_ended=True) for _ in range(3)))
        assert {(end.state, end.end_reason) for end in ends} == {(StreamState.FINISHED, EndReason.STOP_REQUESTED)}
        assert await gateway.types_of("s") == ["STARTING", "STREAMING", "STOPPING", "FINISHED"]

    async def test_while_it_is_starting(self, relay: World, gateway: Running) -> None:
        """A stop waits for the answer to the start, so that RELAY knows the stream when it comes."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        stream = gateway.engine.stops.find(call.call_id, "s", "")
        stopping = asyncio.create_task(gateway.engine.stops.stop(stream, in_time(), until_ended=True))
        await asyncio.wait([stopping], timeout=0.01)
        assert not relay.sent(wire.STREAM_STOP)
        relay.emulator.faults.clear()
        assert (await starting)[1]
        ended = await stopping
        assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)
        assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_a_start_that_fails_needs_no_stop(self, relay: World, gateway: Running) -> None:
        """If RELAY refuses the start meanwhile, there is nothing to stop."""
        call = await relay.incoming(gateway)
        hold = relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
        relay.emulator.faults.add(Fault(Reply("422"), method=wire.STREAM, response=True))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        stream = gateway.engine.stops.find(call.call_id, "s", "")
        stopping = asyncio.create_task(gateway.engine.stops.stop(stream, in_time(), until_ended=False))
        await asyncio.wait([stopping], timeout=0.01)
        relay.emulator.faults.remove(hold)
        with pytest.raises(RelayRejected):
            await starting
        assert (await stopping).state is StreamState.FAILED
        assert not relay.sent(wire.STREAM_STOP)

    async def test_a_start_that_does_not_get_its_answer(
        self, relay: World, gateway: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stop does not wait for ever for the answer to the start; afterwards the start is of no use to anybody."""
        monkeypatch.setattr("gateway.engine.stops._START_PATIENCE", 0.01)
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        stream = gateway.engine.stops.find(call.call_id, "s", "")
        ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)
        relay.emulator.faults.clear()
        assert (await starting)[0].state is StreamState.FINISHED

    async def test_a_start_that_was_not_sent_yet(
        self, relay: World, gateway: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stop that overtakes its start ends the stream, and the start is never sent."""
        monkeypatch.setattr("gateway.engine.stops._START_PATIENCE", 0.01)
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
            await soon(lambda: gateway.registry.stream(call.call_id, "s") is not None)
            stream = gateway.engine.stops.find(call.call_id, "s", "")
            await gateway.engine.stops.stop(stream, in_time(), until_ended=False)
        with pytest.raises(OutcomeUnknown, match="stopped while"):
            await starting
        assert not relay.sent(wire.STREAM)
        assert (await gateway.stream("s", StreamState.FINISHED)).end_reason is EndReason.STOP_REQUESTED


class TestAnswers:
    """What RELAY says to a stop."""

    async def test_relay_has_no_such_stream(self, relay: World, gateway: Running) -> None:
        """404 is about the stream: it has ended, whatever was missed; the call goes on."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Reply("404"), method=wire.STREAM_STOP))
        ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert (ended.state, ended.end_reason, ended.end_reason_inferred) == (
            StreamState.FINISHED,
            EndReason.STOP_REQUESTED,
            True,
        )
        assert gateway.registry.active_call_count == 1

    async def test_relay_has_no_such_call(self, relay: World, gateway: Running) -> None:
        """410 is about the call: it is over, with all of its streams."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        await streaming(relay, gateway, call, "other")
        relay.emulator.faults.add(Fault(Reply("410"), method=wire.STREAM_STOP))
        ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)
        assert (await gateway.call(call.call_id, CallState.ENDED)).end_reason_inferred
        assert (await gateway.stream("other", StreamState.FINISHED)).end_reason is EndReason.CALL_ENDED

    async def test_relay_refuses(self, relay: World, gateway: Running) -> None:
        """Any other refusal is the error, and the stream goes on."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Reply("403", "not yours"), method=wire.STREAM_STOP))
        with pytest.raises(RelayRejected) as caught:
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert caught.value.code == "403"
        assert await gateway.types_of("s") == ["STARTING", "STREAMING", "STOPPING", "STREAMING"]
        known = gateway.registry.stream(*stream.key)
        assert known is not None
        assert (known.state, known.end_reason) == (StreamState.STREAMING, EndReason.UNSPECIFIED)

    async def test_relay_refuses_to_stop_what_never_streamed(self, relay: World) -> None:
        """A stream that goes on starting still has its start timeout, also if that came due in between."""
        async with running_engine(relay.emulator, start_timeout=0.4) as gateway:
            call = await relay.incoming(gateway)
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            about: dict[str, Any] = {"control_id": "s", "direction": SERVER_TO_CLIENT}
            relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STREAM, **about))
            relay.emulator.faults.add(Fault(Reply("403"), method=wire.STREAM_STOP, times=1, **about))
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP, times=1, **about))
            stopping = asyncio.create_task(gateway.engine.stops.stop(stream, in_time(), until_ended=False))
            await relay.command(wire.STREAM_STOP)
            # Another stream's timeout, set later, tells that this one's has come and gone.
            later, _ = await gateway.engine.starts.start(order_for(call), in_time())
            await gateway.engine.stops.ended(later)
            relay.emulator.faults.release()
            with pytest.raises(RelayRejected):
                await stopping
            ended = await gateway.engine.stops.ended(stream)
            assert (ended.state, ended.end_reason) == (StreamState.FAILED, EndReason.START_TIMEOUT)

    async def test_relay_refuses_what_the_gateway_wants_stopped(self, relay: World) -> None:
        """A stream that did not begin in time is stopped again, after another start timeout."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Reply("403"), method=wire.STREAM_STOP, times=1))
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            ended = await gateway.engine.stops.ended(stream)
            assert (ended.state, ended.end_reason) == (StreamState.FAILED, EndReason.START_TIMEOUT)
            assert await gateway.types_of("s") == ["STARTING", "STOPPING", "STARTING", "STOPPING", "FAILED"]
            assert len(relay.sent(wire.STREAM_STOP)) == 2

    async def test_relay_refuses_to_end_a_long_stream(self, relay: World) -> None:
        """A stream beyond its longest duration is stopped again as well."""
        async with running_engine(relay.emulator, start_timeout=0.2) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Reply("403"), method=wire.STREAM_STOP, times=1))
            order = order_for(call, relay.sink.url, control_id="s", max_duration=10_000)
            stream, _ = await gateway.engine.starts.start(order, in_time())
            ended = await gateway.engine.stops.ended(stream)
            assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.MAX_DURATION)
            assert len(relay.sent(wire.STREAM_STOP)) == 2

    async def test_relay_fails(self, relay: World, gateway: Running) -> None:
        """After a 5xx the caller may go; the gateway asks again until RELAY takes the stop."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Reply("503"), method=wire.STREAM_STOP, times=3))
        with pytest.raises(RelayFailed):
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        ended = await gateway.engine.stops.ended(stream)
        assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)
        assert len(relay.sent(wire.STREAM_STOP)) == 4


class TestLost:
    """What was sent and not answered, or could not be sent."""

    async def test_a_lost_answer_is_settled(self, relay: World, gateway: Running) -> None:
        """The caller is told; the gateway asks again after the resume, and RELAY's 404 settles it."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STREAM))
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.STREAM_STOP, times=1))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        ended = await gateway.engine.stops.ended(stream)
        assert (ended.state, ended.end_reason, ended.end_reason_inferred) == (
            StreamState.FINISHED,
            EndReason.STOP_REQUESTED,
            True,
        )

    async def test_a_stop_that_relay_never_got(self, relay: World, gateway: Running) -> None:
        """A stop that was lost on the way is sent again after the resume."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(CloseSocket("before"), method=wire.STREAM_STOP, times=1))
        relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM_STOP, times=1))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        ended = await gateway.engine.stops.ended(stream)
        assert (ended.end_reason, ended.end_reason_inferred) == (EndReason.STOP_REQUESTED, False)
        assert len(relay.sent(wire.STREAM_STOP)) == 2

    async def test_no_answer_on_a_good_connection(self, relay: World) -> None:
        """RELAY that does not answer a stop is asked again after a while."""
        async with running_engine(relay.emulator, timeouts=Timeouts(request=0.3)) as gateway:
            call = await relay.incoming(gateway)
            stream = await streaming(relay, gateway, call, "s")
            relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM_STOP, times=2))
            with pytest.raises(OutcomeUnknown):
                await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            assert (await gateway.engine.stops.ended(stream)).end_reason is EndReason.STOP_REQUESTED
            assert len(relay.sent(wire.STREAM_STOP)) == 3

    async def test_finished_never_comes(self, relay: World) -> None:
        """RELAY takes the stop and never reports the end: it is asked once more, then the end is concluded."""
        async with running_engine(relay.emulator, stop_timeout=0.1) as gateway:
            call = await relay.incoming(gateway)
            stream = await streaming(relay, gateway, call, "s")
            relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STREAM))
            relay.emulator.faults.add(Fault(Reply("200"), method=wire.STREAM_STOP))
            ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            assert (ended.state, ended.end_reason, ended.end_reason_inferred) == (
                StreamState.FINISHED,
                EndReason.STOP_REQUESTED,
                True,
            )
            assert len(relay.sent(wire.STREAM_STOP)) == 2

    async def test_a_late_finished_confirms(self, relay: World) -> None:
        """RELAY's own word for an end that was concluded makes it certain."""
        async with running_engine(relay.emulator, stop_timeout=0.1) as gateway:
            call = await relay.incoming(gateway)
            stream = await streaming(relay, gateway, call, "s")
            relay.emulator.faults.add(Fault(Hold(), event_type=wire.CALL_STREAM, direction=SERVER_TO_CLIENT))
            relay.emulator.faults.add(Fault(Reply("200"), method=wire.STREAM_STOP, nth=2))
            ended = await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            assert ended.end_reason_inferred
            relay.emulator.faults.clear()
            event = await gateway.until_type(EventType.STREAM_UPDATED, "s", after=gateway.registry.sequence_of(ended))
            assert isinstance(event.subject, Stream)
            assert not event.subject.end_reason_inferred

    async def test_nothing_is_concluded_without_an_answer(self, relay: World) -> None:
        """As long as RELAY has not answered the stop, its silence is not taken for the end."""
        async with running_engine(relay.emulator, stop_timeout=0.05, timeouts=Timeouts(request=0.1)) as gateway:
            call = await relay.incoming(gateway)
            stream = await streaming(relay, gateway, call, "s")
            relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM_STOP, times=5))
            with pytest.raises(OutcomeUnknown):
                await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            ended = await gateway.engine.stops.ended(stream)
            assert not ended.end_reason_inferred
            assert len(relay.sent(wire.STREAM_STOP)) == 6

    async def test_the_caller_leaves(self, relay: World, gateway: Running) -> None:
        """A stop that was sent goes on without its caller."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP))
        stopping = asyncio.create_task(gateway.engine.stops.stop(stream, in_time(), until_ended=True))
        await relay.command(wire.STREAM_STOP)
        stopping.cancel()
        await asyncio.wait([stopping])
        relay.emulator.faults.clear()
        assert (await gateway.stream("s", StreamState.FINISHED)).end_reason is EndReason.STOP_REQUESTED


class TestNeverSent:
    """Stops that RELAY never hears of leave the stream as it is."""

    async def test_no_session(self, relay: World) -> None:
        """Without a session in time nothing is sent, then or later."""
        async with running_engine(relay.emulator, relay_wait=0.01) as gateway:
            call = await relay.incoming(gateway)
            stream = await streaming(relay, gateway, call, "s")
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            down = await gateway.until_type(EventType.SESSION_DOWN)
            with pytest.raises(RelayDisconnected):
                await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
            relay.emulator.refuse_connections(None)
            await gateway.until_type(EventType.SESSION_RESUMED, after=down.sequence)
            assert (await gateway.types_of("s"))[-1] == "STREAMING"
            assert not relay.sent(wire.STREAM_STOP)

    async def test_too_late_draining_or_failing(self, relay: World, gateway: Running) -> None:
        """The deadline, a disk that refuses and a process that leaves each keep a stop from being sent."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        with pytest.raises(DeadlineExceeded):
            await gateway.engine.stops.stop(stream, in_time(-1), until_ended=True)
        with failing(gateway.journal):
            gateway.engine.recorder.append([])
            await soon(lambda: gateway.journal.failure is not None)
            with pytest.raises(JournalUnavailable):
                await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        await soon(lambda: gateway.journal.failure is None)
        await gateway.engine.drain(0.0)
        with pytest.raises(Draining):
            await gateway.engine.stops.stop(stream, in_time(), until_ended=True)
        assert not relay.sent(wire.STREAM_STOP)

    async def test_waiters_are_sent_elsewhere_by_a_drain(self, relay: World, gateway: Running) -> None:
        """Who waits for an end hears that this process will not see it."""
        call = await relay.incoming(gateway)
        stream = await streaming(relay, gateway, call, "s")
        waiting = asyncio.create_task(gateway.engine.stops.ended(stream))
        await asyncio.wait([waiting], timeout=0.01)
        await gateway.engine.drain(0.0)
        with pytest.raises(Draining):
            await waiting
        with pytest.raises(Draining):
            await gateway.engine.stops.ended(stream)


class TestStopAll:
    """Every stream of a call."""

    async def test_all_of_them(self, relay: World, gateway: Running) -> None:
        """Active streams are stopped side by side; those that have ended are not told of."""
        call = await relay.incoming(gateway)
        first = await streaming(relay, gateway, call, "gone")
        await gateway.engine.stops.stop(first, in_time(), until_ended=True)
        for control_id in ("a", "b"):
            await streaming(relay, gateway, call, control_id)
        outcomes = await gateway.engine.stops.stop_all(call.call_id, in_time(), until_ended=True)
        assert [(end.control_id, end.state) for end in outcomes if isinstance(end, Stream)] == [
            ("a", StreamState.FINISHED),
            ("b", StreamState.FINISHED),
        ]

    async def test_what_went_wrong_is_told_for_each(self, relay: World, gateway: Running) -> None:
        """One refusal does not keep the others from ending."""
        call = await relay.incoming(gateway)
        for control_id in ("a", "b"):
            await streaming(relay, gateway, call, control_id)
        relay.emulator.faults.add(Fault(Reply("403"), method=wire.STREAM_STOP, control_id="a"))
        refused, ended = await gateway.engine.stops.stop_all(call.call_id, in_time(), until_ended=True)
        assert isinstance(refused, StopFailure)
        assert isinstance(refused.error, RelayRejected)
        assert (refused.stream.control_id, refused.stream.state) == ("a", StreamState.STREAMING)
        assert isinstance(ended, Stream)
        assert ended.state is StreamState.FINISHED

    async def test_none(self, relay: World, gateway: Running) -> None:
        """A call without streams has nothing to stop; a call that nobody knows is an error."""
        call = await relay.incoming(gateway)
        assert await gateway.engine.stops.stop_all(call.call_id, in_time(), until_ended=True) == []
        with pytest.raises(CallNotFound):
            await gateway.engine.stops.stop_all("nobody", in_time(), until_ended=True)
