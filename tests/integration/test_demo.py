"""The demo: it shows what it says, and it notices when something is not as it has to be."""

import asyncio
import contextlib
import re
import signal
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.demo import run
from gateway.demo.run import run_demo
from gateway.demo.world import World, open_world
from gateway.emulator.actions import Drop, Duplicate, Reply
from gateway.emulator.codecs import AudioFormat, decode
from gateway.emulator.faults import Fault
from gateway.emulator.sender import Sender
from gateway.emulator.sink import Received
from gateway.server import StartFailed

FAST = 0.001
"""Seconds between messages that hold 20 ms of audio each."""
EVENT = "calling.call.stream"


class Demo:
    """One run, and what it said."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.lines: list[str] = []
        self.worlds: list[World] = []

    async def run(self, prepare: Callable[[World], object] = lambda _: None) -> int:
        """Runs it to its end in a world that `prepare` may break; returns the exit code."""

        @contextlib.asynccontextmanager
        async def prepared(directory: Path) -> AsyncIterator[World]:
            async with open_world(directory, frame_interval=FAST) as world:
                prepare(world)
                self.worlds.append(world)
                yield world

        return await run_demo(keep=False, output=self.output, echo=self.lines.append, world=prepared)

    @property
    def failed(self) -> list[str]:
        """What the failed checks were for."""
        return [line.partition("FAIL ")[2] for line in self.lines if "check     FAIL" in line]


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """A run to be made, with a place for the audio."""
    return Demo(tmp_path / "out" / "demo.wav")


def break_media(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], bool]) -> None:
    """Changes messages of audio between RELAY and the endpoint; `change` says whether a message still goes out."""
    send = Sender._send

    async def spoiled(self: Sender, socket: Any, message: dict[str, Any]) -> None:
        if change(message):
            await send(self, socket, message)

    monkeypatch.setattr(Sender, "_send", spoiled)


def at_endpoint(world: World, act: Callable[[World, Received], Awaitable[None]]) -> None:
    """Does something when the audio begins, before the demo listens to it."""
    wait = world.sink.wait_stream

    async def acted(number: int = 1, within: float = 10.0) -> Received:
        received = await wait(number, within)
        await act(world, received)
        return received

    world.sink.wait_stream = acted  # type: ignore[method-assign]


async def test_succeeds(demo: Demo) -> None:
    """It exits 0, and the WAV has the samples that RELAY sent, all of them."""
    assert await demo.run() == 0
    assert not demo.failed
    assert demo.lines[-1] == "everything is as it has to be"
    (stream,) = demo.worlds[0].emulator.streams.values()
    sent = decode(stream.records["inbound"].payload, AudioFormat.parse("PCMU", "little"))
    assert len(sent) >= 3 * 8000
    with wave.open(str(demo.output)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert file.readframes(file.getnframes()) == sent.tobytes()


async def test_duplicates_do_no_harm(demo: Demo) -> None:
    """RELAY may send an event twice: each still comes once."""
    fault = Fault(Duplicate(), method="signalwire.event", response=False)
    assert await demo.run(lambda world: world.emulator.faults.add(fault)) == 0


async def test_audio_that_changes_on_the_way(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong byte is noticed."""

    def change(message: dict[str, Any]) -> bool:
        if message.get("sequenceNumber") == "20":
            message["media"]["payload"] = "AA" + message["media"]["payload"][2:]
        return True

    break_media(monkeypatch, change)
    assert await demo.run() == 1
    (failed,) = demo.failed
    assert re.fullmatch(r"the \d+ bytes of audio received are those that were sent", failed)


async def test_audio_that_is_lost(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing message is noticed, as missing and as a hole in the sequence."""
    break_media(monkeypatch, lambda message: message.get("sequenceNumber") != "20")
    assert await demo.run() == 1
    assert len(demo.failed) == 2
    assert "every message was in order and well formed" in demo.failed


async def test_parameters_that_are_lost(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Custom parameters have to arrive."""

    def change(message: dict[str, Any]) -> bool:
        message.get("start", {}).pop("customParameters", None)
        return True

    break_media(monkeypatch, change)
    assert await demo.run() == 1
    assert [line for line in demo.failed if line.startswith("the endpoint got")] == demo.failed


async def test_an_event_that_is_lost(demo: Demo) -> None:
    """Without RELAY's report of the answer the story is not whole."""
    fault = Fault(Drop(), event_type="calling.call.state", response=False, nth=1, times=1)
    assert await demo.run(lambda world: world.emulator.faults.add(fault)) == 1
    assert demo.failed == ["and tell the whole story"]


async def test_a_stream_that_ends_by_itself(demo: Demo) -> None:
    """`finished` before anybody stopped the stream is not what was asked for."""

    async def end(world: World, received: Received) -> None:
        await received.wait_audio(3000)
        ((call_id, control_id),) = world.emulator.streams
        await world.emulator.drop_stream(call_id, control_id)

    assert await demo.run(lambda world: at_endpoint(world, end)) == 1
    assert demo.failed == ["the stream ended because it was asked to: FINISHED, REMOTE"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(Reply("500"), method="calling.stream"), "UNAVAILABLE, RELAY failed calling.stream with 500"),
        (Fault(Drop(), event_type=EVENT, response=False), "TimeoutError"),
        (Fault(Drop(), event_type="calling.call.receive", response=False), "TimeoutError"),
        (Fault(Drop(), event_type="calling.call.state", response=False, nth=3), "TimeoutError"),
    ],
    ids=["start refused", "no streaming", "no call", "no end"],
)
async def test_what_never_comes(demo: Demo, monkeypatch: pytest.MonkeyPatch, fault: Fault, told: str) -> None:
    """A story that does not come to its end fails in time, and says where."""
    monkeypatch.setattr(run, "_TIMEOUT", 2.0)
    assert await demo.run(lambda world: world.emulator.faults.add(fault)) == 1
    (failed,) = demo.failed
    assert failed.startswith(f"the story came to its end: {told}")
    assert not demo.output.exists()


async def test_an_endpoint_that_leaves(demo: Demo) -> None:
    """Audio that stops in the middle is a failure, too."""

    async def leave(world: World, _: Received) -> None:
        await world.sink.drop()

    assert await demo.run(lambda world: at_endpoint(world, leave)) == 1
    (failed,) = demo.failed
    assert "EOFError, the stream closed after" in failed


async def test_a_gateway_that_does_not_start(tmp_path: Path) -> None:
    """Why the gateway of the demo cannot start is told as it is."""
    (tmp_path / "data").touch()
    with pytest.raises(StartFailed, match="data"):
        async with open_world(tmp_path):
            raise AssertionError("it started")


async def test_keep_ends_at_the_first_signal(tmp_path: Path) -> None:
    """With --keep everything runs on, with commands to try, until Ctrl-C; one is enough, and the exit code is 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "demo", "--keep", "--output", str(tmp_path / "demo.wav"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        while "StreamService/WatchEvents" not in (line := (await process.stdout.readline()).decode()):
            assert line, "it ended by itself"
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
