"""A gateway in this process; when a test is over, every promise is held against what was seen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc.aio

from callstream.v1 import call_service_pb2, stream_service_pb2
from gateway.emulator.certificates import Certificates
from gateway.emulator.model import Call
from gateway.emulator.server import Emulator, EmulatorOptions
from gateway.emulator.sink import AudioSink, SinkOptions
from gateway.relay import wire
from gateway.relay.protocol import Timeouts
from gateway.service.info import Identity
from gateway.service.services import Services
from tests.support.chaos.asking import Asking
from tests.support.chaos.ending import caught_up, collect, settle
from tests.support.chaos.followers import Follower, Pager
from tests.support.chaos.world import World
from tests.support.engines import Running, running_engine
from tests.support.histories import EventFilter, History, Place
from tests.support.running import PROJECT, TOKEN
from tests.support.validators.promises import broken_promises

__all__ = ["REQUEST_TIMEOUT", "Judged", "judged"]

_SETTLED_AFTER: Final = 0.15
REQUEST_TIMEOUT: Final = 1.0
"""Seconds that RELAY has to answer a command."""
_TIMEOUTS: Final = Timeouts(connect=1.0, request=REQUEST_TIMEOUT, ping_interval=0.3, ping_timeout=0.2, ping_failures=2)
_PATIENCE: Final = (5.0,)


class _GatewayInProcess:
    """What `World` needs to know of a gateway."""

    def __init__(self, address: str, data_dir: Path, end: Callable[[], Awaitable[None]]) -> None:
        self.address = address
        self.data_dir = data_dir
        self.log = Place("the log", "")
        self._end = end

    async def revive(self) -> None:
        """It cannot have crashed without the test."""

    async def terminate(self) -> None:
        """Ends it in order."""
        await self._end()


class Judged:
    """A client that lives with calls while the test lets things go wrong."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.broken: dict[str, list[str]] = {}
        """By promise; filled when the run is over."""
        self.emulator: Emulator = world.emulator
        self._asking = Asking(world, world.chance("client"), _PATIENCE, leaves=0.0)
        self._stubs = world.stubs()

    async def call(self) -> Call:
        """A call comes in, and is answered."""
        call = await self.emulator.place_call(timeout=10)
        request = call_service_pb2.AnswerCallRequest(call_id=call.call_id, node_id=call.node_id)
        await self._asking.until_answered(self._stubs.calls.AnswerCall, request, wire.ANSWER, call.call_id)
        return call

    async def start(self, call: Call, control_id: str, **fields: Any) -> stream_service_pb2.StartStreamResponse | None:
        """Starts a stream, again if that is what the contract says; None if the answer is no."""
        request = self._start_request(call, control_id, **fields)
        return await self._asking.until_answered(
            self._stubs.streams.StartStream, request, wire.STREAM, call.call_id, control_id
        )

    async def start_and_leave(self, call: Call, control_id: str, after: float) -> None:
        """Asks for a stream, and does not wait for the answer longer than so many seconds."""
        request = self._start_request(call, control_id)
        await self._asking.once(
            self._stubs.streams.StartStream, request, wire.STREAM, call.call_id, control_id, leaves=after
        )

    def _start_request(self, call: Call, control_id: str, **fields: Any) -> stream_service_pb2.StartStreamRequest:
        return stream_service_pb2.StartStreamRequest(
            call_id=call.call_id,
            node_id=call.node_id,
            control_id=control_id,
            **{
                "url": self.world.sink.url,
                "authorization_bearer_token": self.world.bearer_tokens[0],
                "wait_until": stream_service_pb2.START_WAIT_UNTIL_STREAMING,
                **fields,
            },
        )

    async def stop(self, call: Call, control_id: str) -> stream_service_pb2.StopStreamResponse | None:
        """Stops a stream, and waits for its end."""
        request = stream_service_pb2.StopStreamRequest(
            call_id=call.call_id, control_id=control_id, wait_until=stream_service_pb2.STOP_WAIT_UNTIL_ENDED
        )
        return await self._asking.until_answered(
            self._stubs.streams.StopStream, request, wire.STREAM_STOP, call.call_id, control_id
        )

    async def end(self, call: Call) -> None:
        """Hangs up."""
        request = call_service_pb2.EndCallRequest(call_id=call.call_id, node_id=call.node_id)
        await self._asking.until_answered(self._stubs.calls.EndCall, request, wire.END, call.call_id)

    async def live(self) -> None:
        """Two calls with all that calls are for: one is hung up, the other keeps a stream."""
        first = await self.call()
        await self.start(first, "stopped")
        await self.start(first, "ended")
        await self.stop(first, "stopped")
        second = await self.call()
        await self.start(second, "kept")
        await self.end(first)


@asynccontextmanager
async def judged(
    directory: Path, certificates: Certificates, *, start_timeout: float = 0.4, **options: Any
) -> AsyncIterator[Judged]:
    """Runs RELAY, an endpoint, a gateway, and some who follow it; `broken` tells what was broken when it is over."""
    defaults: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "projects": {PROJECT: TOKEN},
        "ca_file": certificates.ca,
        "frame_interval": 0.5,
        "ping_interval": None,
        "late_finish": 0.1,
        "disconnect_grace": 1.0,
        "redelivery_interval": 0.2,
    }
    async with (
        AudioSink(SinkOptions(certificate=certificates.certificate, key=certificates.key)) as sink,
        Emulator(EmulatorOptions(**{**defaults, **options})) as emulator,
        running_engine(
            emulator, directory, timeouts=_TIMEOUTS, start_timeout=start_timeout, stop_timeout=0.4, sweep_interval=30.0
        ) as running,
        _served(running, directory) as gateway,
    ):
        world = World(0, emulator, sink, gateway)
        world.secrets["the API token"] = TOKEN
        world.bearer_tokens.append("bearer-token-of-the-endpoint")
        world.secrets["the bearer token"] = world.bearer_tokens[0]
        followers = [
            Follower(world, "steady", EventFilter(), from_oldest=True, steady=True),
            Pager(world, "pager", EventFilter(), from_oldest=True, steady=True),
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(follower.run(), name=follower.name) for follower in followers]
                watching.append(tasks.create_task(world.observe(), name="observe"))
                run = Judged(world)
                yield run
                run.broken = broken_promises(await _end(world, followers))
                for task in watching:
                    task.cancel()
        finally:
            await world.close()


@asynccontextmanager
async def _served(running: Running, directory: Path) -> AsyncIterator[_GatewayInProcess]:
    services = Services(running.engine, Identity("replica-1", running.emulator_host, PROJECT), 100)
    server = grpc.aio.server()
    await services.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def end() -> None:
        await services.drain()
        await server.stop(1.0)
        await running.leave()

    try:
        yield _GatewayInProcess(f"127.0.0.1:{port}", directory, end)
    finally:
        await server.stop(0)


async def _end(world: World, followers: list[Follower]) -> History:
    """Ends the trouble, waits until all is settled, and gathers what was seen."""
    world.emulator.faults.clear()
    world.emulator.refuse_connections(None)
    world.calm.set()
    standing = await settle(world, _SETTLED_AFTER)
    head = await caught_up(world, followers)
    return await collect(world, followers, standing, head)
