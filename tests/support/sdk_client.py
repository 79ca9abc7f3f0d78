"""SignalWire's own Python SDK, unmodified, at work against an emulator behind TLS."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from signalwire.relay import RelayClient, RelayError
from signalwire.relay.call import Call as SdkCall

from gateway.emulator.certificates import Certificates
from gateway.emulator.frames import CLIENT_TO_SERVER, Frame
from gateway.emulator.model import Call, Stream
from gateway.emulator.server import Emulator, EmulatorOptions
from gateway.emulator.sessions import Session
from gateway.emulator.sink import AudioSink, SinkOptions
from tests.support.leaks import no_tasks_beyond

__all__ = ["PROJECT", "TOKEN", "SdkWorld", "sdk_world"]

PROJECT = "demo"
TOKEN = "demo-token"
_CALLS_WAITING = 100


@dataclass(frozen=True)
class SdkWorld:
    """An emulator, an endpoint for audio, and a RelayClient that runs as its `run()` makes it run."""

    emulator: Emulator
    sink: AudioSink
    client: RelayClient
    running: asyncio.Task[None]
    """Ends when the client gives up."""
    offered: asyncio.Queue[SdkCall]
    """What the client's on_call handler was given."""

    @property
    def session(self) -> Session:
        """The emulator's side of the client's session."""
        return self.emulator.sessions[self.client.relay_protocol]

    @property
    def connects(self) -> list[Frame]:
        """The client's signalwire.connect requests so far."""
        return self.sent("signalwire.connect")

    def sent(self, method: str) -> list[Frame]:
        """The client's requests of a method so far."""
        return [
            frame
            for frame in self.emulator.frames
            if frame.direction == CLIENT_TO_SERVER and frame.method == method and not frame.is_response
        ]

    async def connected(self, number: int = 1) -> None:
        """Wait until the client has connected `number` times and knows how to resume: it has acked the new state."""
        seen = 0

        def acked(frame: Frame) -> bool:
            nonlocal seen
            seen += frame.is_response and frame.event_type == "signalwire.authorization.state"
            return seen >= number

        await self.emulator.frames.wait_for(acked, timeout=10)

    async def acked(self, event_type: str, after: int = 0) -> Frame:
        """Wait for the client's ack of an event of a type."""
        return await self.emulator.frames.wait_for(
            lambda frame: frame.is_response and frame.event_type == event_type, timeout=10, after=after
        )

    async def request(self, method: str, after: int = 0) -> Frame:
        """Wait for the client's request of a method."""
        return await self.emulator.frames.wait_for(
            lambda frame: frame.direction == CLIENT_TO_SERVER and frame.method == method and not frame.is_response,
            timeout=10,
            after=after,
        )

    async def incoming(self, **options: Any) -> tuple[Call, SdkCall]:
        """Place a call and take it from the handler: the emulator's side and the SDK's side of it."""
        call = await self.emulator.place_call(timeout=10, **options)
        async with asyncio.timeout(10):
            taken = await self.offered.get()
        assert taken.call_id == call.call_id
        return call, taken

    async def answered(self, **options: Any) -> tuple[Call, SdkCall]:
        """As `incoming`, and answer it."""
        call, taken = await self.incoming(**options)
        await taken.answer()
        await taken.wait_for_answered(timeout=10)
        return call, taken

    def stream_of(self, call: Call, control_id: str) -> Stream:
        """The emulator's side of a stream."""
        return self.emulator.streams[call.call_id, control_id]

    async def settled(self) -> None:
        """Wait until the client has handled, and the emulator seen acked, all that was sent before."""
        # The first answer comes behind those events, the second request behind their acks.
        for _ in range(2):
            await self.client.receive(list(self.client.contexts))

    async def noticed_loss(self) -> None:
        """Wait until the client knows that its socket is gone."""
        assert self.client._recv_task is not None
        async with asyncio.timeout(10):
            await asyncio.wait([self.client._recv_task])


def _unless_the_sdk_s_own(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what goes wrong in a loop, but for the error that the SDK leaves unread in a stream it could not start."""
    unread = context["message"] == "Future exception was never retrieved"
    if not (unread and isinstance(context.get("exception"), RelayError)):
        loop.default_exception_handler(context)


@asynccontextmanager
async def sdk_world(
    certificates: Certificates,
    *,
    credentials: dict[str, str] | None = None,
    contexts: tuple[str, ...] = ("default",),
    bearer_token: str | None = None,
    **options: Any,
) -> AsyncIterator[SdkWorld]:
    """Start all three on free ports; afterwards no task of any of them may be left.

    The environment variable SIGNALWIRE_RELAY_CA_FILE must name the certificates' CA. Audio runs at one hundredth of its
    length.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_unless_the_sdk_s_own)
    before = asyncio.all_tasks()
    sink_options = SinkOptions(certificate=certificates.certificate, key=certificates.key, bearer_token=bearer_token)
    emulator_options = EmulatorOptions(
        **{
            "listen": "127.0.0.1:0",
            "tls_certificate": certificates.certificate,
            "tls_key": certificates.key,
            "ca_file": certificates.ca,
            "frame_interval": 0.0002,
            **options,
        }
    )
    async with AudioSink(sink_options) as sink, Emulator(emulator_options) as emulator:
        given = {"project": PROJECT, "token": TOKEN} if credentials is None else credentials
        client = RelayClient(host=emulator.host, contexts=list(contexts), **given)  # type: ignore[arg-type]
        offered: asyncio.Queue[SdkCall] = asyncio.Queue(_CALLS_WAITING)

        @client.on_call
        async def offer(call: SdkCall) -> None:
            offered.put_nowait(call)

        # What RelayClient.run() runs, without an event loop of its own.
        running = asyncio.create_task(client._run_forever(), name="sdk-client")
        try:
            yield SdkWorld(emulator, sink, client, running, offered)
        finally:
            await client.disconnect()
            running.cancel()
            await asyncio.wait([running])
            loop.remove_signal_handler(signal.SIGINT)  # the SDK leaves its own there
    await no_tasks_beyond(before)  # sockets that the SDK forgot are noticed once the emulator has cut them
