"""What becomes of a start: RELAY's answers, lost answers, silence. An engine with a real session, and faults."""

import asyncio
from typing import Any

import pytest

from gateway.domain.calls import CallState
from gateway.domain.errors import (
    CallEnded,
    CallNotFound,
    CallstreamError,
    DeadlineExceeded,
    Draining,
    InvalidRequest,
    JournalUnavailable,
    OutcomeUnknown,
    RelayDisconnected,
    RelayFailed,
    RelayRejected,
)
from gateway.domain.events import EventType
from gateway.domain.streams import EndReason, ErrorOrigin, StreamState
from gateway.emulator.actions import CloseSocket, Drop, Duplicate, Hold, Reply, ReplyError
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.emulator.model import Call
from gateway.relay import wire
from gateway.relay.protocol import Timeouts
from gateway.relay.session import SessionState
from tests.support.engines import (
    Running,
    World,
    failing,
    in_time,
    order_for,
    running_engine,
    soon,
    stalled,
)

ANSWER_OF_START: dict[str, Any] = {"method": wire.STREAM, "direction": SERVER_TO_CLIENT}


class TestAnswers:
    """What RELAY says to a start."""

    @pytest.mark.parametrize("code", ["400", "402", "409", "422"])
    async def test_a_refusal(self, relay: World, gateway: Running, code: str) -> None:
        """RELAY's refusal is the error, and the end of the stream."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Reply(code, "no"), method=wire.STREAM, times=1))
        with pytest.raises(RelayRejected) as caught:
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        assert caught.value.details == {"relay_method": wire.STREAM, "relay_code": code, "relay_message": "no"}
        stream = await gateway.stream("s", StreamState.FAILED)
        assert stream.end_reason is EndReason.REJECTED
        assert stream.error is not None
        assert (stream.error.origin, stream.error.relay_code, stream.error.retryable) == (
            ErrorOrigin.RELAY,
            code,
            False,
        )
        known = gateway.registry.call(call.call_id)
        assert known is not None
        assert not known.ended

    async def test_a_json_rpc_error(self, relay: World, gateway: Running) -> None:
        """Bad params can come as a JSON-RPC error as well."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(ReplyError(wire.INVALID_PARAMS, "bad"), method=wire.STREAM))
        with pytest.raises(RelayRejected) as caught:
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        assert caught.value.code == "-32602"
        assert (await gateway.stream("s", StreamState.FAILED)).end_reason is EndReason.REJECTED

    @pytest.mark.parametrize(("code", "error"), [("404", CallNotFound), ("410", CallEnded)])
    async def test_a_call_that_is_gone(
        self, relay: World, gateway: Running, code: str, error: type[CallstreamError]
    ) -> None:
        """RELAY has no such call any more: it ends, and so do its other streams."""
        call = await relay.incoming(gateway)
        await gateway.engine.starts.start(order_for(call, control_id="other"), in_time())
        relay.emulator.faults.add(Fault(Reply(code), method=wire.STREAM))
        with pytest.raises(error):
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        ended = await gateway.call(call.call_id, CallState.ENDED)
        assert (ended.end_reason, ended.end_reason_inferred) == ("not_found", True)
        assert (await gateway.stream("s", StreamState.FAILED)).end_reason is EndReason.REJECTED
        assert (await gateway.stream("other", StreamState.FINISHED)).end_reason is EndReason.CALL_ENDED

    async def test_a_failure_of_relay(self, relay: World, gateway: Running) -> None:
        """A 5xx is worth another try, which the same control id allows."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Reply("503", "busy"), method=wire.STREAM, times=1))
        order = order_for(call, control_id="s")
        with pytest.raises(RelayFailed):
            await gateway.engine.starts.start(order, in_time())
        failed = await gateway.stream("s", StreamState.FAILED)
        assert failed.error is not None
        assert failed.error.retryable
        assert (await gateway.engine.starts.start(order, in_time()))[1]

    async def test_an_answer_that_comes_twice(self, relay: World, gateway: Running) -> None:
        """The second answer is passed over."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Duplicate(3), **ANSWER_OF_START))
        await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        stream, _ = await gateway.engine.starts.start(order_for(call), in_time())
        assert await gateway.types_of("s") == ["STARTING"]
        assert stream.accepted

    async def test_streaming_before_the_result(self, relay: World, gateway: Running) -> None:
        """RELAY's report of audio may overtake its answer."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), **ANSWER_OF_START))
        starting = asyncio.create_task(
            gateway.engine.starts.start(order_for(call, relay.sink.url, control_id="s"), in_time())
        )
        await gateway.stream("s", StreamState.STREAMING)
        assert not starting.done()
        relay.emulator.faults.clear()
        stream, created = await starting
        assert (stream.state, created) == (StreamState.STREAMING, True)
        assert await gateway.types_of("s") == ["STARTING", "STREAMING"]

    async def test_until_streaming_and_stopped_before(self, relay: World) -> None:
        """Who waits for audio is told how it ended, not that it is about to."""
        async with running_engine(relay.emulator, start_timeout=0.1) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP))
            order = order_for(call, control_id="s", until_streaming=True)
            starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
            await gateway.stream("s", StreamState.STOPPING)
            await asyncio.wait([starting], timeout=0.05)
            assert not starting.done()
            relay.emulator.faults.clear()
            stream, _ = await starting
            assert (stream.state, stream.end_reason) == (StreamState.FAILED, EndReason.START_TIMEOUT)

    async def test_until_streaming(self, relay: World, gateway: Running) -> None:
        """Who wants to wait for audio gets the stream once RELAY reports it."""
        call = await relay.incoming(gateway)
        order = order_for(call, control_id="s", until_streaming=True)
        starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await relay.emulator.frames.wait_for(lambda frame: frame.is_response and frame.method == wire.STREAM)
        await asyncio.wait([starting], timeout=0.01)
        assert not starting.done()
        await relay.tell(call, "s", "streaming")
        stream, _ = await starting
        assert stream.state is StreamState.STREAMING
        assert gateway.journal.head >= gateway.registry.sequence_of(stream)

    async def test_finished_without_streaming(self, relay: World, gateway: Running) -> None:
        """Who waits for audio that never flows gets the failed stream."""
        call = await relay.incoming(gateway)
        order = order_for(call, control_id="s", until_streaming=True)
        starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await relay.emulator.frames.wait_for(lambda frame: frame.is_response and frame.method == wire.STREAM)
        await relay.tell(call, "s", "finished")
        stream, _ = await starting
        assert (stream.state, stream.end_reason) == (StreamState.FAILED, EndReason.NEVER_STREAMED)
        assert stream.error is not None
        assert stream.error.origin is ErrorOrigin.RELAY

    async def test_the_call_ends_meanwhile(self, relay: World, gateway: Running) -> None:
        """Who waits for audio gets the stream that its call has taken along."""
        call = await relay.incoming(gateway)
        order = order_for(call, control_id="s", until_streaming=True)
        starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
        await relay.emulator.frames.wait_for(lambda frame: frame.is_response and frame.method == wire.STREAM)
        await relay.emulator.hang_up(call.call_id)
        stream, _ = await starting
        assert (stream.state, stream.end_reason) == (StreamState.FINISHED, EndReason.CALL_ENDED)


class TestNeverSent:
    """Nothing goes to RELAY without somebody who waits for it."""

    async def test_the_deadline_has_passed(self, relay: World, gateway: Running) -> None:
        """A start whose time is over fails, and RELAY never hears of it."""
        call = await relay.incoming(gateway)
        with pytest.raises(DeadlineExceeded) as caught:
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time(-1.0))
        assert not caught.value.sent
        stream = await gateway.stream("s", StreamState.FAILED)
        assert stream.end_reason is EndReason.NEVER_STREAMED
        assert stream.error is not None
        assert (stream.error.reason, stream.error.origin) == ("DEADLINE_EXCEEDED", ErrorOrigin.CLIENT)
        assert not relay.sent(wire.STREAM)

    async def test_there_is_no_session(self, relay: World) -> None:
        """A caller who waits for ever is told at once, one with a deadline before it passes; nothing is recorded."""
        async with running_engine(relay.emulator, relay_wait=0.01) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            await gateway.until_type(EventType.SESSION_DOWN)
            for deadline in (None, in_time(), in_time(0.01)):
                with pytest.raises(RelayDisconnected):
                    await gateway.engine.starts.start(order_for(call), deadline)
            assert not gateway.registry.streams_of(call.call_id)

    async def test_the_caller_leaves_while_there_is_no_session(self, relay: World, gateway: Running) -> None:
        """What was waiting for the session is gone with its caller, and is not sent when the session is back."""
        call = await relay.incoming(gateway)
        relay.emulator.refuse_connections()
        await relay.emulator.cut()
        down = await gateway.until_type(EventType.SESSION_DOWN)
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call), in_time()))
        await asyncio.wait([starting], timeout=0.01)
        starting.cancel()
        await asyncio.wait([starting])
        relay.emulator.refuse_connections(None)
        await gateway.until_type(EventType.SESSION_RESUMED, after=down.sequence)
        await gateway.engine.starts.start(order_for(call, control_id="later"), in_time())
        assert [frame.params["control_id"] for frame in relay.sent(wire.STREAM)] == ["later"]

    async def test_the_caller_leaves_before_the_intent_is_durable(self, relay: World, gateway: Running) -> None:
        """Until the start is sent, a caller who leaves takes it along; the stream says so."""
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
            await soon(lambda: gateway.registry.stream(call.call_id, "s") is not None)
            starting.cancel()
            await asyncio.wait([starting])
        stream = await gateway.stream("s", StreamState.FAILED)
        assert (stream.end_reason, stream.error and stream.error.reason) == (EndReason.NEVER_STREAMED, "CANCELLED")
        await gateway.engine.starts.start(order_for(call), in_time())
        assert "s" not in {frame.params["control_id"] for frame in relay.sent(wire.STREAM)}

    async def test_the_journal_fails(self, relay: World, gateway: Running) -> None:
        """What could not be made durable is not sent, and as long as the disk refuses nothing new is taken."""
        call = await relay.incoming(gateway)
        with failing(gateway.journal):
            with pytest.raises(JournalUnavailable, match="disk I/O error"):
                await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            with pytest.raises(JournalUnavailable, match="can't be written"):
                await gateway.engine.starts.start(order_for(call), in_time())
        stream = await gateway.stream("s", StreamState.FAILED)
        assert (stream.end_reason, stream.error and stream.error.reason) == (
            EndReason.NEVER_STREAMED,
            "JOURNAL_UNAVAILABLE",
        )
        assert not relay.sent(wire.STREAM)

    async def test_the_call_ends_before_the_intent_is_durable(self, relay: World, gateway: Running) -> None:
        """A start whose call ends while it is written is not sent."""
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
            await soon(lambda: gateway.registry.stream(call.call_id, "s") is not None)
            await relay.emulator.hang_up(call.call_id)
            await soon(lambda: not gateway.registry.active_call_count)
        with pytest.raises(CallEnded):
            await starting
        assert not relay.sent(wire.STREAM)

    async def test_the_connection_is_lost_before_it_is_sent(self, relay: World, gateway: Running) -> None:
        """A start that found no session after all was never sent, and its caller hears so."""
        call = await relay.incoming(gateway)
        with stalled(gateway.journal):
            starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
            await soon(lambda: gateway.registry.stream(call.call_id, "s") is not None)
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            await soon(lambda: gateway.engine.session.state is not SessionState.CONNECTED)
        with pytest.raises(RelayDisconnected):
            await starting
        relay.emulator.refuse_connections(None)
        stream = await gateway.stream("s", StreamState.FAILED)
        assert (stream.end_reason, stream.error and stream.error.origin) == (
            EndReason.NEVER_STREAMED,
            ErrorOrigin.GATEWAY,
        )
        assert not relay.sent(wire.STREAM)

    async def test_what_cannot_be_said_in_json(self, relay: World, gateway: Running) -> None:
        """A request that has no form on RELAY's wire is wrong; its stream fails, and RELAY hears nothing."""
        call = await relay.incoming(gateway)
        with pytest.raises(InvalidRequest):
            await gateway.engine.starts.start(
                order_for(call, control_id="s", custom_parameters={"text": "\ud800"}), in_time()
            )
        stream = await gateway.stream("s", StreamState.FAILED)
        assert stream.error is not None
        assert (stream.error.origin, stream.error.retryable) == (ErrorOrigin.CLIENT, False)
        assert not relay.sent(wire.STREAM)

    async def test_while_the_process_drains(self, relay: World, gateway: Running) -> None:
        """A process that leaves takes no new starts."""
        call = await relay.incoming(gateway)
        await gateway.engine.drain(0.0)
        with pytest.raises(Draining):
            await gateway.engine.starts.start(order_for(call), in_time())
        assert not relay.sent(wire.STREAM)


class TestLostAnswers:
    """RELAY got the start, and its answer never arrived."""

    async def test_asked_again_and_relay_has_it(self, relay: World, gateway: Running) -> None:
        """After the resume the same control id is asked for again; 409 says that the first answer was yes."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.STREAM, times=1))
        stream, created = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        assert (stream.state, stream.accepted, stream.error, created) == (StreamState.STARTING, True, None, True)
        assert [frame.params["control_id"] for frame in relay.sent(wire.STREAM)] == ["s", "s"]
        answers = [f.json["result"]["code"] for f in relay.emulator.frames if f.is_response and f.method == wire.STREAM]
        assert answers[-1] == "409"
        assert await gateway.types_of("s") == ["STARTING", "UNKNOWN", "STARTING"]

    async def test_asked_again_and_relay_never_got_it(self, relay: World, gateway: Running) -> None:
        """After the resume RELAY takes the second request as the first."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("before"), method=wire.STREAM, times=1))
        relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM, times=1))
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        stream, created = await gateway.engine.starts.start(order, in_time())
        assert (stream.state, created) == (StreamState.STREAMING, True)
        assert len(relay.sent(wire.STREAM)) == 2

    async def test_asked_again_and_relay_refuses(self, relay: World, gateway: Running) -> None:
        """Any other refusal of the second request is RELAY's answer."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("before"), method=wire.STREAM, times=1))
        relay.emulator.faults.add(Fault(Reply("402", "pay"), method=wire.STREAM, nth=2))
        relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM, times=1))
        with pytest.raises(RelayRejected):
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        assert (await gateway.stream("s", StreamState.FAILED)).end_reason is EndReason.REJECTED

    async def test_asked_again_and_relay_fails(self, relay: World, gateway: Running) -> None:
        """A 5xx to the second request says nothing about the first: the stream stays UNKNOWN until an event tells."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.STREAM, times=1))
        relay.emulator.faults.add(Fault(Reply("503"), method=wire.STREAM, nth=2))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        stream = gateway.registry.stream(call.call_id, "s")
        assert stream is not None
        assert stream.state is StreamState.UNKNOWN
        await relay.tell(call, "s", "streaming")
        await gateway.stream("s", StreamState.STREAMING)

    async def test_no_answer_ever(self, relay: World) -> None:
        """A request that RELAY does not answer is asked again as well, on the same connection."""
        async with running_engine(relay.emulator, timeouts=Timeouts(request=0.3)) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Drop(), **ANSWER_OF_START, times=1))
            stream, _ = await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            assert stream.accepted
            assert len(relay.sent(wire.STREAM)) == 2

    async def test_an_event_tells_before_anybody_asks_again(self, relay: World) -> None:
        """Once RELAY has reported the stream, the missing answer is of no interest."""
        async with running_engine(relay.emulator, timeouts=Timeouts(request=0.3)) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Drop(), **ANSWER_OF_START))
            order = order_for(call, relay.sink.url, control_id="s")
            stream, created = await gateway.engine.starts.start(order, in_time())
            assert (stream.state, created) == (StreamState.STREAMING, True)
            assert len(relay.sent(wire.STREAM)) == 1
            assert await gateway.types_of("s") == ["STARTING", "STREAMING"]

    async def test_the_session_does_not_come_back_in_time(self, relay: World) -> None:
        """The caller is told that the outcome is unknown, never that nothing was sent; asking again settles it."""
        async with running_engine(relay.emulator, relay_wait=0.05) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
            order = order_for(call, control_id="s")
            starting = asyncio.create_task(gateway.engine.starts.start(order, in_time()))
            await relay.command(wire.STREAM)
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            with pytest.raises(OutcomeUnknown):
                await starting
            stream = await gateway.stream("s", StreamState.UNKNOWN)
            assert stream.error is not None
            assert (stream.error.reason, stream.error.retryable) == ("OUTCOME_UNKNOWN", True)
            relay.emulator.faults.clear()
            relay.emulator.refuse_connections(None)
            settled, _ = await gateway.engine.starts.start(order, in_time())
            assert (settled.state, settled.error, settled.create_time) == (
                StreamState.STARTING,
                None,
                stream.create_time,
            )

    async def test_a_caller_without_a_deadline(self, relay: World, gateway: Running) -> None:
        """Who waits for ever would wait for a session that may never come: the outcome is unknown at once."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.STREAM, times=1))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.starts.start(order_for(call, control_id="s"), None)
        await relay.tell(call, "s", "streaming")
        await gateway.stream("s", StreamState.STREAMING)
        assert len(relay.sent(wire.STREAM)) == 1

    async def _orphaned(self, relay: World, gateway: Running, call: Call, control_id: str) -> None:
        """A start is sent, its caller leaves, and then the connection is lost before RELAY has answered."""
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, times=1))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id=control_id), in_time()))
        await relay.command(wire.STREAM)
        starting.cancel()
        await asyncio.wait([starting])
        head = gateway.journal.last_sequence
        await relay.emulator.cut()
        await gateway.until_type(EventType.SESSION_RESUMED, after=head)

    async def test_the_caller_has_gone_and_an_event_settles(self, relay: World, gateway: Running) -> None:
        """Nothing is asked again for a caller that has gone; RELAY's report tells that the stream runs."""
        call = await relay.incoming(gateway)
        await self._orphaned(relay, gateway, call, "s")
        await gateway.stream("s", StreamState.UNKNOWN)
        await relay.tell(call, "s", "streaming")
        stream = await gateway.stream("s", StreamState.STREAMING)
        assert (stream.error, stream.accepted) == (None, True)
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_the_caller_has_gone_and_the_call_ends(self, relay: World, gateway: Running) -> None:
        """The end of the call ends a stream of unknown outcome."""
        call = await relay.incoming(gateway)
        await self._orphaned(relay, gateway, call, "s")
        await relay.emulator.hang_up(call.call_id)
        stream = await gateway.stream("s", StreamState.FINISHED)
        assert (stream.end_reason, stream.end_reason_inferred) == (EndReason.CALL_ENDED, True)
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_the_caller_has_gone_and_nothing_is_heard(self, relay: World) -> None:
        """The start timeout stops a stream of unknown outcome; that RELAY has none is its end."""
        async with running_engine(relay.emulator, start_timeout=0.5) as gateway:
            call = await relay.incoming(gateway)
            await self._orphaned(relay, gateway, call, "s")
            stream = await gateway.stream("s", StreamState.FAILED)
            assert (stream.end_reason, stream.error and stream.error.reason) == (
                EndReason.START_TIMEOUT,
                "START_TIMEOUT",
            )
            assert await gateway.types_of("s") == ["STARTING", "UNKNOWN", "STOPPING", "FAILED"]
            assert (len(relay.sent(wire.STREAM)), len(relay.sent(wire.STREAM_STOP))) == (1, 1)

    async def test_the_caller_leaves_while_waiting_to_ask_again(self, relay: World, gateway: Running) -> None:
        """Leaving takes the second question along: the first one stays unknown, and nothing more is sent."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, times=1))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        relay.emulator.refuse_connections()
        await relay.emulator.cut()
        unknown = await gateway.until_type(EventType.STREAM_UNKNOWN)
        starting.cancel()
        await asyncio.wait([starting])
        relay.emulator.refuse_connections(None)
        await gateway.until_type(EventType.SESSION_RESUMED, after=unknown.sequence)
        await gateway.engine.starts.start(order_for(call, control_id="later"), in_time())
        assert [frame.params["control_id"] for frame in relay.sent(wire.STREAM)] == ["s", "later"]
        stream = gateway.registry.stream(call.call_id, "s")
        assert stream is not None
        assert stream.state is StreamState.UNKNOWN

    async def test_the_caller_leaves_and_the_answer_comes(self, relay: World, gateway: Running) -> None:
        """A start that was sent is seen to its end without its caller."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, times=1))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        starting.cancel()
        await asyncio.wait([starting])
        relay.emulator.faults.release()
        event = await gateway.until_type(EventType.STREAM_UPDATED, "s")
        assert event.subject is not None
        assert await gateway.types_of("s") == ["STARTING"]

    async def test_the_process_leaves_while_relay_thinks(self, relay: World, gateway: Running) -> None:
        """A start that was sent is not taken for one that never was: it is UNKNOWN, and its caller hears so."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, times=1))
        starting = asyncio.create_task(gateway.engine.starts.start(order_for(call, control_id="s"), in_time()))
        await relay.command(wire.STREAM)
        await gateway.engine.drain(0.0)
        with pytest.raises(OutcomeUnknown):
            await starting
        await gateway.stream("s", StreamState.UNKNOWN)


class TestTime:
    """Start timeout and longest duration."""

    async def test_silence(self, relay: World) -> None:
        """RELAY accepts the start and reports nothing: the stream is stopped, and fails as START_TIMEOUT."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            order = order_for(call, control_id="s", until_streaming=True)
            stream, _ = await gateway.engine.starts.start(order, in_time())
            ended = await gateway.engine.stops.ended(stream)
            assert (ended.state, ended.end_reason) == (StreamState.FAILED, EndReason.START_TIMEOUT)
            assert ended.error is not None
            assert ended.error.message.startswith("RELAY accepted the start")
            assert await gateway.types_of("s") == ["STARTING", "STOPPING", "FAILED"]
            (stop,) = relay.sent(wire.STREAM_STOP)
            assert stop.params == {"node_id": call.node_id, "call_id": call.call_id, "control_id": "s"}

    async def test_a_stream_of_somebody_else_is_left_alone(self, relay: World) -> None:
        """A stream that this gateway did not start has no start timeout here."""
        async with running_engine(relay.emulator, start_timeout=0.3) as gateway:
            call = await relay.incoming(gateway)
            await relay.tell(call, "theirs", "connecting")
            await gateway.stream("theirs", StreamState.STARTING)
            ours, _ = await gateway.engine.starts.start(order_for(call), in_time())
            await gateway.engine.stops.ended(ours)
            assert [frame.params["control_id"] for frame in relay.sent(wire.STREAM_STOP)] == [ours.control_id]

    async def test_max_duration(self, relay: World, gateway: Running) -> None:
        """A stream with a longest duration is stopped after it."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", max_duration=50_000)
        await gateway.engine.starts.start(order, in_time())
        stream = await gateway.stream("s", StreamState.FINISHED)
        assert (stream.end_reason, stream.end_reason_inferred) == (EndReason.MAX_DURATION, False)
        assert stream.end_time - stream.start_time >= 50_000
        assert await gateway.types_of("s") == ["STARTING", "STREAMING", "STOPPING", "FINISHED"]
        assert len(relay.sent(wire.STREAM_STOP)) == 1

    async def test_nothing_is_started_after_it_was_given_up(self, relay: World) -> None:
        """A start whose stop is under way is not asked for again, or it would run after its end."""
        async with running_engine(relay.emulator, start_timeout=0.4, timeouts=Timeouts(request=0.8)) as gateway:
            call = await relay.incoming(gateway)
            relay.emulator.faults.add(Fault(Drop(), **ANSWER_OF_START))
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP))
            with pytest.raises(OutcomeUnknown):
                await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
            assert len(relay.sent(wire.STREAM)) == 1
            relay.emulator.faults.clear()
            assert (await gateway.stream("s", StreamState.FAILED)).end_reason is EndReason.START_TIMEOUT
