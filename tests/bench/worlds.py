"""A server under load: the gateway or a baseline, with the peer that plays RELAY and the process that plays clients."""

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.processes import Process, Usage
from tests.support.running import start_gateway_process

__all__ = ["START_STREAM", "WATCH_EVENTS", "World", "bare", "gateway", "gateway_on"]

START_STREAM: Final = "/callstream.v1.StreamService/StartStream"
WATCH_EVENTS: Final = "/callstream.v1.StreamService/WatchEvents"
_ENVIRONMENT: Final = {
    "CALLSTREAM_LOG_LEVEL": "error",
    "CALLSTREAM_START_TIMEOUT": "1h",
    "CALLSTREAM_MAX_STREAMS_PER_CALL": "1000",
    "CALLSTREAM_MAX_WATCHES": "100000",
    "CALLSTREAM_RETENTION": "365d",
    "CALLSTREAM_RETENTION_SIZE": "1000GiB",
    "CALLSTREAM_DRAIN_GRACE": "5s",
}


@dataclass(frozen=True, slots=True)
class World:
    """What a measurement talks to.

    Attributes:
        address: Where gRPC is served.
        server: What the server's process uses of the machine.
        ready: Since when gRPC is served, by the monotonic clock; 0 if nobody looked.
        peer: RELAY's side.
        load: The clients' side.
    """

    address: str
    server: Usage
    peer: Process
    load: Process
    ready: float = 0.0

    async def watch(self, count: int, *, connections: int) -> None:
        """Opens watches, which share so many connections."""
        await self.load.ask(
            "open", address=self.address, method=WATCH_EVENTS, body="", count=count, connections=connections
        )


@contextlib.asynccontextmanager
async def gateway(calls: int = 0, **environment: str) -> AsyncIterator[World]:
    """A gateway with a journal of its own, synchronous=FULL, that knows so many calls."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        async with gateway_on(Path(directory) / "data", calls, environment, kill=True) as world:
            yield world


@contextlib.asynccontextmanager
async def gateway_on(
    data: Path, calls: int = 0, environment: Mapping[str, str] = _ENVIRONMENT, *, kill: bool = False
) -> AsyncIterator[World]:
    """A gateway on a data directory, where it compacts nothing; it ends in order, or is killed."""
    async with await Process.start("peer") as peer, await Process.start("load") as load:
        process = await start_gateway_process(peer.hello["host"], data, **{**_ENVIRONMENT, **environment})
        ready = time.monotonic()
        try:
            await peer.ask("connected")
            if calls:
                await peer.ask("calls", count=calls)
            yield World(process.client.address, Usage(process.process.pid), peer, load, ready)
            if not kill:
                await process.terminate()
        finally:
            if process.process.returncode is None:
                await process.kill()


@contextlib.asynccontextmanager
async def bare(module: str) -> AsyncIterator[World]:
    """A baseline in place of the gateway."""
    async with (
        await Process.start("peer") as peer,
        await Process.start("load") as load,
        await Process.start(module, peer.hello["host"]) as server,
    ):
        yield World(server.hello["address"], server.usage(), peer, load)
