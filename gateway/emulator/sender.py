"""Sends one stream's audio to its endpoint, as RELAY's media servers do."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from gateway.emulator.codecs import AudioFormat
from gateway.emulator.record import TrackRecord
from gateway.emulator.source import AudioSource, Track

__all__ = ["Ending", "Sender", "Target"]

Ending = Literal["stopped", "unreachable", "lost"]
_MAX_LAG = 1.0  # seconds behind real time beyond which audio is skipped


@dataclass(frozen=True)
class Target:
    """Where a stream goes and what its start message says."""

    url: str
    stream_sid: str
    account_sid: str
    call_sid: str
    custom_parameters: Mapping[str, Any]
    bearer_token: str = field(default="", repr=False)


class Sender:
    """One connection to an endpoint. `run` once; `stop` and `dtmf` at any time meanwhile.

    `records` has what was sent per track, `skipped` how many frames a slow endpoint missed.
    """

    def __init__(
        self, target: Target, audio: AudioFormat, tracks: Sequence[Track], source: AudioSource, *,
        frame_interval: float | None, timeout: float, trust: ssl.SSLContext, record_bytes: int,
    ) -> None:  # fmt: skip
        self.records = {track: TrackRecord(record_bytes) for track in tracks}
        self.skipped = 0
        self.problem = ""
        self._target = target
        self._audio = audio
        self._source = source
        self._interval = audio.frame_ms / 1000 if frame_interval is None else frame_interval
        self._timeout = timeout
        self._trust = trust
        self._sequence = 0
        self._digits: deque[tuple[str, int]] = deque(maxlen=1000)
        self._stopping = False
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Say stop to the endpoint and close, as soon as it is connected."""
        self._stopping = True
        self._wake.set()

    def dtmf(self, digit: str, duration: int) -> None:
        """Send a digit between two media messages; `duration` as RELAY gives it, in milliseconds."""
        self._digits.append((digit, duration))
        self._wake.set()

    async def run(self, on_accepted: Callable[[], None]) -> Ending:
        """Connect, stream until stopped or lost. `on_accepted` is called once the endpoint has taken the upgrade."""
        for track in self.records:  # encoding the loop takes a while the first time
            await asyncio.to_thread(self._source.frames, track, self._audio)
        headers = {"Authorization": f"Bearer {self._target.bearer_token}"} if self._target.bearer_token else {}
        try:
            socket = await connect(
                self._target.url, additional_headers=headers, ssl=self._trust if _secure(self._target.url) else None,
                compression=None, proxy=None, open_timeout=self._timeout, close_timeout=self._timeout,
                ping_interval=None, max_queue=4, user_agent_header="callstream-emulator",
            )  # fmt: skip
        except (OSError, UnicodeError, InvalidHandshake, InvalidURI, ConnectionClosed, TimeoutError) as error:
            self.problem = f"{type(error).__name__}: {error}"
            return "unreachable"
        async with socket:
            on_accepted()
            watch = asyncio.create_task(self._watch(socket), name="stream-endpoint-watch")
            try:
                await self._stream(socket)
            except (ConnectionClosed, TimeoutError) as error:
                self.problem = f"{type(error).__name__}: {error}"
                socket.transport.abort()
                return "stopped" if self._stopping else "lost"
            finally:
                watch.cancel()
                await asyncio.wait([watch])
        return "stopped"

    async def _watch(self, socket: ClientConnection) -> None:
        """Read what the endpoint sends, which means nothing here, to notice when it closes."""
        try:
            async for _ in socket:
                pass
        except ConnectionClosed:
            pass
        self._wake.set()

    async def _stream(self, socket: ClientConnection) -> None:
        await self._send(socket, {"event": "connected", "protocol": "Call", "version": "0.2.0"})
        await self._send_next(socket, "start", {"start": self._start()})
        lines = [(track, self._source.frames(track, self._audio)) for track in self.records]
        loop = asyncio.get_running_loop()
        origin, tick = loop.time(), 0
        while not self._stopping:
            await self._send_digits(socket)
            # Deadlines count from the start, so that rounding and late wake-ups don't add up.
            ahead = origin + tick * self._interval - loop.time()
            if ahead > 0 and await self._woken(ahead):
                if socket.close_code is not None:
                    await socket.send("", text=True)  # raises ConnectionClosed with the endpoint's code
                continue
            if -ahead > _MAX_LAG and self._interval:
                missed = int(-ahead / self._interval)
                self.skipped += missed
                tick += missed
            for track, frames in lines:
                frame = frames[tick % len(frames)]
                record = self.records[track]
                media = {
                    "track": track,
                    "chunk": str(record.frames + 1),
                    "timestamp": str(tick * self._audio.frame_ms),
                    "payload": frame.base64,
                }
                record.add(frame.payload)
                await self._send_next(socket, "media", {"media": media})
            tick += 1
            if not self._interval:
                await asyncio.sleep(0)  # nothing else would let other tasks run
        await self._send_digits(socket)
        await self._send_next(socket, "stop", {})

    async def _send_digits(self, socket: ClientConnection) -> None:
        while self._digits:
            digit, duration = self._digits.popleft()
            await self._send_next(socket, "dtmf", {"dtmf": {"digit": digit, "duration": duration}})

    async def _woken(self, delay: float) -> bool:
        """Wait so long; True when something else is to be done first."""
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _send_next(self, socket: ClientConnection, event: str, body: dict[str, Any]) -> None:
        self._sequence += 1
        await self._send(socket, {"event": event, "sequenceNumber": str(self._sequence), **body})

    async def _send(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        # An endpoint that stops reading for so long counts as lost.
        async with asyncio.timeout(self._timeout):
            await socket.send(msgspec.json.encode(message), text=True)

    def _start(self) -> dict[str, Any]:
        return {
            "streamSid": self._target.stream_sid,
            "accountSid": self._target.account_sid,
            "callSid": self._target.call_sid,
            "tracks": list(self.records),
            "customParameters": dict(self._target.custom_parameters),
            "mediaFormat": {
                "encoding": self._audio.media_type,
                "sampleRate": self._audio.sample_rate,
                "channels": 1,
            },
        }


def _secure(url: str) -> bool:
    return url.lower().startswith("wss://")
