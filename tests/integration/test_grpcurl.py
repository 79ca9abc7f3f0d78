"""grpcurl knows nothing of the contract but what reflection tells it."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from callstream.v1 import event_pb2
from gateway.service.services import SERVICES
from tests.support.streaming import World, open_world

GRPCURL = shutil.which("grpcurl")
pytestmark = pytest.mark.skipif(
    GRPCURL is None and os.environ.get("CI") != "true", reason="grpcurl is not on PATH; CI must have it"
)


async def grpcurl(world: World, *arguments: str, request: dict[str, Any] | None = None) -> tuple[int, str, str]:
    """Runs grpcurl; returns its exit code, output and errors."""
    assert GRPCURL is not None, "grpcurl is not on PATH"
    options = ["-plaintext", "-max-time", "20"] + (["-d", json.dumps(request)] if request is not None else [])
    process = await asyncio.create_subprocess_exec(
        GRPCURL,
        *options,
        world.client.address,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def called(world: World, method: str, **request: Any) -> dict[str, Any]:
    """The answer of a unary method of the contract; fields have their proto names, which is all that reflection has."""
    code, output, errors = await grpcurl(world, f"callstream.v1.{method}", request=request)
    assert (code, errors) == (0, "")
    answer: dict[str, Any] = json.loads(output)
    return answer


async def test_lists_and_describes(tmp_path: Path) -> None:
    """All services are listed; methods, messages and enums are described."""
    async with open_world(tmp_path) as world:
        code, output, _ = await grpcurl(world, "list")
        assert code == 0
        assert set(output.split()) >= {*SERVICES, "grpc.health.v1.Health"}
        for symbol, expected in (
            ("callstream.v1.StreamService", "rpc WatchEvents"),
            ("callstream.v1.StartStreamRequest", "string authorization_bearer_token = 10"),
            ("callstream.v1.StreamState", "STREAM_STATE_STREAMING"),
        ):
            code, output, _ = await grpcurl(world, "describe", symbol)
            assert code == 0
            assert expected in output


async def test_calls_all_services(tmp_path: Path) -> None:
    """A call is taken, streamed, stopped and looked at through all three services and health."""
    async with open_world(tmp_path) as world:
        placed = await world.emulator.place_call(timeout=10)
        await world.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        call_id = placed.call_id
        info = await called(world, "GatewayService/GetGatewayInfo")
        assert info["relay_session"]["state"] == "RELAY_SESSION_STATE_CONNECTED"
        (call,) = (await called(world, "CallService/ListCalls"))["calls"]
        assert call["call_id"] == call_id
        await called(world, "CallService/AnswerCall", call_id=call_id)
        started = await called(
            world,
            "StreamService/StartStream",
            call_id=call_id,
            control_id="s",
            url=f"{world.sink.url}audio",
            track="TRACK_INBOUND",
            custom_parameters={"session_id": "abc123"},
            wait_until="START_WAIT_UNTIL_STREAMING",
        )
        assert started["stream"]["state"] == "STREAM_STATE_STREAMING"
        assert (await world.sink.wait_stream()).custom_parameters == {"session_id": "abc123"}
        stopped = await called(
            world,
            "StreamService/StopStream",
            call_id=call_id,
            control_id="s",
            wait_until="STOP_WAIT_UNTIL_ENDED",
        )
        assert stopped["stream"]["end_reason"] == "STREAM_END_REASON_STOP_REQUESTED"
        await called(world, "CallService/EndCall", call_id=call_id)
        code, output, _ = await grpcurl(world, "grpc.health.v1.Health/Check", request={"service": SERVICES[0]})
        assert code == 0
        assert json.loads(output)["status"] in {"SERVING", "NOT_SERVING"}  # it looks at the session now and then


async def test_watches(tmp_path: Path) -> None:
    """A watch prints what happened, and ends when its `until` is reached."""
    async with open_world(tmp_path) as world:
        call = await world.call()
        await world.emulator.hang_up(call.call_id)
        code, output, errors = await grpcurl(
            world,
            "callstream.v1.StreamService/WatchEvents",
            request={
                "filter": {"call_ids": [call.call_id]},
                "from_oldest": True,
                "until": "WATCH_UNTIL_CALL_ENDED",
            },
        )
        assert (code, errors) == (0, "")
        assert "EVENT_TYPE_CALL_RECEIVED" in output
        assert "EVENT_TYPE_CALL_ENDED" in output


async def test_shows_the_details_of_errors(tmp_path: Path) -> None:
    """An operator reads reason and wrong fields, since reflection knows google.rpc as well."""
    async with open_world(tmp_path) as world:
        code, _, errors = await grpcurl(world, "callstream.v1.StreamService/StartStream", request={"url": "http://x"})
        assert code != 0
        assert "InvalidArgument" in errors
        assert '"reason": "INVALID_REQUEST"' in errors
        for field in ("call_id", "url"):
            assert f'"field": "{field}"' in errors
