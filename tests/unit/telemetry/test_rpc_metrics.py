"""Metrics of RPCs: what each of them counts, and that nobody can make them grow."""

from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from callstream.v1 import gateway_service_pb2, stream_service_pb2
from gateway.access.client import Client
from gateway.service.rpc import Call, Surroundings
from gateway.service.services import DESCRIPTORS
from gateway.telemetry.rpc_metrics import MAX_CLIENTS, OTHER_CLIENTS, RpcMetrics
from tests.support.scrape import scraped
from tests.support.serving import served, wait_until

STREAMS = "callstream.v1.StreamService"
GET: dict[str, str] = {"grpc_type": "unary", "grpc_service": STREAMS, "grpc_method": "GetStream"}
WATCH: dict[str, str] = {"grpc_type": "server_stream", "grpc_service": STREAMS, "grpc_method": "WatchEvents"}


@pytest.fixture
def registry() -> CollectorRegistry:
    """Where the metrics go."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> RpcMetrics:
    """The observer."""
    metrics = RpcMetrics(DESCRIPTORS)
    registry.register(metrics)
    return metrics


def call_of(client: str) -> Any:
    """All that the metrics ask of a call."""
    return SimpleNamespace(client=Client(client, frozenset()))


def test_every_method_is_there_before_its_first_rpc(registry: CollectorRegistry, metrics: RpcMetrics) -> None:
    """As 0, so that a rate sees the first one."""
    found = scraped(registry)
    methods = {method.name for service in DESCRIPTORS for method in service.methods}
    assert found.labels("grpc_server_started_total", "grpc_method") == methods
    assert found("grpc_server_started_total", **GET) == 0
    assert found("grpc_server_handled_total", **GET, grpc_code="OK") == 0


async def test_unary(registry: CollectorRegistry, metrics: RpcMetrics) -> None:
    """One message in, one out if it succeeds; the code as Go writes it; the time."""
    async with served(around=Surroundings(observer=metrics)) as gateway:
        await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.streams.GetStream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s"))
    found = scraped(registry)
    info = {"grpc_type": "unary", "grpc_service": "callstream.v1.GatewayService", "grpc_method": "GetGatewayInfo"}
    assert found("grpc_server_started_total", **info) == found("grpc_server_msg_received_total", **info) == 1
    assert (
        found("grpc_server_handled_total", **info, grpc_code="OK") == found("grpc_server_msg_sent_total", **info) == 1
    )
    assert found("grpc_server_handling_seconds_count", **info) == 1
    assert found("grpc_server_handled_total", **GET, grpc_code="NotFound") == 1
    assert found("grpc_server_msg_sent_total", **GET) == 0
    assert found("callstream_client_rpcs_total", client="anyone", grpc_code="NotFound") == 1


async def test_watch(registry: CollectorRegistry, metrics: RpcMetrics) -> None:
    """A watch that is open has begun and not ended; each of its messages is counted."""
    async with served(around=Surroundings(observer=metrics)) as gateway:
        await gateway.written(*gateway.others(1))
        watch = gateway.watch(from_oldest=True)
        await watch.opened()
        await watch.event()
        await wait_until(lambda: scraped(registry)("grpc_server_msg_sent_total", **WATCH) == 2)
        assert scraped(registry)("grpc_server_started_total", **WATCH) == 1
        assert scraped(registry)("grpc_server_handling_seconds_count", **WATCH) is None
        watch.call.cancel()
        await wait_until(lambda: scraped(registry)("grpc_server_handled_total", **WATCH, grpc_code="Canceled") == 1)
    assert scraped(registry)("grpc_server_handling_seconds_count", **WATCH) == 1


def test_clients_are_told_apart_up_to_a_bound(registry: CollectorRegistry, metrics: RpcMetrics) -> None:
    """Names of clients come from outside: however many there are, the series stay few."""
    method = DESCRIPTORS[0].methods_by_name["GetStream"]
    for number in range(2 * MAX_CLIENTS):
        call: Call = call_of(f"client-{number}")
        metrics.began(method, call).ended(grpc.StatusCode.OK, "")
    metrics.began(method, call_of("client-0")).ended(grpc.StatusCode.INTERNAL, "")
    found = scraped(registry)
    assert len(found.labels("callstream_client_rpcs_total", "client")) == MAX_CLIENTS + 1
    assert found("callstream_client_rpcs_total", client=OTHER_CLIENTS, grpc_code="OK") == MAX_CLIENTS
    assert found("callstream_client_rpcs_total", client="client-0", grpc_code="Internal") == 1
