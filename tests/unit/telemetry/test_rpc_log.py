"""The lines about RPCs: which there are, at which level, and what they say."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import structlog

from callstream.v1 import gateway_service_pb2, stream_service_pb2
from gateway.logs.setup import configure_logging
from gateway.service.rpc import Surroundings
from gateway.telemetry.rpc_log import RpcLog
from tests.support.serving import Served, served, wait_until

AROUND = Surroundings(observer=RpcLog())


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log, at debug level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("debug", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("websockets", "aiohttp.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was said of RPCs, without what differs from run to run."""
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in {"timestamp", "seconds", "peer", "logger"}}
        for line in said
        if line["event"] == "rpc"
    ]


async def stopped(gateway: Served, request_id: str = "r1", call_id: str = "c") -> None:
    """A command that fails."""
    request = stream_service_pb2.StopStreamRequest(call_id=call_id, control_id="s")
    with pytest.raises(grpc.aio.AioRpcError):
        await gateway.client.streams.StopStream(request, metadata=(("x-request-id", request_id),))


async def test_a_command(stream: io.StringIO) -> None:
    """Who asked for what, under which id, and what came of it."""
    async with served(around=AROUND) as gateway:
        await stopped(gateway)
    assert lines(stream) == [
        {
            "event": "rpc",
            "level": "info",
            "method": "StopStream",
            "request_id": "r1",
            "client": "anyone",
            "call_id": "c",
            "control_id": "s",
            "code": "NOT_FOUND",
            "reason": "STREAM_NOT_FOUND",
        }
    ]


async def test_what_is_not_the_clients_doing_is_a_warning(stream: io.StringIO) -> None:
    """Here the disk is full."""
    async with served(around=AROUND) as gateway:
        gateway.journal.on_failed("disk full")
        request = gateway_service_pb2.UpdateContextsRequest(add=["x"])
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.gateway.UpdateContexts(request)
    (line,) = lines(stream)
    assert (line["level"], line["code"], line["reason"]) == ("warning", "UNAVAILABLE", "JOURNAL_UNAVAILABLE")


async def test_reads_that_go_well_are_for_debug(stream: io.StringIO) -> None:
    """And those that don't, are not."""
    async with served(around=AROUND) as gateway:
        await gateway.client.streams.ListStreams(stream_service_pb2.ListStreamsRequest())
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.streams.GetStream(stream_service_pb2.GetStreamRequest(call_id="c", control_id="s"))
    assert [(line["method"], line["level"]) for line in lines(stream)] == [
        ("ListStreams", "debug"),
        ("GetStream", "info"),
    ]


async def test_a_watch_that_its_client_leaves(stream: io.StringIO) -> None:
    """Is said when it is over, with the number of messages."""
    async with served(around=AROUND) as gateway:
        watch = gateway.watch()
        await watch.opened()
        assert lines(stream) == []
        watch.call.cancel()
        await wait_until(lambda: bool(lines(stream)))
    (line,) = lines(stream)
    assert (line["level"], line["code"], line["messages"]) == ("debug", "CANCELLED", 1)


async def test_what_ends_as_planned_is_no_trouble(stream: io.StringIO) -> None:
    """Watches that grow old, and whatever is sent to another process when this one leaves."""
    async with served(around=AROUND, max_watch_age=0.001) as gateway:
        await gateway.watch().rest()
        await gateway.engine.drain(0)
        with pytest.raises(grpc.aio.AioRpcError):
            await gateway.client.gateway.UpdateContexts(gateway_service_pb2.UpdateContextsRequest(add=["x"]))
    assert [(line["reason"], line["level"]) for line in lines(stream)] == [("MAX_AGE", "debug"), ("DRAINING", "info")]


async def test_long_ids_are_cut(stream: io.StringIO) -> None:
    """They come from clients, and are said before anybody has looked at them."""
    async with served(around=AROUND) as gateway:
        await stopped(gateway, call_id="c" * 100_000)
    (line,) = lines(stream)
    assert len(line["call_id"]) < 200


async def test_lines_that_are_written_on_the_way(stream: io.StringIO) -> None:
    """Say which request they are for, also from tasks that it started; others do not."""

    class Logging(RpcLog):
        def began(self, method: Any, call: Any) -> Any:
            line = super().began(method, call)
            structlog.get_logger("x").info("on_the_way")
            asyncio.get_running_loop().call_soon(structlog.get_logger("x").info, "a_bit_later")
            return line

    async with served(around=Surroundings(observer=Logging())) as gateway:
        await stopped(gateway, "r1")
        await stopped(gateway, "r2")
        structlog.get_logger("x").info("elsewhere")
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    found = {(line["event"], line.get("request_id")) for line in said if line["logger"] == "x"}
    assert found == {(event, request) for event in ("on_the_way", "a_bit_later") for request in ("r1", "r2")} | {
        ("elsewhere", None)
    }
