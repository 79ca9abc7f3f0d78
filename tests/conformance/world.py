"""What a scenario takes place in: RELAY, an audio endpoint, a gateway process, a proxy, and a driver beyond it."""

import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from callstream.v1 import event_pb2
from callstream.v1.stream_service_pb2 import WatchEventsRequest
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink
from tests.conformance.access import Access, Protection
from tests.conformance.driver import Driver
from tests.conformance.languages import Language
from tests.conformance.proxy import Proxy
from tests.support.running import GatewayProcess, start_gateway_process
from tests.support.streaming import open_endpoint

__all__ = ["World", "open_world"]

_SETTINGS = {
    "CALLSTREAM_LOG_LEVEL": "error",
    "CALLSTREAM_DRAIN_GRACE": "2s",
}


class World:
    """One gateway at a time, on one data directory."""

    def __init__(
        self,
        emulator: Emulator,
        sink: AudioSink,
        proxy: Proxy,
        data_dir: Path,
        settings: Mapping[str, str],
        protection: Protection,
    ) -> None:
        self.emulator = emulator
        self.sink = sink
        self.proxy = proxy
        self.protection = protection
        self._data_dir = data_dir
        self._settings = settings
        self._gateway: GatewayProcess | None = None

    async def start_gateway(self, **settings: str) -> None:
        """Starts a gateway, the world's first or the next; returns once it has a session with RELAY.

        Args:
            settings: Environment variables that this one has beside the world's.
        """
        assert self._gateway is None, "a gateway is running"
        environment = {**_SETTINGS, **self.protection.of_gateway(), **self._settings, **settings}
        self._gateway = await start_gateway_process(self.emulator.host, self._data_dir, **environment)
        self.proxy.target = self._gateway.client.address
        async with self.protection.connect(self._gateway.client.address) as streams:
            watch = streams.WatchEvents(WatchEventsRequest(from_oldest=True), metadata=self.protection.metadata)
            try:
                async for response in watch:
                    if any(event.type == event_pb2.EVENT_TYPE_SESSION_UP for event in response.events.events):
                        return
            finally:
                watch.cancel()  # it would count as one of the scenario's

    async def kill_gateway(self) -> None:
        """SIGKILL."""
        gateway, self._gateway = self._running(), None
        self.proxy.target = ""
        await gateway.kill()

    def ask_gateway_to_leave(self) -> None:
        """SIGTERM; `drain_gateway` waits until it has left."""
        self._running().process.send_signal(signal.SIGTERM)

    async def drain_gateway(self) -> None:
        """SIGTERM; returns once it has left.

        Raises:
            AssertionError: Its exit code is not 0.
        """
        gateway, self._gateway = self._running(), None
        code = await gateway.terminate()
        self.proxy.target = ""
        assert code == 0, f"the gateway left with {code}"

    def set_disk_full(self, full: bool) -> None:
        """From now on the running gateway can write to no file, or to all again."""
        pid = self._running().process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else most, most))

    async def size_of_snapshot(self) -> tuple[int, int]:
        """Bytes before the second part of a snapshot of everything, and bytes of that part."""
        watch = self._running().client.streams.WatchEvents(WatchEventsRequest(include_snapshot=True))
        try:
            sizes = []
            async for response in watch:
                sizes.append(response.ByteSize())
                if len(sizes) == len(("opened", "first", "second")):
                    assert response.WhichOneof("kind") == "snapshot", "the snapshot has one part only"
                    break
            return sizes[0] + sizes[1], sizes[2]
        finally:
            watch.cancel()

    def _running(self) -> GatewayProcess:
        assert self._gateway is not None, "no gateway is running"
        return self._gateway

    async def close(self) -> None:
        """Leaves no gateway behind."""
        if self._gateway is not None:
            client = self._gateway.client
            try:
                await self.kill_gateway()
            except ProcessLookupError:  # it was asked to leave, and has left
                await client.channel.close()


@contextlib.asynccontextmanager
async def open_world(
    language: Language, directory: Path, settings: Mapping[str, str], options: Mapping[str, Any], access: Access
) -> AsyncIterator[tuple[World, Driver]]:
    """A world with a running gateway, and the driver in it."""
    async with open_endpoint(directory, **options) as endpoint, Proxy() as proxy:
        protection = Protection(access, directory)
        world = World(endpoint.emulator, endpoint.sink, proxy, directory / "data", settings, protection)
        variables = {"CALLSTREAM_TARGET": proxy.address, **protection.of_driver()}
        try:
            await world.start_gateway()
            async with Driver(language, variables, directory / "driver.log") as driver:
                yield world, driver
        finally:
            await world.close()
