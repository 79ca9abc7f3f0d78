"""A gateway whose streams really arrive: RELAY emulated, an audio endpoint with TLS, and a client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio

from callstream.v1 import call_service_pb2, event_pb2, stream_pb2, stream_service_pb2
from gateway.emulator.certificates import make_certificates
from gateway.emulator.model import Call
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink, SinkOptions
from tests.support.running import Client, running_emulator, running_gateway

__all__ = ["Endpoint", "World", "open_endpoint", "open_world"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An emulator, and an audio endpoint that it reaches."""

    emulator: Emulator
    sink: AudioSink


class World:
    """An endpoint, and a gateway with its client."""

    def __init__(self, emulator: Emulator, sink: AudioSink, client: Client) -> None:
        self.emulator = emulator
        self.sink = sink
        self.client = client

    async def call(self) -> Call:
        """A call that came in, is known to the gateway, and is answered."""
        call = await self.emulator.place_call(timeout=10)
        await self.client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED, filter={"call_ids": [call.call_id]})
        await self.client.calls.AnswerCall(call_service_pb2.AnswerCallRequest(call_id=call.call_id), timeout=10)
        return call

    def starting(
        self, call: Call, control_id: str = "stream-1", **fields: Any
    ) -> "grpc.aio.UnaryUnaryCall[stream_service_pb2.StartStreamRequest, stream_service_pb2.StartStreamResponse]":
        """A StartStream under way."""
        fields = {"url": f"{self.sink.url}audio", "call_id": call.call_id, "control_id": control_id, **fields}
        return self.client.streams.StartStream(stream_service_pb2.StartStreamRequest(**fields), timeout=10)

    async def stream(self, call: Call, control_id: str = "stream-1", **fields: Any) -> stream_pb2.Stream:
        """A stream whose audio flows."""
        fields = {"wait_until": stream_service_pb2.START_WAIT_UNTIL_STREAMING, **fields}
        started = await self.starting(call, control_id, **fields)
        assert started.stream.state == stream_pb2.STREAM_STATE_STREAMING
        return started.stream

    async def held(self, number: int = 1) -> None:
        """Returns once faults hold so many frames."""
        async with asyncio.timeout(10):
            while self.emulator.faults.held < number:  # noqa: ASYNC110 - the emulator tells nobody
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def open_endpoint(directory: Path, **options: Any) -> AsyncIterator[Endpoint]:
    """An emulator on free ports, and an endpoint for audio with a certificate that it trusts."""
    certificates = make_certificates(directory / "certificates")
    sink = AudioSink(SinkOptions(certificate=certificates.certificate, key=certificates.key))
    async with sink, running_emulator(ca_file=certificates.ca, **options) as emulator:
        yield Endpoint(emulator, sink)


@contextlib.asynccontextmanager
async def open_world(directory: Path, **settings: Any) -> AsyncIterator[World]:
    """The endpoint, and a gateway in this process with these settings."""
    async with open_endpoint(directory) as endpoint, running_gateway(endpoint.emulator.host, **settings) as client:
        yield World(endpoint.emulator, endpoint.sink, client)
