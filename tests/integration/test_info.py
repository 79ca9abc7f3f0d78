"""GetGatewayInfo and UpdateContexts with RELAY behind them."""

from pathlib import Path

import grpc
import pytest

from callstream.v1 import event_pb2, gateway_service_pb2
from gateway.emulator.exchange import NoReceiver
from tests.support.running import PROJECT, running_emulator, running_gateway
from tests.support.serving import error_details


async def test_session_and_journal(tmp_path: Path) -> None:
    """It counts connections and resumptions, says why the last one was lost, and what the journal takes on disk."""
    async with running_emulator() as emulator, running_gateway(emulator.host, data_dir=str(tmp_path)) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        await emulator.cut()
        await client.until(event_pb2.EVENT_TYPE_SESSION_RESUMED)
        told = await client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        session = told.relay_session
        assert session.state == gateway_service_pb2.RELAY_SESSION_STATE_CONNECTED
        assert (session.host, session.project_id) == (emulator.host, PROJECT)
        assert (session.connections, session.resumed) == (2, 1)
        assert session.last_error
        assert told.journal.durable
        assert told.journal.size_bytes > 0
        assert told.journal.head_sequence == 3


async def test_contexts() -> None:
    """Calls on a context arrive from when it was added until it was removed."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        await client.until(event_pb2.EVENT_TYPE_SESSION_UP)
        with pytest.raises(NoReceiver):
            await emulator.place_call(context="office")
        request = gateway_service_pb2.UpdateContextsRequest(add=["office"], remove=["default"])
        updated = await client.gateway.UpdateContexts(request, timeout=10)
        assert list(updated.contexts) == ["office"]
        call = await emulator.place_call(context="office")
        event = await client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
        assert (event.call_id, event.call.context) == (call.call_id, "office")
        with pytest.raises(NoReceiver):
            await emulator.place_call(context="default")
        told = await client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        assert list(told.relay_session.contexts) == ["office"]


async def test_contexts_that_contradict() -> None:
    """A context that is to be added and removed is a wrong request."""
    async with running_emulator() as emulator, running_gateway(emulator.host) as client:
        request = gateway_service_pb2.UpdateContextsRequest(add=["office"], remove=["office"])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.gateway.UpdateContexts(request)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert error_details(caught.value).violations
