"""Traces of a whole gateway, as a collector receives them."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gateway import __version__
from gateway.server import StartFailed, serve
from tests.support.running import TOKEN, running_gateway, settings_for
from tests.support.streaming import World, open_endpoint

BEARER = "s3cr3t-of-an-endpoint"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
async def _threads() -> AsyncIterator[None]:
    """No thread that still tries to send may go on beside the tests that follow."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(("traces-close", "Otel")):
            await asyncio.to_thread(thread.join, 30.0)
            assert not thread.is_alive(), thread.name


class Collector:
    """What was sent to it."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    async def export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Takes spans."""
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def spans(self) -> dict[str, Span]:
        """By name; of several the last one."""
        resources = [resource for request in self.requests for resource in request.resource_spans]
        return {span.name: span for resource in resources for scope in resource.scope_spans for span in scope.spans}

    @property
    def resource(self) -> dict[str, str]:
        """What the spans say of the process that made them."""
        attributes = self.requests[0].resource_spans[0].resource.attributes
        return {attribute.key: attribute.value.string_value for attribute in attributes}


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        collector.export,
        request_deserializer=trace_service_pb2.ExportTraceServiceRequest.FromString,
        response_serializer=trace_service_pb2.ExportTraceServiceResponse.SerializeToString,
    )
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    collector.address = f"http://127.0.0.1:{port}"
    try:
        yield collector
    finally:
        await server.stop(0)


async def test_a_collector_gets_everything_by_the_end_of_the_process(tmp_path: Path) -> None:
    """The start, its request to RELAY and its events, and no secret."""
    async with collecting() as collector:
        async with (
            open_endpoint(tmp_path) as endpoint,
            running_gateway(endpoint.emulator.host, otlp_endpoint=collector.address) as client,
        ):
            world = World(endpoint.emulator, endpoint.sink, client)
            call = await world.call()
            await world.stream(call, authorization_bearer_token=BEARER)
        spans = collector.spans
        assert {"callstream.v1.StreamService/StartStream", "calling.stream", "stream streaming"} <= spans.keys()
        start, below = spans["callstream.v1.StreamService/StartStream"], spans["calling.stream"]
        assert (below.trace_id, below.parent_span_id) == (start.trace_id, start.span_id)
        assert [link.span_id for link in spans["stream streaming"].links] == [start.span_id]
        assert collector.resource["service.name"] == "callstream"
        assert collector.resource["service.version"] == __version__
        for request in collector.requests:
            for secret in (TOKEN, BEARER):
                assert secret.encode() not in request.SerializeToString()


async def test_the_name_of_the_service_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By OpenTelemetry's own variable."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "calls-eu")
    async with collecting() as collector:
        async with (
            open_endpoint(tmp_path) as endpoint,
            running_gateway(endpoint.emulator.host, otlp_endpoint=collector.address) as client,
        ):
            await World(endpoint.emulator, endpoint.sink, client).call()
        assert collector.resource["service.name"] == "calls-eu"


async def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    """Neither work nor the end of the process."""
    async with (
        asyncio.timeout(50),
        open_endpoint(tmp_path) as endpoint,
        running_gateway(endpoint.emulator.host, otlp_endpoint="http://127.0.0.1:1") as client,
    ):
        world = World(endpoint.emulator, endpoint.sink, client)
        await world.stream(await world.call())


async def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says how to get them."""
    monkeypatch.delitem(sys.modules, "gateway.telemetry.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(
        StartFailed, match=r"opentelemetry is not installed: pip install 'callstream-gateway\[tracing\]'"
    ):
        await serve(settings_for("127.0.0.1:1", otlp_endpoint="http://127.0.0.1:4317"))


async def test_another_defect_is_not_called_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows as what it is."""
    monkeypatch.delitem(sys.modules, "gateway.telemetry.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "gateway.relay.commands", None)
    with pytest.raises(ModuleNotFoundError, match=r"gateway\.relay\.commands"):
        await serve(settings_for("127.0.0.1:1", otlp_endpoint="http://127.0.0.1:4317"))
