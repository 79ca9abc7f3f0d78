"""Metrics of RPCs, under the names that dashboards for go-grpc-prometheus know.

RPCs of the contract only: health, reflection and methods that nobody has are not counted.
"""

import time
from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.service.rpc import Call, Observation

__all__ = ["MAX_CLIENTS", "OTHER_CLIENTS", "RpcMetrics"]

MAX_CLIENTS: Final = 200
"""So many clients are told apart by name, the first ones that come."""
OTHER_CLIENTS: Final = "(other)"

_METHOD: Final = ("grpc_type", "grpc_service", "grpc_method")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_CODES: Final = {code: "".join(word.capitalize() for word in code.name.split("_")) for code in grpc.StatusCode} | {
    grpc.StatusCode.OK: "OK",
    grpc.StatusCode.CANCELLED: "Canceled",
}
"""As Go writes them."""


class RpcMetrics:
    """An observer of RPCs (`gateway.service.rpc.Observer`) that counts and times them."""

    def __init__(self, registry: CollectorRegistry, services: Iterable[ServiceDescriptor]) -> None:
        """Registers the metrics; those of the services' methods are there, as 0, before the first RPC."""
        self._started = Counter("grpc_server_started", "RPCs that began.", _METHOD, registry=registry)
        self._handled = Counter("grpc_server_handled", "RPCs that ended.", (*_METHOD, "grpc_code"), registry=registry)
        self._received = Counter("grpc_server_msg_received", "Messages that clients sent.", _METHOD, registry=registry)
        self._sent = Counter("grpc_server_msg_sent", "Messages that clients were sent.", _METHOD, registry=registry)
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from the request to the end of the RPC; a watch lasts as long as its client wants.",
            _METHOD,
            buckets=_SECONDS,
            registry=registry,
        )
        self._by_client = Counter(
            "callstream_client_rpcs", "RPCs that ended, by client.", ("client", "grpc_code"), registry=registry
        )
        self._methods: dict[str, _Method] = {}
        self._clients: dict[tuple[str, str], Counter] = {}
        self._names: set[str] = set()
        for service in services:
            for method in service.methods:
                self._method(method)

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """See `Observer.began`."""
        metrics = self._methods.get(method.full_name) or self._method(method)
        metrics.started.inc()
        metrics.received.inc()
        return _Timed(self, metrics, call)

    def count_client(self, name: str, code: str) -> None:
        """An RPC of a client ended."""
        counter = self._clients.get((name, code))
        if counter is None:
            if len(self._names) < MAX_CLIENTS:
                self._names.add(name)
            shown = name if name in self._names else OTHER_CLIENTS
            counter = self._by_client.labels(shown, code)
            if shown is name:
                self._clients[name, code] = counter
        counter.inc()

    def _method(self, method: MethodDescriptor) -> "_Method":
        kind = "server_stream" if method.server_streaming else "unary"
        labels = (kind, method.containing_service.full_name, method.name)
        metrics = _Method(
            labels,
            streaming=method.server_streaming,
            started=self._started.labels(*labels),
            received=self._received.labels(*labels),
            sent=self._sent.labels(*labels),
            seconds=self._seconds.labels(*labels),
            handled=self._handled,
        )
        self._methods[method.full_name] = metrics
        return metrics


class _Method:
    """The metrics of one method, looked up once."""

    def __init__(
        self,
        labels: tuple[str, str, str],
        *,
        streaming: bool,
        started: Counter,
        received: Counter,
        sent: Counter,
        seconds: Histogram,
        handled: Counter,
    ) -> None:
        self.streaming = streaming
        self.started = started
        self.received = received
        self.sent = sent
        self.seconds = seconds
        self._labels = labels
        self._handled = handled
        self._codes: dict[str, Counter] = {}
        self.handled("OK")

    def handled(self, code: str) -> Counter:
        """The counter of those that ended with a code."""
        counter = self._codes.get(code)
        if counter is None:
            counter = self._codes[code] = self._handled.labels(*self._labels, code)
        return counter


class _Timed:
    """One RPC under way."""

    __slots__ = ("_began", "_call", "_metrics", "_rpcs")

    def __init__(self, rpcs: RpcMetrics, metrics: _Method, call: Call) -> None:
        self._rpcs = rpcs
        self._metrics = metrics
        self._call = call
        self._began = time.perf_counter()

    def sent(self) -> None:
        """See `Observation.sent`."""
        self._metrics.sent.inc()

    def ended(self, code: grpc.StatusCode, _reason: str) -> None:
        """See `Observation.ended`."""
        metrics = self._metrics
        name = _CODES[code]
        metrics.handled(name).inc()
        metrics.seconds.observe(time.perf_counter() - self._began)
        if code is grpc.StatusCode.OK and not metrics.streaming:
            metrics.sent.inc()
        self._rpcs.count_client(self._call.client.name, name)
