"""Restarts: what a gateway takes back of its session, calls, streams and history, and what it does not send again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from callstream.v1 import event_pb2, stream_pb2, stream_service_pb2
from gateway.domain.calls import CallState, DialState
from gateway.domain.errors import OutcomeUnknown
from gateway.domain.events import EventType
from gateway.domain.streams import EndReason, Stream, StreamState
from gateway.emulator.actions import CloseSocket, Drop, Hold
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT
from gateway.emulator.options import NoAnswer
from gateway.engine.clock import Clock
from gateway.engine.orders import DialOrder, EndCall
from gateway.relay import wire
from tests.support.engines import WITHIN, Running, World, in_time, order_for, running_engine, world
from tests.support.running import start_gateway_process

SECURE = "wss://127.0.0.1:1/"


@pytest.fixture
async def relay() -> AsyncIterator[World]:
    """An emulator and an endpoint for audio."""
    async with world() as started:
        yield started


async def streaming(relay: World, gateway: Running, control_id: str, **fields: object) -> str:
    """A call with a stream that runs; returns the call's id."""
    call = await relay.incoming(gateway)
    order = order_for(call, relay.sink.url, control_id=control_id, until_streaming=True, **fields)
    await gateway.engine.starts.start(order, in_time())
    return call.call_id


class TestTakenBack:
    """A second engine on the data directory of the first."""

    async def test_session_calls_and_streams(self, relay: World, tmp_path: Path) -> None:
        """The session is resumed, what was known is known, and commands work as if nothing had happened."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call_id = await streaming(relay, first, "s", labels={"team": "red"}, name="lobby")
            before = first.registry.stream(call_id, "s")
            await first.crash()
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await second.until_type(EventType.SESSION_RESUMED)
            stream = second.registry.stream(call_id, "s")
            assert stream == before
            assert stream is not None
            ended = await second.engine.stops.stop(stream, in_time(), until_ended=True)
            assert (ended.state, ended.end_reason) == (StreamState.FINISHED, EndReason.STOP_REQUESTED)
            await second.engine.calls.end(EndCall(call_id), in_time())
            await second.call(call_id, CallState.ENDED)
            assert EventType.SESSION_GAP not in {event.type for event in await second.events()}

    async def test_what_happened_meanwhile(self, relay: World, tmp_path: Path) -> None:
        """What RELAY reported while no process ran is told after the resume, once."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call_id = await streaming(relay, first, "s")
            await first.crash()
        await relay.emulator.hang_up(call_id)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await second.call(call_id, CallState.ENDED)
            finished = await second.stream("s", StreamState.FINISHED)
            assert (finished.end_reason, finished.end_reason_inferred) == (EndReason.CALL_ENDED, False)

    async def test_duplicates_across_a_restart(self, relay: World, tmp_path: Path) -> None:
        """An event whose acknowledgement was lost with the process comes again, and is dropped."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call = await relay.incoming(first)
            relay.emulator.faults.add(Fault(CloseSocket("before"), method=wire.EVENT, direction=CLIENT_TO_SERVER))
            event_id = await relay.tell(call, "theirs", "streaming")
            await first.stream("theirs", StreamState.STREAMING)
            await first.crash()
        relay.emulator.faults.clear()
        assert event_id in relay.session.unacked
        before = relay.emulator.frames.last_number
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await relay.emulator.frames.wait_for(
                lambda f: f.direction == CLIENT_TO_SERVER and f.is_response and f.json["id"] == event_id and f.passed,
                WITHIN,
                after=before,
            )
            assert second.engine.recorder.duplicates >= 1
            assert [event.event_id for event in await second.events()].count(event_id) == 1

    async def test_the_session_is_gone(self, relay: World, tmp_path: Path) -> None:
        """Without its session nobody knows what became of the streams: they fail, are stopped, and a gap is told."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call_id = await streaming(relay, first, "s")
            await first.crash()
        await relay.emulator.forget_session(relay.session)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await second.until_type(EventType.SESSION_GAP)
            failed = await second.stream("s", StreamState.FAILED)
            assert failed.end_reason is EndReason.SESSION_LOST
            assert (await second.call(call_id, CallState.UNKNOWN)).node_id
            await relay.command(wire.STREAM_STOP)

    async def test_sequences_and_times_go_on(self, relay: World, tmp_path: Path) -> None:
        """Sequences rise across restarts, and no event is older than the one before it, whatever the clock says."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            await relay.incoming(first)
            await first.crash()
        async with running_engine(relay.emulator, tmp_path / "data", clock=Clock(lambda: 1_000_000)) as second:
            await second.until_type(EventType.SESSION_RESUMED)
            await relay.incoming(second)
            events = await second.events()
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        times = [event.receive_time for event in events]
        assert times == sorted(times)
        assert times[0] > 1_000_000

    async def test_a_stop_that_was_owed_when_the_process_ended(self, relay: World, tmp_path: Path) -> None:
        """A stream that was given up with its session, and not stopped yet, is stopped by the next process."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            await streaming(relay, first, "s")
            fault = relay.emulator.faults.add(Fault(Drop(), method=wire.STREAM_STOP))
            await relay.emulator.disconnect(restart=True)
            await first.stream("s", StreamState.FAILED)
            await relay.command(wire.STREAM_STOP)
            await first.crash()
        relay.emulator.faults.remove(fault)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            await relay.command(wire.STREAM_STOP, 2)
            failed = await second.until_type(EventType.STREAM_FAILED, "s")
            updated = await second.until_type(EventType.STREAM_UPDATED, "s", after=failed.sequence)
            assert isinstance(updated.subject, Stream)
            assert not updated.subject.end_reason_inferred


class TestInFlight:
    """What was under way when the process ended."""

    async def _start_in_flight(self, relay: World, tmp_path: Path) -> str:
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call = await relay.incoming(first)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
            order = order_for(call, control_id="s", authorization_bearer_token="endpoint-secret")
            starting = asyncio.create_task(first.engine.starts.start(order, in_time()))
            await relay.command(wire.STREAM)
            await first.crash()
            with pytest.raises(OutcomeUnknown):
                await starting
        relay.emulator.faults.clear()
        return call.call_id

    async def test_a_start_is_settled_by_an_event(self, relay: World, tmp_path: Path) -> None:
        """A start whose answer the process did not live to hear is UNKNOWN, not sent again, and settled by RELAY."""
        call_id = await self._start_in_flight(relay, tmp_path)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            stream = second.registry.stream(call_id, "s")
            assert stream is not None
            assert stream.state is StreamState.UNKNOWN
            await relay.tell(relay.emulator.calls[call_id], "s", "streaming")
            await second.stream("s", StreamState.STREAMING)
            assert await second.types_of("s") == ["STARTING", "UNKNOWN", "STREAMING"]
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_a_start_is_settled_by_its_client(self, relay: World, tmp_path: Path) -> None:
        """Asking again with the same control id tells what became of it."""
        call_id = await self._start_in_flight(relay, tmp_path)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            order = order_for(call_id, control_id="s", authorization_bearer_token="endpoint-secret")
            stream, _ = await second.engine.starts.start(order, in_time())
            assert (stream.state, stream.accepted) == (StreamState.STARTING, True)
        assert len(relay.sent(wire.STREAM)) == 2

    async def test_a_start_is_settled_by_the_start_timeout(self, relay: World, tmp_path: Path) -> None:
        """If nothing is heard of it, it is stopped in the end."""
        await self._start_in_flight(relay, tmp_path)
        async with running_engine(relay.emulator, tmp_path / "data", start_timeout=0.3) as second:
            stream = await second.stream("s", StreamState.FAILED)
            assert stream.end_reason is EndReason.START_TIMEOUT
        assert len(relay.sent(wire.STREAM)) == 1

    async def test_a_start_that_was_written_and_perhaps_sent(self, relay: World, tmp_path: Path) -> None:
        """A process that ended with a start in the journal does not know whether RELAY has it: it becomes UNKNOWN."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call = await relay.incoming(first)
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM))
            starting = asyncio.create_task(first.engine.starts.start(order_for(call, control_id="s"), in_time()))
            await relay.command(wire.STREAM)
            # What follows is not written any more, as if the process had been killed here.
            first.journal._writer._write = lambda items, *, again: first.journal._state  # type: ignore[method-assign]
            await first.crash()
            await asyncio.wait([starting])
            starting.exception()
        relay.emulator.faults.clear()
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            assert await second.types_of("s") == ["STARTING", "UNKNOWN"]
            assert len(relay.sent(wire.STREAM)) == 1

    async def test_a_stop(self, relay: World, tmp_path: Path) -> None:
        """A stop whose answer was lost with the process is sent again by the next one."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            call_id = await streaming(relay, first, "s")
            relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM_STOP))
            stream = first.engine.stops.find(call_id, "s", "")
            stopping = asyncio.create_task(first.engine.stops.stop(stream, in_time(), until_ended=True))
            await relay.command(wire.STREAM_STOP)
            await first.stream("s", StreamState.STOPPING)
            await first.crash()
            with pytest.raises(OutcomeUnknown):
                await stopping
        relay.emulator.faults.clear()
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            ended = await second.stream("s", StreamState.FINISHED)
            assert (ended.end_reason, ended.end_reason_inferred) == (EndReason.STOP_REQUESTED, False)

    async def test_the_longest_duration(self, relay: World, tmp_path: Path) -> None:
        """A stream's longest duration counts from when it began to stream, also across processes."""
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            await streaming(relay, first, "s", max_duration=100_000)
            await first.crash()
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            ended = await second.stream("s", StreamState.FINISHED)
            assert ended.end_reason is EndReason.MAX_DURATION

    async def test_a_dial(self, relay: World, tmp_path: Path) -> None:
        """A dial goes on; the next process tells how it ends to who asks with its tag."""
        relay.emulator.devices["+1"] = NoAnswer()
        device = {"type": "phone", "params": {"from_number": "+2", "to_number": "+1"}}
        async with running_engine(relay.emulator, tmp_path / "data") as first:
            dialing = asyncio.create_task(first.engine.calls.dial(DialOrder("t", [[device]]), in_time()))
            ringing = await first.until_type(EventType.CALL_RINGING)
            await first.crash()
            await asyncio.wait([dialing])
            assert dialing.exception() is not None
        await relay.emulator.answer_far_end(ringing.call_id)
        async with running_engine(relay.emulator, tmp_path / "data") as second:
            dial, call = await second.engine.calls.dial(DialOrder("t", [[device]]), in_time())
            assert (dial.state, call.call_id) == (DialState.ANSWERED, ringing.call_id)
        assert len(relay.sent(wire.DIAL)) == 1


class TestKilled:
    """The real process, and SIGKILL."""

    async def test_a_killed_process_is_taken_over(self, relay: World, tmp_path: Path) -> None:
        """Session, call, stream and history survive kill -9; a watch goes on at its cursor, and commands work."""
        data_dir = tmp_path / "data"
        first = await start_gateway_process(relay.emulator.host, data_dir)
        call = await relay.emulator.place_call(timeout=WITHIN)
        received = await first.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        request = stream_service_pb2.StartStreamRequest(
            call_id=received.call_id,
            control_id="s",
            url=SECURE,
            authorization_bearer_token="endpoint-secret",
            max_duration=Duration(seconds=3600),
        )
        await first.client.streams.StartStream(request, timeout=WITHIN)
        await relay.tell(call, "s", "streaming")
        await first.client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
        cursor = ""
        watch = first.client.streams.WatchEvents(
            stream_service_pb2.WatchEventsRequest(from_oldest=True, bookmark_interval=Duration(seconds=1))
        )
        seen: list[int] = []
        async for response in watch:
            cursor = response.cursor
            seen += [event.sequence for event in response.events.events]
            if any(event.type == event_pb2.EVENT_TYPE_STREAM_STREAMING for event in response.events.events):
                break
        watch.cancel()
        await first.kill()
        await relay.tell(call, "s", "connecting")  # RELAY keeps it for who resumes the session

        second = await start_gateway_process(relay.emulator.host, data_dir)
        try:
            again = await second.client.streams.StartStream(request, timeout=WITHIN)
            assert not again.created
            assert again.stream.state == stream_pb2.STREAM_STATE_STREAMING
            stop = stream_service_pb2.StopStreamRequest(
                call_id=call.call_id,
                control_id="s",
                wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED,
            )
            stopped = await second.client.streams.StopStream(stop, timeout=WITHIN)
            assert stopped.stream.state == stream_pb2.STREAM_STATE_FINISHED
            types = []
            async for event in second.client.events(after_cursor=cursor):
                seen.append(event.sequence)
                types.append(event.type)
                if event.type == event_pb2.EVENT_TYPE_STREAM_FINISHED:
                    break
            assert seen == list(range(1, len(seen) + 1))
            assert event_pb2.EVENT_TYPE_SESSION_RESUMED in types
            assert event_pb2.EVENT_TYPE_SESSION_GAP not in types
            assert len(relay.sent(wire.STREAM)) == 1
        finally:
            code = await second.terminate()
        assert code == 0
        kept = b"".join(path.read_bytes() for path in data_dir.iterdir() if path.is_file())
        assert b"endpoint-secret" not in kept

    async def test_killed_while_relay_thinks(self, relay: World, tmp_path: Path) -> None:
        """A start that was sent when the process was killed is UNKNOWN afterwards, and is not sent a second time."""
        data_dir = tmp_path / "data"
        first = await start_gateway_process(relay.emulator.host, data_dir)
        call = await relay.emulator.place_call(timeout=WITHIN)
        await first.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        relay.emulator.faults.add(Fault(Hold(), method=wire.STREAM, direction=SERVER_TO_CLIENT))
        request = stream_service_pb2.StartStreamRequest(call_id=call.call_id, control_id="s", url=SECURE)
        starting = first.client.streams.StartStream(request, timeout=WITHIN)
        waiting = asyncio.ensure_future(starting.code())
        await relay.command(wire.STREAM)
        await first.kill()
        await waiting
        relay.emulator.faults.clear()
        second = await start_gateway_process(relay.emulator.host, data_dir)
        try:
            unknown = await second.client.until(event_pb2.EVENT_TYPE_STREAM_UNKNOWN)
            assert unknown.control_id == "s"
            await relay.emulator.hang_up(call.call_id)
            finished = await second.client.until(event_pb2.EVENT_TYPE_STREAM_FINISHED)
            assert finished.stream.end_reason == stream_pb2.STREAM_END_REASON_CALL_ENDED
            assert len(relay.sent(wire.STREAM)) == 1
        finally:
            await second.terminate()
