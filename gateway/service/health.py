"""gRPC health: SERVING while commands can be carried out, which is more than that the process lives."""

import asyncio
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health, health_pb2

from gateway.engine.engine import Engine
from gateway.relay.session import SessionState

__all__ = ["Health", "is_ready", "obstacles"]

_INTERVAL: Final = 0.25


def obstacles(engine: Engine) -> list[str]:
    """Why commands can't be carried out now; empty if they can. Nothing in it is secret."""
    found = []
    status = engine.session.status()
    if status.state is not SessionState.CONNECTED:
        why = f": {status.last_error}" if status.last_error else ""
        found.append(f"the RELAY session is {status.state.name}{why}")
    if engine.journal.failure is not None:
        found.append(f"the journal can't be written: {engine.journal.failure}")
    if engine.draining:
        found.append("the process is shutting down")
    return found


def is_ready(engine: Engine) -> bool:
    """Whether there is a session, the journal can be written, and the process stays."""
    return not obstacles(engine)


class _Servicer(health.aio.HealthServicer):  # type: ignore[misc]
    """The library's, and List, which the library leaves out."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    async def List(  # noqa: N802 - gRPC's name for it
        self,
        _request: health_pb2.HealthListRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> health_pb2.HealthListResponse:
        """All services with their states, at once."""
        asked = [health_pb2.HealthCheckRequest(service=name) for name in self._names]
        statuses = {request.service: await self.Check(request, context) for request in asked}
        return health_pb2.HealthListResponse(statuses=statuses)


class Health:
    """Keeps the health service's answers true."""

    def __init__(self, engine: Engine, services: tuple[str, ...]) -> None:
        self._engine = engine
        self._names = (health.OVERALL_HEALTH, *services)
        self._shown: bool | None = None
        self.servicer = _Servicer(self._names)

    async def refresh(self) -> None:
        """Shows the state as it is now. To be called once before the server starts: it would say SERVING otherwise."""
        ready = is_ready(self._engine)
        if ready is not self._shown:
            self._shown = ready
            serving = health_pb2.HealthCheckResponse.SERVING
            status = serving if ready else health_pb2.HealthCheckResponse.NOT_SERVING
            for name in self._names:
                await self.servicer.set(name, status)

    async def run(self) -> None:
        """Looks at the state a few times per second until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_INTERVAL)

    async def drain(self) -> None:
        """Says NOT_SERVING from now on, whatever happens."""
        await self.servicer.enter_graceful_shutdown()
