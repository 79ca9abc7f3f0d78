"""StopCallStreams and WaitStream with RELAY behind them."""

from pathlib import Path

from callstream.v1 import stream_pb2, stream_service_pb2
from gateway.emulator.actions import Reply
from gateway.emulator.faults import Fault
from tests.support.streaming import open_world


async def test_stop_call_streams(tmp_path: Path) -> None:
    """All streams of the call end, those of others go on."""
    async with open_world(tmp_path) as world:
        call, other = await world.call(), await world.call()
        for control_id in ("a", "b"):
            await world.stream(call, control_id)
        await world.stream(other, "c")
        request = stream_service_pb2.StopCallStreamsRequest(
            call_id=call.call_id, wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED
        )
        results = (await world.client.streams.StopCallStreams(request, timeout=10)).results
        assert sorted(result.stream.control_id for result in results) == ["a", "b"]
        for result in results:
            assert result.stream.state == stream_pb2.STREAM_STATE_FINISHED
            assert result.stream.end_reason == stream_pb2.STREAM_END_REASON_STOP_REQUESTED
            assert not result.HasField("error")
        found = await world.client.streams.GetStream(
            stream_service_pb2.GetStreamRequest(call_id=other.call_id, control_id="c")
        )
        assert found.stream.state == stream_pb2.STREAM_STATE_STREAMING


async def test_stop_call_streams_in_part(tmp_path: Path) -> None:
    """What RELAY refuses is in the stream's own result, with RELAY's code; the others are stopped."""
    async with open_world(tmp_path) as world:
        call = await world.call()
        for control_id in ("a", "b", "c"):
            await world.stream(call, control_id)
        for control_id, code in (("a", "422"), ("b", "500")):
            world.emulator.faults.add(Fault(Reply(code), method="calling.stream.stop", control_id=control_id, times=1))
        request = stream_service_pb2.StopCallStreamsRequest(call_id=call.call_id)
        results = (await world.client.streams.StopCallStreams(request, timeout=10)).results
        told = {
            result.stream.control_id: (result.error.reason, result.error.relay_code, result.error.retryable)
            for result in results
        }
        assert told == {
            "a": ("RELAY_REJECTED", "422", False),
            "b": ("RELAY_FAILED", "500", True),
            "c": ("", "", False),
        }
        origins = {result.error.origin for result in results if result.HasField("error")}
        assert origins == {stream_pb2.STREAM_ERROR_ORIGIN_RELAY}


async def test_wait_stream(tmp_path: Path) -> None:
    """WaitStream returns the stream as RELAY ended it."""
    async with open_world(tmp_path) as world:
        call = await world.call()
        await world.stream(call)
        request = stream_service_pb2.WaitStreamRequest(call_id=call.call_id, control_id="stream-1")
        wait = world.client.streams.WaitStream(request, timeout=10)
        await world.emulator.drop_stream(call.call_id, "stream-1")
        stream = (await wait).stream
        assert stream.state == stream_pb2.STREAM_STATE_FINISHED
        assert stream.end_reason == stream_pb2.STREAM_END_REASON_REMOTE
