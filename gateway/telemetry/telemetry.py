"""All that operators see of one gateway, ready to be given to its parts."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway.engine.engine import Engine
from gateway.relay.commands import Command
from gateway.service.health import obstacles
from gateway.service.rpc import Observer
from gateway.service.services import Services
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observers import Together
from gateway.telemetry.operations import Answer, Pages
from gateway.telemetry.rpc_log import RpcLog
from gateway.telemetry.state import StateCollector

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

__all__ = ["Telemetry", "TracingMissing", "open_telemetry"]


class TracingMissing(Exception):
    """The packages for traces are not installed."""


def open_telemetry(otlp_endpoint: str = "") -> "Telemetry":
    """The telemetry of a new gateway, with traces if there is an endpoint for them.

    Raises:
        TracingMissing: Traces are wanted, and their packages are not installed.
    """
    if not otlp_endpoint:
        return Telemetry()
    try:
        from gateway.telemetry.tracing import open_tracing  # noqa: PLC0415 - an extra: most have not installed it
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise TracingMissing(f"{error.name} is not installed") from error
    return Telemetry(open_tracing(otlp_endpoint))


class Telemetry:
    """The metrics of a gateway, and what is made of them.

    Attributes:
        metrics: What is counted.
        rpcs: The observer of its RPCs.
    """

    def __init__(self, tracing: "Tracing | None" = None) -> None:
        self.metrics = Metrics()
        self._tracing = tracing
        observers: list[Observer] = [RpcLog(), self.metrics.rpcs]
        self.rpcs: Observer = Together([tracing, *observers] if tracing is not None else observers)

    def request(self, command: Command) -> Callable[[str], None]:
        """The `gateway.relay.observer.RequestObserver` of its session."""
        counted = self.metrics.request(command)
        if self._tracing is None:
            return counted
        traced = self._tracing.request(command)

        def ended(code: str) -> None:
            counted(code)
            traced(code)

        return ended

    def attach(self, engine: Engine, services: Services) -> None:
        """Looks at a gateway's parts from now on."""
        engine.recorder.observe(self.metrics.event)
        if self._tracing is not None:
            engine.recorder.observe(self._tracing.event)
        self.metrics.registry.register(StateCollector(engine, services.watches))

    async def close(self) -> None:
        """Sends what is left of traces; bounded in time."""
        if self._tracing is not None:
            await self._tracing.close()

    def pages(self, engine: Engine) -> Pages:
        """What its operations port answers."""

        def metrics() -> Answer:
            return Answer(generate_latest(self.metrics.registry), CONTENT_TYPE_PLAIN_0_0_4)

        def ready() -> Answer:
            why = obstacles(engine)
            body = json.dumps({"ready": not why, "obstacles": why}).encode() + b"\n"
            status = HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK
            return Answer(body, "application/json", status)

        return {"/metrics": metrics, "/livez": lambda: Answer(b"alive\n"), "/readyz": ready}
