"""An endpoint for streams: takes the audio that RELAY sends, checks every message, and keeps what came."""

import asyncio
import base64
import binascii
import hmac
import http
import ssl
import wave
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from gateway.emulator.codecs import AudioFormat, decode
from gateway.emulator.options import Address

__all__ = ["AudioSink", "Received", "SinkOptions"]

_ENCODINGS: Mapping[str, Any] = {"audio/x-mulaw": "PCMU", "audio/x-alaw": "PCMA", "audio/x-L16": "L16"}


@dataclass(frozen=True, kw_only=True)
class SinkOptions:
    """Where the sink listens and what it expects."""

    listen: str = "127.0.0.1:0"
    certificate: Path | None = None
    """PEM chain; with `key` the sink serves wss://, without ws://."""
    key: Path | None = None
    bearer_token: str | None = field(default=None, repr=False)
    """Sockets without this token get 401; None takes all."""
    byte_order: Literal["little", "big"] = "little"
    """Byte order of L16 samples."""
    track_bytes: int = 16 * 1024 * 1024
    """Audio kept per track; more is counted and dropped."""
    stream_limit: int = 1000
    """Streams kept; the oldest that have stopped are forgotten."""


@dataclass
class _TrackState:
    chunks: int = 0
    size: int = 0
    timestamp: int = -1
    payload: bytearray = field(default_factory=bytearray)


class Received:
    """One socket's stream: its start message, audio per track, digits, and every fault found in the sequence."""

    def __init__(self, path: str, authorization: str, options: SinkOptions) -> None:
        self.path = path
        self.authorization = authorization
        self.start: dict[str, Any] = {}
        self.audio_format: AudioFormat | None = None
        self.problems: list[str] = []
        self.digits: list[str] = []
        self.messages = 0
        self.stopped = False
        self.closed = False
        self._options = options
        self._sequence = 0
        self._tracks: dict[str, _TrackState] = {}
        self._changed = asyncio.Condition()

    @property
    def stream_sid(self) -> str:
        """RELAY's name of the stream; "" before start."""
        return str(self.start.get("streamSid", ""))

    @property
    def call_id(self) -> str:
        """The call; "" before start."""
        return str(self.start.get("callSid", ""))

    @property
    def custom_parameters(self) -> dict[str, Any]:
        """What calling.stream was given."""
        value = self.start.get("customParameters")
        return value if isinstance(value, dict) else {}

    @property
    def tracks(self) -> list[str]:
        """The tracks audio came on."""
        return list(self._tracks)

    def audio(self, track: str = "inbound") -> bytes:
        """The encoded bytes of a track so far."""
        state = self._tracks.get(track)
        return bytes(state.payload) if state is not None else b""

    def frames(self, track: str = "inbound") -> int:
        """How many media messages came on a track."""
        state = self._tracks.get(track)
        return state.chunks if state is not None else 0

    def milliseconds(self, track: str = "inbound") -> float:
        """How much audio came on a track."""
        state = self._tracks.get(track)
        if state is None or self.audio_format is None:
            return 0.0
        return state.size * 1000 / (self.audio_format.sample_bytes * self.audio_format.sample_rate)

    async def wait_audio(self, milliseconds: float, track: str = "inbound", within: float = 10.0) -> None:
        """Wait until so much audio came; TimeoutError after `within` seconds, EOFError when the socket closes first."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self.closed or self.milliseconds(track) >= milliseconds)
        if self.milliseconds(track) < milliseconds:
            raise EOFError(f"the stream closed after {self.milliseconds(track)} ms of track {track}")

    async def wait_digits(self, number: int, within: float = 10.0) -> None:
        """Wait until so many digits came."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: len(self.digits) >= number)

    async def wait_stopped(self, within: float = 10.0) -> None:
        """Wait until the stop message came; EOFError when the socket closes without one."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self.stopped or self.closed)
        if not self.stopped:
            raise EOFError("the stream closed without a stop message")

    async def wait_closed(self, within: float = 10.0) -> None:
        """Wait until the socket is closed."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self.closed)

    def write_wav(self, path: Path, track: str = "inbound") -> None:
        """Write a track as 16-bit PCM; ValueError when no audio format is known yet."""
        if self.audio_format is None:
            raise ValueError("no start message has come")
        samples = decode(self.audio(track), self.audio_format)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.audio_format.sample_rate)
            file.writeframes(samples.tobytes())

    async def take(self, text: str | bytes) -> None:
        """Judge and keep one message."""
        async with self._changed:
            self.messages += 1
            try:
                message = msgspec.json.decode(text)
            except msgspec.DecodeError as error:
                self.problems.append(f"message {self.messages} is not JSON: {error}")
            else:
                if isinstance(text, bytes):
                    self.problems.append(f"message {self.messages} is binary")
                self._judge(message)
            self._changed.notify_all()

    async def end(self) -> None:
        """The socket is closed."""
        async with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _judge(self, message: Any) -> None:
        event = message.get("event") if isinstance(message, dict) else None
        if self.stopped:
            self.problems.append(f"{event!r} after stop")
        if self.messages == 1:
            if event != "connected" or message.get("protocol") != "Call":
                self.problems.append(f"the first message must be connected with protocol Call, not {message!r:.200}")
            return
        self._sequence += 1
        if message.get("sequenceNumber") != str(self._sequence):
            found = message.get("sequenceNumber")
            self.problems.append(f"sequenceNumber {found!r} of {event!r} should be {str(self._sequence)!r}")
        if (self._sequence == 1) != (event == "start"):
            self.problems.append(f"{event!r} has sequence {self._sequence}: start is the first, and only once")
        match event:
            case "start":
                self._judge_start(message.get("start"))
            case "media":
                self._judge_media(message.get("media"))
            case "dtmf":
                self.digits.append(str(message.get("dtmf", {}).get("digit")))
            case "stop":
                self.stopped = True
            case _:
                self.problems.append(f"unknown event {event!r}")

    def _judge_start(self, start: Any) -> None:
        self.start = start if isinstance(start, dict) else {}
        media = self.start.get("mediaFormat", {})
        encoding = _ENCODINGS.get(media.get("encoding"))
        if encoding is None or media.get("channels") != 1 or not isinstance(media.get("sampleRate"), int):
            self.problems.append(f"mediaFormat {media!r} is unknown")
            return
        self.audio_format = AudioFormat(encoding, media["sampleRate"], byte_order=self._options.byte_order)
        for track in self.start.get("tracks", []):
            self._tracks[track] = _TrackState()

    def _judge_media(self, media: Any) -> None:
        media = media if isinstance(media, dict) else {}
        state = self._tracks.get(media.get("track", ""))
        if state is None:
            self.problems.append(f"media of track {media.get('track')!r}, which start did not name")
            return
        state.chunks += 1
        if media.get("chunk") != str(state.chunks):
            self.problems.append(f"chunk {media.get('chunk')!r} of {media['track']} should be {str(state.chunks)!r}")
        timestamp = media.get("timestamp")
        if not isinstance(timestamp, str) or not timestamp.isdecimal() or int(timestamp) <= state.timestamp:
            self.problems.append(f"timestamp {timestamp!r} after {state.timestamp} ms on {media['track']}")
        else:
            state.timestamp = int(timestamp)
        try:
            payload = base64.b64decode(media.get("payload", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            self.problems.append(f"payload of chunk {state.chunks}: {error}")
            return
        state.size += len(payload)
        state.payload += payload[: max(self._options.track_bytes - len(state.payload), 0)]


class AudioSink:
    """A WebSocket server for streams. `async with AudioSink(options) as sink:` listens at `sink.url`.

    `streams` has every socket that came, oldest first. `refused` counts sockets with a wrong token.
    """

    def __init__(self, options: SinkOptions | None = None) -> None:
        self.options = SinkOptions() if options is None else options
        self.url = ""
        self.refused = 0
        self._count = 0
        self._streams: OrderedDict[int, Received] = OrderedDict()
        self._open: set[ServerConnection] = set()
        self._server: Server | None = None
        self._arrived = asyncio.Condition()

    @property
    def streams(self) -> list[Received]:
        """The streams kept, oldest first."""
        return list(self._streams.values())

    async def __aenter__(self) -> Self:
        tls = None
        if self.options.certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(self.options.certificate, self.options.key)
        address = Address.parse(self.options.listen, "listen")
        self._server = await serve(
            self._serve, address.host, address.port, ssl=tls, process_request=self._admit, compression=None,
            ping_interval=None, close_timeout=1, server_header="callstream-sink",
        )  # fmt: skip
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"{'ws' if tls is None else 'wss'}://{Address(address.host, port).netloc}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def wait_stream(self, number: int = 1, within: float = 10.0) -> Received:
        """The stream that came as the `number`th, counted from 1, once its start message is in."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(lambda: number in self._streams)
        return self._streams[number]

    async def drop(self) -> None:
        """Close all sockets, as an endpoint does that goes away."""
        for socket in tuple(self._open):
            await socket.close(1001)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        expected = self.options.bearer_token
        given = request.headers.get("Authorization", "")
        if expected is None or hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
            return None
        self.refused += 1
        return socket.respond(http.HTTPStatus.UNAUTHORIZED, "a bearer token is needed\n")

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        path, authorization = (request.path, request.headers.get("Authorization", "")) if request else ("", "")
        received = Received(path, authorization, self.options)
        self._open.add(socket)
        try:
            async for text in socket:
                await received.take(text)
                if received.messages == 2:  # noqa: PLR2004 - connected and start
                    await self._keep(received)
        except ConnectionClosed:
            pass
        finally:
            self._open.discard(socket)
            await received.end()

    async def _keep(self, received: Received) -> None:
        async with self._arrived:
            self._count += 1
            self._streams[self._count] = received
            for number in [number for number, stream in self._streams.items() if stream.closed]:
                if len(self._streams) > self.options.stream_limit:
                    del self._streams[number]
            self._arrived.notify_all()
