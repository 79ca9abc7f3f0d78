"""What a demo needs around its client: an emulated RELAY, an audio endpoint and a gateway, certificates included."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.emulator.certificates import make_certificates
from gateway.emulator.server import Emulator, EmulatorOptions
from gateway.emulator.sink import AudioSink, SinkOptions
from gateway.server import serve
from gateway.settings.settings import ExplicitSettings

__all__ = ["BEARER_TOKEN", "World", "open_world"]

_PROJECT = "demo"
_API_TOKEN = "demo-api-token"  # noqa: S105 - both ends of it are made here
BEARER_TOKEN = "demo-audio-token"  # noqa: S105 - as above
"""What the audio endpoint expects of RELAY."""


@dataclass(frozen=True, slots=True)
class World:
    """All that runs. `address` is where the gateway serves gRPC."""

    emulator: Emulator
    sink: AudioSink
    address: str


@contextlib.asynccontextmanager
async def open_world(directory: Path, *, frame_interval: float | None = None) -> AsyncIterator[World]:
    """Starts everything with the embedded defaults, and ends it in the opposite order.

    Args:
        directory: For certificates and the gateway's data.
        frame_interval: Seconds between messages of audio; None for as long as the audio in them lasts.
    """
    certificates = make_certificates(directory / "certificates")
    async with contextlib.AsyncExitStack() as stack:
        options = SinkOptions(certificate=certificates.certificate, key=certificates.key, bearer_token=BEARER_TOKEN)
        sink = await stack.enter_async_context(AudioSink(options))
        emulator = await stack.enter_async_context(
            Emulator(
                EmulatorOptions(
                    listen="127.0.0.1:0",
                    control="127.0.0.1:0",
                    tls_certificate=certificates.certificate,
                    tls_key=certificates.key,
                    ca_file=certificates.ca,
                    projects={_PROJECT: _API_TOKEN},
                    frame_interval=frame_interval,
                )
            )
        )
        settings = ExplicitSettings(
            listen="127.0.0.1:0",
            ops_listen="off",
            data_dir=str(directory / "data"),
            project_id=_PROJECT,
            api_token=_API_TOKEN,
            relay_host=emulator.host,
            relay_ca_file=str(certificates.ca),
        )
        address = await stack.enter_async_context(_gateway(settings))
        yield World(emulator, sink, address)


@contextlib.asynccontextmanager
async def _gateway(settings: ExplicitSettings) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, ready.set_result, stop), name="gateway")
    waited: list[asyncio.Future[Any]] = [ready, serving]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    try:
        if serving.done():
            await serving  # it could not start, and says why
        yield ready.result()
    finally:
        stop.set()
        await serving
