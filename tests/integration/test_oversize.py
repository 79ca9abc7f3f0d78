"""Whatever size RELAY's events have, a client with gRPC's ordinary limits can receive all of them."""

from typing import Any

import pytest

from callstream.v1 import event_pb2
from tests.support.running import running_emulator, running_gateway

HUGE = "x" * 5_000_000


@pytest.mark.parametrize(
    ("event_type", "params"),
    [
        ("calling.call.stream", {"call_id": "c", "control_id": "s", "state": "streaming", "url": HUGE}),
        ("calling.call.stream", {"call_id": HUGE, "control_id": "s", "state": "streaming"}),
        ("calling.call.state", {"call_id": "c", "call_state": "ringing", "device": {"type": HUGE, "params": {}}}),
        ("calling.call.state", {"call_id": "c", "call_state": "ringing", "device": {"params": {"note": HUGE}}}),
        ("calling.call.dial", {"tag": "t", "dial_state": "answered", "call": {"call_id": HUGE}}),
        ("calling.call.play", {"call_id": HUGE}),
    ],
)
async def test_a_huge_event_stops_no_watch(event_type: str, params: dict[str, Any]) -> None:
    """The watch delivers it without what is too large, and goes on."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        await emulator.send_event(event_type, params)
        await emulator.send_event("calling.call.last", {"call_id": "c"})
        seen = []
        async for event in client.events(from_oldest=True):
            seen.append(event.relay_event_type)
            if event.relay_event_type == "calling.call.last":
                break
        assert event_type in seen


async def test_a_stream_report_keeps_what_is_of_reasonable_size() -> None:
    """The state is learned although another field of the report is too large."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        report = {"call_id": "c", "control_id": "s", "state": "streaming", "name": HUGE, "node_id": "n"}
        await emulator.send_event("calling.call.stream", report)
        event = await client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
        assert (event.stream.node_id, event.stream.name, event.relay_params_json) == ("n", "", "")


async def test_an_event_id_of_any_length_still_tells_duplicates_apart() -> None:
    """A huge id is acknowledged as it was sent, and the same event a second time is dropped."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        frame = {
            "jsonrpc": "2.0",
            "id": HUGE,
            "method": "signalwire.event",
            "params": {"event_type": "calling.call.play", "params": {"call_id": "c"}},
        }
        await emulator.send_frame(frame)
        await emulator.send_frame(frame)
        await emulator.send_event("calling.call.last", {"call_id": "c"})
        seen = []
        async for event in client.events(from_oldest=True):
            seen.append(event.relay_event_type)
            if event.relay_event_type == "calling.call.last":
                break
        assert seen.count("calling.call.play") == 1
