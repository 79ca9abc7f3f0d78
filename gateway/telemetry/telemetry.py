"""All that operators see of one gateway, ready to be given to its parts."""

import json
from collections.abc import Callable
from http import HTTPStatus

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

__all__ = ["Telemetry"]


class Telemetry:
    """The metrics of a gateway, and what is made of them.

    Attributes:
        metrics: What is counted.
        rpcs: The observer of its RPCs.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.rpcs: Observer = Together((RpcLog(), self.metrics.rpcs))

    def request(self, command: Command) -> Callable[[str], None]:
        """The `gateway.relay.observer.RequestObserver` of its session."""
        return self.metrics.request(command)

    def attach(self, engine: Engine, services: Services) -> None:
        """Looks at a gateway's parts from now on."""
        engine.recorder.observe(self.metrics.event)
        self.metrics.registry.register(StateCollector(engine, services.watches))

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
