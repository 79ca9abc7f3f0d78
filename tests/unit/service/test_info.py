"""GetGatewayInfo: what the gateway says of itself, as it is at the moment."""

import time

import grpc
import pytest

from callstream.v1 import gateway_service_pb2
from gateway import __version__
from gateway.domain.calls import CallState
from gateway.domain.streams import StreamState
from gateway.engine.options import EngineOptions
from gateway.journal.options import JournalOptions
from gateway.relay.session import SessionState
from gateway.service.info import _STATES
from tests.support.serving import REPLICA, Served, error_details, served


async def info(gateway: Served) -> gateway_service_pb2.GetGatewayInfoResponse:
    """What it says now."""
    response = await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
    assert isinstance(response, gateway_service_pb2.GetGatewayInfoResponse)
    return response


async def test_identity() -> None:
    """Version, replica, start time and capabilities."""
    before = time.time()
    async with served() as gateway:
        told = await info(gateway)
        assert (told.version, told.replica) == (__version__, REPLICA)
        assert int(before) <= told.start_time.seconds <= time.time()
        assert set(told.capabilities) == {"event-history", "resume", "snapshot"}


async def test_limits() -> None:
    """The limits are those in force."""
    options = EngineOptions(start_timeout=1.5, relay_wait=2.0, ended_retention=7.0, max_streams_per_call=3)
    async with served(engine=options, max_watches=9) as gateway:
        limits = (await info(gateway)).limits
        assert (limits.max_streams_per_call, limits.max_watches) == (3, 9)
        assert limits.start_timeout.ToMilliseconds() == 1500
        assert limits.relay_wait.ToMilliseconds() == 2000
        assert limits.ended_retention.ToMilliseconds() == 7000


async def test_session() -> None:
    """Where the session is, and whose; without credentials."""
    async with served() as gateway:
        session = (await info(gateway)).relay_session
        assert session.state == gateway_service_pb2.RELAY_SESSION_STATE_CONNECTING
        assert session.HasField("state_time")
        assert (session.host, session.project_id, list(session.contexts)) == ("127.0.0.1:1", "demo", ["default"])
        assert (session.connections, session.resumed, session.pending_requests, session.last_error) == (0, 0, 0, "")
        assert "demo-token" not in str(session)


def test_every_state_has_a_number() -> None:
    """Each state of a session is one of the contract, and no two are the same."""
    assert set(_STATES) == set(SessionState)
    assert len(set(_STATES.values())) == len(SessionState)


async def test_journal() -> None:
    """Bounds and failure of the journal."""
    async with served(journal=JournalOptions(retention_seconds=90.0)) as gateway:
        empty = (await info(gateway)).journal
        assert (empty.oldest_sequence, empty.head_sequence, empty.HasField("oldest_time")) == (1, 0, False)
        assert (empty.epoch, empty.durable, empty.failure) == (gateway.journal.epoch, False, "")
        assert empty.retention.ToSeconds() == 90
        await gateway.written(*gateway.others(3))
        full = (await info(gateway)).journal
        assert (full.oldest_sequence, full.head_sequence, full.HasField("oldest_time")) == (1, 3, True)
        await gateway.compact()
        assert (await info(gateway)).journal.oldest_sequence > 1
        gateway.journal.on_failed("disk full")
        assert (await info(gateway)).journal.failure == "disk full"


async def test_backlog() -> None:
    """What waits to be durable is counted."""
    async with served() as gateway:
        with gateway.commits_held():
            gateway.write(*gateway.others(3))
            assert (await info(gateway)).journal.backlog == 3


async def test_counts() -> None:
    """Active calls and streams, and open watches."""
    async with served() as gateway:
        await gateway.written(
            gateway.call(CallState.ANSWERED),
            gateway.call(CallState.ENDED, "call-2"),
            gateway.stream(StreamState.STREAMING, "a"),
            gateway.stream(StreamState.STARTING, "b"),
            gateway.stream(StreamState.FAILED, "c"),
        )
        await gateway.watch().opened()
        told = await info(gateway)
        assert (told.active_calls, told.active_streams, told.open_watches) == (1, 2, 1)


async def test_contexts_need_a_session() -> None:
    """UpdateContexts without a session sends nothing, and says so; a wrong request is told first."""
    async with served() as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.client.gateway.UpdateContexts(gateway_service_pb2.UpdateContextsRequest(add=["office"]))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert error_details(caught.value).reason == "RELAY_DISCONNECTED"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.client.gateway.UpdateContexts(gateway_service_pb2.UpdateContextsRequest(add=["a b"]))
        assert set(error_details(caught.value).violations) == {"add[0]"}
