"""Metrics of RPCs, under the names that dashboards for go-grpc-prometheus know.

RPCs of the contract only: health, reflection and methods that nobody has are not counted. The counts are plain numbers,
as every RPC adds to several of them: the client library's own counters would cost four times as much.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.service.rpc import Call, Observation

__all__ = ["CODES", "MAX_CLIENTS", "OTHER_CLIENTS", "RpcMetrics"]

MAX_CLIENTS: Final = 200
"""So many clients are told apart by name, the first ones that come."""
OTHER_CLIENTS: Final = "(other)"

_METHOD: Final = ("grpc_type", "grpc_service", "grpc_method")
_CODE: Final = "grpc_code"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BOUNDS: Final = (*map(str, _SECONDS), "+Inf")
CODES: Final = {code: "".join(word.capitalize() for word in code.name.split("_")) for code in grpc.StatusCode} | {
    grpc.StatusCode.OK: "OK",
    grpc.StatusCode.CANCELLED: "Canceled",
}
"""Status codes as Go writes them."""


class RpcMetrics(Collector):
    """An observer of RPCs (`gateway.service.rpc.Observer`) that counts and times them. Works on the loop only."""

    def __init__(self, services: Iterable[ServiceDescriptor]) -> None:
        """Takes the services' methods in, so that they are there, as 0, before their first RPC."""
        self._methods = {method.full_name: _Method(method) for service in services for method in service.methods}
        self._clients: dict[tuple[str, str], int] = {}
        self._names: set[str] = set()

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """See `Observer.began`."""
        counted = self._methods[method.full_name]
        counted.started += 1
        return _Timed(self, counted, call)

    def count_client(self, name: str, code: str) -> None:
        """An RPC of a client ended."""
        if name not in self._names:
            if len(self._names) < MAX_CLIENTS:
                self._names.add(name)
            else:
                name = OTHER_CLIENTS
        self._clients[name, code] = self._clients.get((name, code), 0) + 1

    def describe(self) -> Iterable[Metric]:
        """Nothing: there is no other collector of these names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families, as they are now."""
        methods = self._methods.values()
        started = CounterMetricFamily("grpc_server_started", "RPCs that began.", labels=_METHOD)
        handled = CounterMetricFamily("grpc_server_handled", "RPCs that ended.", labels=(*_METHOD, _CODE))
        received = CounterMetricFamily("grpc_server_msg_received", "Messages that clients sent.", labels=_METHOD)
        sent = CounterMetricFamily("grpc_server_msg_sent", "Messages that clients were sent.", labels=_METHOD)
        seconds = HistogramMetricFamily(
            "grpc_server_handling_seconds",
            "Seconds from the request to the end of the RPC; a watch lasts as long as its client wants.",
            labels=_METHOD,
        )
        for method in methods:
            started.add_metric(method.labels, method.started)
            received.add_metric(method.labels, method.started)  # no method takes more than one message
            sent.add_metric(method.labels, method.sent)
            for code, count in method.codes.items():
                handled.add_metric((*method.labels, code), count)
            if any(method.buckets):
                buckets = list(zip(_BOUNDS, accumulate(method.buckets), strict=True))
                seconds.add_metric(method.labels, buckets, method.seconds)
        clients = CounterMetricFamily("callstream_client_rpcs", "RPCs that ended, by client.", labels=("client", _CODE))
        for labels, count in self._clients.items():
            clients.add_metric(labels, count)
        yield from (started, handled, received, sent, seconds, clients)


class _Method:
    """What is known of one method."""

    __slots__ = ("buckets", "codes", "labels", "seconds", "sent", "started", "streaming")

    def __init__(self, method: MethodDescriptor) -> None:
        self.streaming: bool = method.server_streaming
        kind = "server_stream" if self.streaming else "unary"
        self.labels = (kind, method.containing_service.full_name, method.name)
        self.started = 0
        self.sent = 0
        self.codes = {"OK": 0}
        self.buckets = [0] * len(_BOUNDS)
        self.seconds = 0.0


class _Timed:
    """One RPC under way."""

    __slots__ = ("_began", "_call", "_method", "_rpcs")

    def __init__(self, rpcs: RpcMetrics, method: _Method, call: Call) -> None:
        self._rpcs = rpcs
        self._method = method
        self._call = call
        self._began = time.perf_counter()

    def sent(self) -> None:
        """See `Observation.sent`."""
        self._method.sent += 1

    def ended(self, code: grpc.StatusCode, _reason: str) -> None:
        """See `Observation.ended`."""
        method = self._method
        name = CODES[code]
        seconds = time.perf_counter() - self._began
        method.codes[name] = method.codes.get(name, 0) + 1
        method.buckets[bisect_left(_SECONDS, seconds)] += 1
        method.seconds += seconds
        if code is grpc.StatusCode.OK and not method.streaming:
            method.sent += 1
        self._rpcs.count_client(self._call.client.name, name)
