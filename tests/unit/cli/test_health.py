"""`callstream health`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from callstream.v1 import gateway_service_pb2
from tests.support.command_line import run
from tests.support.scripted_contract import scripted_contract


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


def info(**fields: Any) -> gateway_service_pb2.GetGatewayInfoResponse:
    """What a gateway says of itself, unless `fields` says otherwise: all is well."""
    session = {"host": "relay.example.com", "state": gateway_service_pb2.RELAY_SESSION_STATE_CONNECTED}
    return gateway_service_pb2.GetGatewayInfoResponse(**{"relay_session": session, **fields})


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        (
            {"relay_session": {"host": "relay.example.com", "last_error": "HTTP 503\n"}},
            ["not connected to RELAY at relay.example.com: HTTP 503\\n"],
        ),
        (
            {"relay_session": {"host": "relay.example.com"}},
            ["not connected to RELAY at relay.example.com: it has just begun to connect"],
        ),
        ({"journal": {"failure": "disk full"}}, ["events can't be written: disk full"]),
        ({}, []),
    ],
)
def test_why_it_does_not_serve(fields: dict[str, Any], reasons: list[str]) -> None:
    """The gateway knows, and may tell; each reason is a line on standard error."""
    with scripted_contract({"GetGatewayInfo": lambda _request: info(**fields)}, healthy=False) as contract:
        shown = run("health", "--address", contract.address)
    assert (shown.code, shown.out) == (1, f"{contract.address}: NOT_SERVING\n")
    assert shown.err.splitlines() == [f"{contract.address}: {reason}" for reason in reasons]
