"""CallService with RELAY behind it: what its answers hold."""

import grpc
import pytest

from callstream.v1 import call_pb2, call_service_pb2, event_pb2
from gateway.emulator.options import Busy
from tests.support.running import running_emulator, running_gateway
from tests.support.serving import error_details

FROM, TO = "+15550001111", "+15550002222"


def dial_request(tag: str) -> call_service_pb2.DialRequest:
    """A dial of one phone."""
    device = call_pb2.Device(phone=call_pb2.PhoneDevice(from_number=FROM, to_number=TO))
    return call_service_pb2.DialRequest(tag=tag, groups=[call_service_pb2.DeviceGroup(devices=[device])])


async def test_dial() -> None:
    """Dial answers with the dial and the call that it made, which can be ended."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        answer = await client.calls.Dial(dial_request("tag-1"), timeout=10)
        assert answer.dial.state == call_pb2.DIAL_STATE_ANSWERED
        assert answer.dial.call_id == answer.call.call_id
        assert answer.call.state == call_pb2.CALL_STATE_ANSWERED
        assert answer.call.device.phone.to_number == TO
        ended = await client.calls.EndCall(call_service_pb2.EndCallRequest(call_id=answer.call.call_id), timeout=10)
        assert ended.call.call_id == answer.call.call_id


async def test_dial_that_nobody_answers() -> None:
    """FAILED_PRECONDITION/DIAL_FAILED with the tag."""
    async with running_emulator(default_device=Busy()) as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.calls.Dial(dial_request("tag-1"), timeout=10)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        details = error_details(caught.value)
        assert (details.reason, details.metadata) == ("DIAL_FAILED", {"tag": "tag-1"})


async def test_pass() -> None:
    """A call that is passed goes to another session, and its answer is the call."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        placed = await emulator.place_call(timeout=10)
        await client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        passed = await client.calls.PassCall(call_service_pb2.PassCallRequest(call_id=placed.call_id), timeout=10)
        assert passed.call.call_id == placed.call_id
