"""Several observers as one."""

import functools

from callstream.v1 import gateway_service_pb2
from gateway.service.rpc import Surroundings
from gateway.service.services import DESCRIPTORS
from gateway.telemetry.observers import Together
from gateway.telemetry.rpc_metrics import RpcMetrics
from tests.support.serving import served, wait_until


def count(metrics: RpcMetrics, name: str, method: str) -> float:
    """A count of one method."""
    return sum(
        sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.name == name and sample.labels["grpc_method"] == method
    )


def ended(metrics: RpcMetrics) -> bool:
    """Whether the watch is over."""
    return count(metrics, "grpc_server_handled_total", "WatchEvents") == 1


async def test_each_is_told_everything() -> None:
    """Of unary RPCs and of watches."""
    observers = [RpcMetrics(DESCRIPTORS), RpcMetrics(DESCRIPTORS)]
    async with served(around=Surroundings(observer=Together(observers))) as gateway:
        await gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        watch = gateway.watch()
        await watch.opened()
        watch.call.cancel()
        for metrics in observers:
            await wait_until(functools.partial(ended, metrics))
            assert count(metrics, "grpc_server_msg_sent_total", "WatchEvents") == 1
            assert count(metrics, "grpc_server_handled_total", "GetGatewayInfo") == 1
