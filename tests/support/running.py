"""A gateway in this process, or in one of its own, against an emulator: what most integration tests begin with."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from callstream.v1 import (
    call_service_pb2_grpc,
    event_pb2,
    gateway_service_pb2_grpc,
    stream_service_pb2,
    stream_service_pb2_grpc,
)
from gateway.emulator.server import Emulator, EmulatorOptions
from gateway.server import serve
from gateway.settings.settings import ExplicitSettings, Settings

PROJECT = "demo"
TOKEN = "demo-token"


class Client:
    """The stubs of one channel; channels to one address share a connection unless they have their own."""

    def __init__(self, address: str, *, own_connection: bool = False) -> None:
        self.address = address
        options = [("grpc.use_local_subchannel_pool", 1)] if own_connection else []
        self.channel = grpc.aio.insecure_channel(address, options)
        self.streams = stream_service_pb2_grpc.StreamServiceStub(self.channel)
        self.calls = call_service_pb2_grpc.CallServiceStub(self.channel)
        self.gateway = gateway_service_pb2_grpc.GatewayServiceStub(self.channel)

    async def events(self, **request: Any) -> AsyncIterator[event_pb2.Event]:
        """The events of a watch, one by one, until it ends."""
        async for response in self.streams.WatchEvents(stream_service_pb2.WatchEventsRequest(**request)):
            for event in response.events.events:
                yield event

    async def until(self, kind: "event_pb2.EventType.ValueType", **request: Any) -> event_pb2.Event:
        """The first event of a type, from the oldest on unless `request` says otherwise."""
        if not {"after_cursor", "start_time", "from_oldest", "include_snapshot"} & set(request):
            request["from_oldest"] = True
        async for event in self.events(**request):
            if event.type == kind:
                return event
        raise AssertionError("the watch ended first")


@contextlib.asynccontextmanager
async def running_emulator(**options: Any) -> AsyncIterator[Emulator]:
    """An emulator on free ports, which streams to ws:// endpoints as well, as fast as they read."""
    defaults: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "projects": {PROJECT: TOKEN},
        "allow_insecure_stream_urls": True,
    }
    async with Emulator(EmulatorOptions(**{**defaults, **options})) as emulator:
        yield emulator


def settings_for(emulator_host: str, **settings: Any) -> Settings:
    """Settings for a gateway of an emulator: any free port, keeping nothing, unless `settings` says otherwise."""
    defaults: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "ops_listen": "off",
        "data_dir": ":memory:",
        "project_id": PROJECT,
        "api_token": TOKEN,
        "relay_host": emulator_host,
        "relay_scheme": "ws",
    }
    return ExplicitSettings(**{**defaults, **settings})


@contextlib.asynccontextmanager
async def running_server(settings: Settings) -> AsyncIterator[str]:
    """A gateway in this process, drained at the end; where it serves."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, ready.set_result, stop))
    waited: list[asyncio.Future[Any]] = [ready, serving]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    try:
        yield ready.result()
    finally:
        stop.set()
        await serving


@contextlib.asynccontextmanager
async def running_gateway(emulator_host: str, **settings: Any) -> AsyncIterator[Client]:
    """A gateway in this process, and a client of it; drained at the end."""
    async with running_server(settings_for(emulator_host, **settings)) as address:
        client = Client(address)
        try:
            yield client
        finally:
            await client.channel.close()


class GatewayProcess:
    """`callstream serve` as a process of its own, to be killed."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.client = Client(address)

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self.client.channel.close()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = await self.process.wait()
        await self.client.channel.close()
        return code


async def start_gateway_process(emulator_host: str, data_dir: Path, **environment: str) -> GatewayProcess:
    """Starts `callstream serve`; returns once it serves gRPC."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "serve",
        "--listen",
        "127.0.0.1:0",
        env={
            **os.environ,
            "CALLSTREAM_OPS_LISTEN": "off",
            "CALLSTREAM_LOG_LEVEL": "warning",  # most tests read no further than the first line
            "CALLSTREAM_DATA_DIR": str(data_dir),
            "SIGNALWIRE_PROJECT_ID": PROJECT,
            "SIGNALWIRE_API_TOKEN": TOKEN,
            "SIGNALWIRE_RELAY_HOST": emulator_host,
            "SIGNALWIRE_RELAY_SCHEME": "ws",
            **environment,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = []
    while line := (await process.stderr.readline()).decode():
        lines.append(line)
        if "serves gRPC on" in line:
            return GatewayProcess(process, line.split("serves gRPC on")[1].split()[0])
    raise AssertionError(f"the gateway did not start: {''.join(lines)}")
