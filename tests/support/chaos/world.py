"""What all parts of a chaos run share: RELAY, the gateway's process, chance, and what was seen."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from pathlib import Path
from typing import Protocol

import grpc.aio

from callstream.v1 import call_service_pb2_grpc, gateway_service_pb2_grpc, stream_service_pb2_grpc
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink
from tests.support.histories import Ask, Place
from tests.support.recording import FrameLog

__all__ = ["Gateway", "Stubs", "World", "chance_of"]

_CHANNEL_OPTIONS = (
    # A client of a gateway that is killed all the time wants to be back soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
)

_HEARTBEAT = 0.05
_TAKE_EVERY = 0.1


def chance_of(seed: int, name: str) -> random.Random:
    """A source of chance for one part of a run: equal for equal seeds."""
    return random.Random(f"{seed}/{name}")  # noqa: S311 - not a secret


class Stubs:
    """The stubs of one channel."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address, _CHANNEL_OPTIONS)
        self.streams = stream_service_pb2_grpc.StreamServiceStub(self.channel)
        self.calls = call_service_pb2_grpc.CallServiceStub(self.channel)
        self.gateway = gateway_service_pb2_grpc.GatewayServiceStub(self.channel)


class Gateway(Protocol):
    """What can be asked of a gateway from outside."""

    @property
    def address(self) -> str:
        """Where it serves gRPC."""
        ...

    @property
    def data_dir(self) -> Path:
        """Where it keeps what it keeps."""
        ...

    @property
    def log(self) -> Place:
        """All that it has logged."""
        ...

    async def revive(self) -> None:
        """Returns once it serves, also if it had crashed."""
        ...

    async def terminate(self) -> None:
        """Ends it in order."""
        ...


class World:
    """One run."""

    def __init__(self, seed: int, emulator: Emulator, sink: AudioSink, gateway: Gateway) -> None:
        self.seed = seed
        self.emulator = emulator
        self.sink = sink
        self.gateway = gateway
        self.asks: list[Ask] = []
        self.told: set[str] = set()
        """What clients were answered, errors with all their details included."""
        self.counts: Counter[str] = Counter()
        self.bearer_tokens: list[str] = []
        self.secrets: dict[str, str] = {}
        """What must appear nowhere, by what it is."""
        self.lied_about: set[str] = set()
        """Calls of which RELAY was made to say what is not so: they are hung up before the end, so that it is."""
        self.frames = FrameLog()
        self.lag = 0.0
        self.calm = asyncio.Event()
        """Set once no more trouble is made."""
        self._stubs: list[Stubs] = []

    def chance(self, name: str) -> random.Random:
        """A source of chance of its own for each part, so that the parts don't disturb each other's."""
        return chance_of(self.seed, name)

    def stubs(self) -> Stubs:
        """Stubs with a channel of their own."""
        stubs = Stubs(self.gateway.address)
        self._stubs.append(stubs)
        return stubs

    async def close(self) -> None:
        """Closes the channels."""
        for stubs in self._stubs:
            await stubs.channel.close()

    async def observe(self) -> None:
        """Takes frames out of the emulator's journal, and notices when this machine is late. Until cancelled."""
        taken = 0.0
        while True:
            began = time.monotonic()
            await asyncio.sleep(_HEARTBEAT)
            self.lag = max(self.lag, time.monotonic() - began - _HEARTBEAT)
            if began - taken >= _TAKE_EVERY:
                taken = began
                self.frames.take(self.emulator.frames)

    async def until_calm(self, seconds: float) -> bool:
        """Waits so long, or less if calm sets in; whether it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.calm.wait()
        return self.calm.is_set()
