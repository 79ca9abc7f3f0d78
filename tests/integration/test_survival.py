"""The gateway is killed while it works: what was promised still holds in the next process."""

from pathlib import Path

from callstream.v1 import call_service_pb2, event_pb2, stream_pb2, stream_service_pb2
from tests.support.running import running_emulator, start_gateway_process


async def test_a_watch_resumes_and_the_stream_can_be_stopped_after_sigkill(tmp_path: Path) -> None:
    """SIGKILL between two events: the watch goes on at its cursor, and StopStream stops the stream that was running."""
    async with running_emulator() as emulator:
        first = await start_gateway_process(emulator.host, tmp_path / "data")
        call = await emulator.place_call(timeout=10)
        await first.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        await first.client.calls.AnswerCall(call_service_pb2.AnswerCallRequest(call_id=call.call_id), timeout=5)
        await first.client.streams.StartStream(
            stream_service_pb2.StartStreamRequest(call_id=call.call_id, control_id="s1", url="wss://localhost:1/audio"),
            timeout=5,
        )
        await first.client.until(event_pb2.EVENT_TYPE_STREAM_UPDATED)
        page = await first.client.streams.ListEvents(stream_service_pb2.ListEventsRequest())
        cursor, seen = page.next_cursor, [event.sequence for event in page.events]
        await first.kill()

        # While nobody is there, RELAY has something to say.
        await emulator.send_event(
            "calling.call.stream",
            {"call_id": call.call_id, "control_id": "s1", "node_id": call.node_id, "state": "streaming"},
        )

        second = await start_gateway_process(emulator.host, tmp_path / "data")
        event = await second.client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING, after_cursor=cursor)
        assert event.sequence > seen[-1]
        stopped = await second.client.streams.StopStream(
            stream_service_pb2.StopStreamRequest(
                call_id=call.call_id, control_id="s1", wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED
            ),
            timeout=10,
        )
        assert stopped.stream.state == stream_pb2.STREAM_STATE_FINISHED
        assert stopped.stream.end_reason == stream_pb2.STREAM_END_REASON_STOP_REQUESTED
        assert not emulator.calls[call.call_id].active_streams
        history = await second.client.streams.ListEvents(stream_service_pb2.ListEventsRequest(page_size=1000))
        sequences = [event.sequence for event in history.events]
        assert sequences == list(range(1, len(sequences) + 1))
        assert event_pb2.EVENT_TYPE_SESSION_RESUMED in [event.type for event in history.events]
        assert await second.terminate() == 0
