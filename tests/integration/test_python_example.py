"""The example of the Python client, as its README says to run it."""

import asyncio
import sys
from pathlib import Path

from callstream.v1 import event_pb2
from callstream.v1.gateway_service_pb2 import GetGatewayInfoRequest
from tests.support.streaming import World, open_world

EXAMPLE = Path(__file__).resolve().parents[2] / "clients" / "python" / "examples" / "stream_a_call.py"


async def watched(world: World) -> None:
    """Returns once somebody watches."""
    while (await world.client.gateway.GetGatewayInfo(GetGatewayInfoRequest())).open_watches < 1:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def test_streams_a_call_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """It takes the call that comes in, streams it with its parameters, and ends with the call."""
    async with open_world(tmp_path) as world, asyncio.timeout(40):
        process = await asyncio.create_subprocess_exec(
            sys.executable, EXAMPLE, f"{world.sink.url}audio", world.client.address, stdout=asyncio.subprocess.PIPE
        )
        await watched(world)
        call = await world.emulator.place_call(timeout=10)
        received = await world.sink.wait_stream()
        await world.client.until(event_pb2.EVENT_TYPE_STREAM_STREAMING)
        await world.emulator.hang_up(call.call_id)
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert received.custom_parameters == {"session_id": "abc123", "language": "en"}
    text = output.decode()
    for line in ("EVENT_TYPE_CALL_ANSWERED", "EVENT_TYPE_STREAM_STREAMING transcription", "EVENT_TYPE_CALL_ENDED"):
        assert line in text
