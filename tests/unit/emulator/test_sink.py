"""What the sink finds wrong with a stream, and what it can be waited for."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from gateway.emulator.sink import AudioSink, Received, SinkOptions

CONNECTED = {"event": "connected", "protocol": "Call", "version": "0.2.0"}
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


def start(**more: Any) -> dict[str, Any]:
    """A start message."""
    body = {"streamSid": "s", "callSid": "c", "tracks": ["inbound"], "mediaFormat": FORMAT, **more}
    return {"event": "start", "sequenceNumber": "1", "start": body}


def media(sequence: int, chunk: int, time: int, **more: Any) -> dict[str, Any]:
    """A media message."""
    encoded = base64.b64encode(b"\xff" * 160).decode()
    body = {"track": "inbound", "chunk": str(chunk), "timestamp": str(time), "payload": encoded, **more}
    return {"event": "media", "sequenceNumber": str(sequence), "media": body}


async def received(*messages: dict[str, Any] | str | bytes) -> Received:
    """A stream that got these messages."""
    stream = Received("/", "", SinkOptions(track_bytes=400))
    for message in messages:
        await stream.take(message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode())
    return stream


async def test_a_good_stream_has_no_problems() -> None:
    """A proper sequence is kept and counted; more audio than the limit is counted only."""
    dtmf = {"event": "dtmf", "sequenceNumber": "3", "dtmf": {"digit": "5", "duration": 2000}}
    stop = {"event": "stop", "sequenceNumber": "6"}
    stream = await received(CONNECTED, start(), media(2, 1, 0), dtmf, media(4, 2, 20), media(5, 3, 40), stop)
    assert stream.problems == []
    assert stream.digits == ["5"]
    assert stream.stopped
    assert stream.milliseconds() == 60
    assert len(stream.audio()) == 400
    assert (stream.stream_sid, stream.call_id, stream.tracks) == ("s", "c", ["inbound"])
    assert stream.custom_parameters == {}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([start()], "must be connected"),
        ([{**CONNECTED, "protocol": "Chat"}], "must be connected"),
        (["{", CONNECTED], "not JSON"),
        ([b'{"event":"connected","protocol":"Call"}'], "binary"),
        (["[1]"], "must be connected"),
        ([CONNECTED, media(1, 1, 0)], "start is the first"),
        ([CONNECTED, start(), {**start(), "sequenceNumber": "2"}], "only once"),
        ([CONNECTED, start(), media(3, 1, 0)], "sequenceNumber '3'"),
        ([CONNECTED, start(), media(2, 2, 0)], "chunk '2'"),
        ([CONNECTED, start(), media(2, 1, 0), media(3, 2, 0)], "timestamp '0' after 0"),
        ([CONNECTED, start(), media(2, 1, 0, timestamp=5)], "timestamp 5"),
        ([CONNECTED, start(), media(2, 1, 0, payload="?")], "payload"),
        ([CONNECTED, start(), media(2, 1, 0, track="outbound")], "start did not name"),
        ([CONNECTED, start(), {"event": "media", "sequenceNumber": "2"}], "start did not name"),
        ([CONNECTED, start(mediaFormat={"encoding": "audio/mp3"})], "mediaFormat"),
        ([CONNECTED, {"event": "start", "sequenceNumber": "1"}], "mediaFormat"),
        ([CONNECTED, start(), {"event": "mark", "sequenceNumber": "2"}], "unknown event"),
        ([CONNECTED, start(), {"event": "stop", "sequenceNumber": "2"}, media(3, 1, 0)], "after stop"),
    ],
)
async def test_every_fault_is_found(messages: list[Any], problem: str) -> None:
    """A wrong message is told, and does not end the stream."""
    stream = await received(*messages)
    assert any(problem in found for found in stream.problems), stream.problems


async def test_waits_end_when_the_socket_does(tmp_path: Path) -> None:
    """Waiting for what can't come any more is an EOFError; a stream without start has no WAV."""
    stream = await received(CONNECTED)
    assert (stream.frames(), stream.milliseconds(), stream.audio()) == (0, 0.0, b"")
    with pytest.raises(TimeoutError):
        await stream.wait_stopped(within=0)
    waiting = [asyncio.create_task(wait) for wait in (stream.wait_audio(20), stream.wait_stopped())]
    await asyncio.sleep(0)
    await stream.end()
    for task in waiting:
        with pytest.raises(EOFError):
            await task
    await stream.wait_closed()
    with pytest.raises(ValueError, match="start"):
        stream.write_wav(tmp_path / "a.wav")


async def test_streams_are_kept_up_to_a_limit() -> None:
    """The oldest closed streams are forgotten; the numbers go on."""
    async with AudioSink(SinkOptions(stream_limit=1)) as sink:
        seen: list[Received] = []
        for number in (1, 2):
            async with connect(sink.url, proxy=None) as socket:
                await socket.send(msgspec.json.encode(CONNECTED), text=True)
                await socket.send(msgspec.json.encode(start()), text=True)
                seen.append(await sink.wait_stream(number))
            await seen[-1].wait_closed()
        assert sink.streams == seen[1:]


async def test_an_abrupt_end_is_an_end() -> None:
    """A socket that is cut closes its stream."""
    async with AudioSink() as sink:
        socket = await connect(sink.url, proxy=None)
        await socket.send(msgspec.json.encode(CONNECTED), text=True)
        await socket.send(msgspec.json.encode(start()), text=True)
        stream = await sink.wait_stream()
        socket.transport.abort()
        await stream.wait_closed()
        await socket.wait_closed()
