"""`callstream health`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.support.command_line import run


@pytest.fixture
def served() -> Iterator[tuple[str, health.HealthServicer]]:
    """A real health service, and its address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(0).wait()


def test_serving_is_0(served: tuple[str, health.HealthServicer]) -> None:
    """And one line."""
    address, servicer = served
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    shown = run("health", "--address", address)
    assert (shown.code, shown.out) == (0, f"{address}: SERVING\n")


def test_not_serving_is_1(served: tuple[str, health.HealthServicer]) -> None:
    """Connected, but not to RELAY, for one."""
    address, servicer = served
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    shown = run("health", environment={"CALLSTREAM_ADDRESS": address})
    assert (shown.code, shown.out) == (1, f"{address}: NOT_SERVING\n")


def test_no_answer_is_1() -> None:
    """A container's health check knows 0 and 1."""
    shown = run("health", "--address", "127.0.0.1:1")
    assert shown.code == 1
    assert shown.err.startswith("127.0.0.1:1: UNAVAILABLE")
    assert shown.err.count("\n") == 1
