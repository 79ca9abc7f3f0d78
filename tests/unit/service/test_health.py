"""gRPC health: SERVING while commands can be carried out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.domain.streams import StreamState
from gateway.emulator.server import Emulator
from gateway.service.health import is_ready, obstacles
from gateway.service.services import SERVICES
from tests.support.running import running_emulator
from tests.support.serving import Served, served, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(gateway: Served) -> Any:
    """The stub of the health service, which has no types."""
    return health_pb2_grpc.HealthStub(gateway.client.channel)


async def checked(gateway: Served, service: str = "") -> int:
    """The status of a service."""
    response = await health(gateway).Check(health_pb2.HealthCheckRequest(service=service))
    return int(response.status)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Served, Emulator]]:
    """A gateway with a session."""
    async with running_emulator() as emulator, served(relay_host=emulator.host) as gateway:
        await gateway.engine.session.wait_connected(asyncio.get_running_loop().time() + 10)
        yield gateway, emulator


class TestReady:
    """What readiness means."""

    async def test_needs_a_session(self) -> None:
        """Only a session that is connected can carry commands."""
        async with connected() as (gateway, emulator):
            assert is_ready(gateway.engine)
            emulator.refuse_connections()
            await emulator.cut()
            await wait_until(lambda: not is_ready(gateway.engine))
            (obstacle,) = obstacles(gateway.engine)
            assert obstacle.startswith("the RELAY session is ")
            emulator.refuse_connections(None)
            await wait_until(lambda: is_ready(gateway.engine))
            await gateway.engine.close()
            await wait_until(lambda: not is_ready(gateway.engine))

    async def test_needs_a_journal(self) -> None:
        """While nothing can be made durable, nothing is accepted."""
        async with connected() as (gateway, _):
            gateway.journal.on_failed("disk full")
            assert obstacles(gateway.engine) == ["the journal can't be written: disk full"]
            assert not is_ready(gateway.engine)
            gateway.write(gateway.stream(StreamState.STREAMING))
            await wait_until(lambda: is_ready(gateway.engine))

    async def test_needs_to_stay(self) -> None:
        """A process that drains is not ready."""
        async with connected() as (gateway, _):
            await gateway.engine.drain(0)
            assert obstacles(gateway.engine) == ["the process is shutting down"]
            assert not is_ready(gateway.engine)


class TestService:
    """What clients of the health service see."""

    @pytest.mark.parametrize("service", ["", *SERVICES])
    async def test_not_serving_from_the_first_moment(self, service: str) -> None:
        """A server that has just started says NOT_SERVING, before anybody has looked at the session."""
        async with served() as gateway:
            assert await checked(gateway, service) == NOT_SERVING

    async def test_unknown_service(self) -> None:
        """A service that is not there is NOT_FOUND."""
        async with served() as gateway:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await checked(gateway, "callstream.v1.NothingService")
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    async def test_list(self) -> None:
        """List tells all services at once, as Check tells each."""
        async with connected() as (gateway, _):
            before = await health(gateway).List(health_pb2.HealthListRequest())
            await gateway.services.health.refresh()
            after = await health(gateway).List(health_pb2.HealthListRequest())
        assert {name: response.status for name, response in before.statuses.items()} == dict.fromkeys(
            ("", *SERVICES), NOT_SERVING
        )
        assert {name: response.status for name, response in after.statuses.items()} == dict.fromkeys(
            ("", *SERVICES), SERVING
        )

    async def test_watch(self) -> None:
        """Watch follows the session, until the process drains: then it is NOT_SERVING, whatever comes."""
        async with connected() as (gateway, emulator):
            running = asyncio.create_task(gateway.services.health.run())
            watch = health(gateway).Watch(health_pb2.HealthCheckRequest(service=SERVICES[0]))
            statuses = [(await watch.read()).status]
            if statuses == [NOT_SERVING]:  # as it was before the session
                statuses = [(await watch.read()).status]
            emulator.refuse_connections()
            await emulator.cut()
            statuses.append((await watch.read()).status)
            emulator.refuse_connections(None)
            statuses.append((await watch.read()).status)
            assert statuses == [SERVING, NOT_SERVING, SERVING]
            await gateway.services.health.drain()
            assert (await watch.read()).status == NOT_SERVING
            await gateway.services.health.refresh()
            assert await checked(gateway) == NOT_SERVING
            watch.cancel()
            running.cancel()
            await asyncio.wait([running])
