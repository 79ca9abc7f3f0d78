"""What the stack forces on anyone who passes events on: take in, encode once, acknowledge, join, send. No journal.

python -m tests.bench.bare_fanout HOST
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket

from callstream.v1 import event_pb2
from gateway.relay import wire
from tests.bench.commands import obey

_MOST = 64 * 1024
_KEPT = 200_000


class _Inner(msgspec.Struct):
    call_id: str = ""
    control_id: str = ""


class _Envelope(msgspec.Struct):
    event_type: str = ""
    params: msgspec.Raw = msgspec.Raw(b"")


class _Incoming(msgspec.Struct):
    id: str
    method: str = ""
    params: _Envelope = msgspec.field(default_factory=_Envelope)


_INCOMING = msgspec.json.Decoder(_Incoming)
_INNER = msgspec.json.Decoder(_Inner)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Bare:
    """Everything in memory."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._events: list[bytes] = []
        self._first = 0
        self._sequence = 0
        self._news: list[asyncio.Future[None]] = []

    async def read(self) -> None:
        """Takes in what has arrived, acknowledges it in one write, and wakes the watchers once."""
        while True:
            batch = [await self._socket.recv(decode=False)]
            while len(self._socket.recv_messages.frames) and len(batch) < 256:
                batch.append(await self._socket.recv(decode=False))
            acks = []
            for data in batch:
                frame = _INCOMING.decode(data)
                if frame.method == wire.EVENT:
                    self._take(frame)
                    acks.append(b'{"jsonrpc":"2.0","id":"' + frame.id.encode() + b'","result":{}}')
            for ack in acks:
                await self._socket.send(ack, text=True)
            news, self._news = self._news, []
            for waiter in news:
                if not waiter.done():
                    waiter.set_result(None)
            if len(self._events) > _KEPT:
                gone = len(self._events) // 2
                del self._events[:gone]
                self._first += gone
            await asyncio.sleep(0)

    def _take(self, frame: _Incoming) -> None:
        raw = bytes(frame.params.params)
        inner = _INNER.decode(raw)
        self._sequence += 1
        event = event_pb2.Event(
            sequence=self._sequence,
            event_id=frame.id,
            relay_event_type=frame.params.event_type,
            call_id=inner.call_id,
            control_id=inner.control_id,
            relay_params_json=raw.decode(),
        ).SerializeToString()
        self._events.append(b"\x0a" + _varint(len(event)) + event)

    async def watch(self, _data: bytes, _context: Any) -> AsyncIterator[bytes]:
        """WatchEvents, as bare as can be."""
        yield b"\x12\x00"
        position = self._first + len(self._events)
        while True:
            end = self._first + len(self._events)
            if position == end:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._news.append(waiter)
                await waiter
                continue
            size, parts = 0, []
            while position < end and size < _MOST:
                part = self._events[max(0, position - self._first)]
                parts.append(part)
                size += len(part)
                position += 1
            joined = b"".join(parts)
            yield b"\x1a" + _varint(len(joined)) + joined


async def _main(host: str) -> None:
    async with connect_websocket(f"ws://{host}", compression=None, ping_interval=None, max_queue=1024) as socket:
        bare = Bare(socket)
        await socket.send('{"jsonrpc":"2.0","id":"1","method":"signalwire.connect","params":{}}')
        await socket.recv()
        reading = asyncio.create_task(bare.read(), name="read")
        server = grpc.aio.server(options=(("grpc.server.max_pending_requests", 50_000),))
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(bare.watch)
        service = grpc.method_handlers_generic_handler("callstream.v1.StreamService", {"WatchEvents": handler})
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await obey({}, address=f"127.0.0.1:{port}")
        reading.cancel()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
