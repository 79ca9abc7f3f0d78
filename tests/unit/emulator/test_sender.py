"""The sender against endpoints that are slow, silent or not there."""

import asyncio
import ssl

import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.emulator import sender as sender_module
from gateway.emulator.codecs import AudioFormat
from gateway.emulator.sender import Sender, Target
from gateway.emulator.sink import AudioSink
from gateway.emulator.source import AudioSource


def make_sender(url: str, *, interval: float = 0.0002, timeout: float = 5.0) -> Sender:
    """A sender of the built-in sample's inbound track."""
    return Sender(
        Target(url, "sid", "project", "call", {}), AudioFormat("L16", 24000), ["inbound"], AudioSource.built_in(),
        frame_interval=interval, timeout=timeout, trust=ssl.create_default_context(), record_bytes=1000,
    )  # fmt: skip


def nothing() -> None:
    """What is called once the endpoint accepted."""


async def test_audio_that_is_too_late_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that can't keep pace skips frames: time goes on, and the sequence stays whole."""
    monkeypatch.setattr(sender_module, "_MAX_LAG", 0.0)
    async with AudioSink() as sink:
        sender = make_sender(sink.url, interval=0.000001)
        running = asyncio.create_task(sender.run(nothing))
        received = await sink.wait_stream()
        await received.wait_audio(100)
        sender.stop()
        assert await running == "stopped"
        await received.wait_closed()
        assert sender.skipped > 0
        assert received.problems == []
        assert received.frames() == sender.records["inbound"].frames


@pytest.mark.parametrize(("stop", "ending"), [(False, "lost"), (True, "stopped")])
async def test_an_endpoint_that_stops_reading_is_lost(stop: bool, ending: str) -> None:
    """After the timeout the socket is given up, also when it was to be stopped."""
    let_go = asyncio.Event()

    async def deaf(_: ServerConnection) -> None:
        await let_go.wait()

    async with serve(deaf, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sender = make_sender(f"ws://127.0.0.1:{port}", interval=0, timeout=0.2)
        running = asyncio.create_task(sender.run(nothing))
        if stop:
            frames = 0
            while sender.records["inbound"].frames != frames or not frames:  # until its send is stuck
                frames = sender.records["inbound"].frames
                for _ in range(100):
                    await asyncio.sleep(0)
            sender.stop()
        assert await running == ending
        assert stop or "TimeoutError" in sender.problem
        let_go.set()


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:1", "wss://" + "a" * 70 + ".invalid", "ws://127.0.0.1:1/#fragment"],
)
async def test_endpoints_that_are_not_there(url: str) -> None:
    """A closed port, a name that can't be and a URL that WebSockets don't have are all unreachable."""
    sender = make_sender(url)
    assert await sender.run(nothing) == "unreachable"
    assert sender.problem
