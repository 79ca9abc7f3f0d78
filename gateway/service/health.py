"""gRPC health: SERVING while commands can be carried out, which is more than that the process lives."""

import asyncio
from typing import Final

from grpc_health.v1 import health, health_pb2

from gateway.engine.engine import Engine
from gateway.relay.session import SessionState

__all__ = ["Health", "is_ready"]

_INTERVAL: Final = 0.25


def is_ready(engine: Engine) -> bool:
    """Whether there is a session, the journal can be written, and the process stays."""
    connected = engine.session.state is SessionState.CONNECTED
    return connected and engine.journal.failure is None and not engine.draining


class Health:
    """Keeps the health service's answers true."""

    def __init__(self, engine: Engine, services: tuple[str, ...]) -> None:
        self._engine = engine
        self._names = (health.OVERALL_HEALTH, *services)
        self._shown: bool | None = None
        self.servicer = health.aio.HealthServicer()

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
