"""The other side of RELAY's wire, doing as little as it can: so that it is not what is measured.

It takes any session, answers every command with 200, sends events as fast as they are acknowledged or at a rate, and
says when it had to wait. The emulator knows far more of RELAY, and is far too slow for this.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from gateway.relay import wire
from tests.bench.commands import Handler, obey

_PER_WRITE: Final = 64


class _Frame(msgspec.Struct):
    id: str
    method: str = ""


_FRAME: Final = msgspec.json.Decoder(_Frame)
_CONTROL_ID: Final = re.compile(rb'"control_id":"([^"]*)"')


class Peer:
    """RELAY, as far as a benchmark needs it."""

    def __init__(self) -> None:
        self._socket: ServerConnection | None = None
        self._connected = asyncio.Event()
        self._ids = itertools.count(1)
        self._unacked = 0
        self._acked = asyncio.Event()

    async def converse(self, socket: ServerConnection) -> None:
        """Serves one connection; the newest is the one that gets events."""
        self._socket = socket
        self._unacked = 0
        try:
            async for data in socket:
                raw = data if isinstance(data, bytes) else data.encode()
                frame = _FRAME.decode(raw)
                if frame.method:
                    await self._answer(socket, frame, raw)
                else:
                    self._unacked -= 1
                    self._acked.set()
        except ConnectionClosed:
            return

    async def _answer(self, socket: ServerConnection, frame: _Frame, raw: bytes) -> None:
        name = frame.id.encode()
        if frame.method == wire.CONNECT:
            result = b'{"protocol":"bench","session_restored":false,"identity":"bench"}'
            self._connected.set()
        elif frame.method == wire.PING:
            result = b"{}"
        else:
            found = _CONTROL_ID.search(raw)
            control = found[1] if found else b""
            result = b'{"code":"200","message":"OK","control_id":"' + control + b'"}'
        await socket.send(b'{"jsonrpc":"2.0","id":"' + name + b'","result":' + result + b"}", text=True)

    async def _send(self, events: list[bytes]) -> None:
        assert self._socket is not None
        self._unacked += len(events)
        for event in events:
            await self._socket.send(event, text=True)

    async def connected(self) -> Mapping[str, Any]:
        """Returns once somebody has a session."""
        await self._connected.wait()
        return {}

    async def calls(self, count: int) -> Mapping[str, Any]:
        """So many calls come in; returns once all are acknowledged."""
        for first in range(0, count, _PER_WRITE):
            numbers = range(first, min(count, first + _PER_WRITE))
            await self._send([self._call(number) for number in numbers])
            await self._settle(1_000)
        await self._settle(0)
        return {}

    async def flood(self, count: int, subjects: int, window: int, padding: int) -> Mapping[str, Any]:
        """So many events, as fast as they are acknowledged; the last one says `fin`."""
        began = time.monotonic()
        waited = 0.0
        sent = 0
        while sent < count:
            step = min(_PER_WRITE, count - sent)
            events = [self._event(sent + number, subjects, padding) for number in range(step)]
            sent += step
            if sent == count:
                events[-1] = self._event(sent - 1, subjects, padding, fin=True)
            await self._send(events)
            if self._unacked > window:
                waiting = time.monotonic()
                await self._settle(window)
                waited += time.monotonic() - waiting
        await self._settle(0)
        took = time.monotonic() - began
        return {"seconds": took, "began": began, "waited": waited / took}

    async def rate(self, per_second: int, seconds: float, subjects: int, padding: int) -> Mapping[str, Any]:
        """Events at a steady pace; the last one says `fin`."""
        count = round(per_second * seconds)
        loop = asyncio.get_running_loop()
        began = loop.time()
        late = 0.0
        for number in range(count):
            due = began + number / per_second
            if (left := due - loop.time()) > 0:
                await asyncio.sleep(left)
            late = max(late, loop.time() - due)
            await self._send([self._event(number, subjects, padding, fin=number == count - 1)])
        await self._settle(0)
        return {"count": count, "late": late}

    async def _settle(self, left: int) -> None:
        while self._unacked > left:
            self._acked.clear()
            await self._acked.wait()

    def _call(self, number: int) -> bytes:
        return (
            b'{"jsonrpc":"2.0","id":"bench-call-%d","method":"signalwire.event","params":{"event_type":'
            b'"calling.call.receive","event_channel":"bench","timestamp":%.6f,"params":{"call_id":"call-%d",'
            b'"node_id":"node-1","call_state":"created","context":"default","direction":"inbound","device":'
            b'{"type":"phone","params":{"from_number":"+15550000001","to_number":"+15550000002"}}}}}'
            % (next(self._ids), time.time(), number)
        )

    def _event(self, number: int, subjects: int, padding: int, *, fin: bool = False) -> bytes:
        subject = number % subjects
        return (
            b'{"jsonrpc":"2.0","id":"bench-%d","method":"signalwire.event","params":{"event_type":'
            b'"calling.call.stream","event_channel":"bench","timestamp":%.6f,"params":{"call_id":"call-%d",'
            b'"node_id":"node-1","control_id":"stream-%d","state":"streaming","url":"wss://audio.example.com/in",'
            b'"sent_ns":%d,"padding":"%b"%b}}}'
            % (
                next(self._ids), time.time(), subject, subject, time.monotonic_ns(), b"x" * padding,
                b',"fin":true' if fin else b"",
            )
        )  # fmt: skip


async def _main() -> None:
    peer = Peer()
    async with serve(peer.converse, "127.0.0.1", 0, compression=None, max_queue=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        handlers: dict[str, Handler] = {
            "connected": peer.connected, "calls": peer.calls, "flood": peer.flood, "rate": peer.rate,
        }  # fmt: skip
        await obey(handlers, host=f"127.0.0.1:{port}")


if __name__ == "__main__":
    uvloop.run(_main())
