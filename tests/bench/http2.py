"""gRPC over HTTP/2 with as little work as can be, so that a load generator in Python is not the bottleneck.

It knows what a gRPC server needs of a client and no more: no header compression, no priorities, no push. What it
receives is counted and handed over as bytes; trailers are searched for `grpc-status`, which a server writes plainly
once it is told that the client keeps no header table.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

__all__ = ["Connection", "Rpc", "connect"]

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_HEAD: Final = struct.Struct(">HBBBI")  # length in two parts, type, flags, stream
_WINDOW: Final = (1 << 31) - 1
_DEFAULT_WINDOW: Final = 65_535
_REPLENISH: Final = 1 << 29
_STATUS: Final = b"grpc-status"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    length = len(payload)
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header as HPACK's literal without indexing; short names and values only."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _message(body: bytes) -> bytes:
    """A message with gRPC's length prefix."""
    return b"\x00" + len(body).to_bytes(4, "big") + body


class Rpc:
    """One RPC under way.

    Attributes:
        received: Bytes of messages that came, with their prefixes.
        status: gRPC's status code once it is over; -1 if it was reset.
    """

    __slots__ = ("began", "on_data", "on_end", "received", "status", "stream")

    def __init__(self, on_end: Callable[["Rpc"], None], on_data: Callable[[bytes], None] | None = None) -> None:
        self.on_end = on_end
        self.on_data = on_data
        self.received = 0
        self.status = -1
        self.stream = 0
        self.began = 0.0


class Connection(asyncio.Protocol):
    """One HTTP/2 connection."""

    def __init__(self, authority: str) -> None:
        self._authority = authority.encode()
        self._blocks: dict[str, bytes] = {}
        self._rpcs: dict[int, Rpc] = {}
        self._next = 1
        self._buffer = bytearray()
        self._consumed = 0
        self._send_window = _DEFAULT_WINDOW
        self._waiting: list[tuple[bytes, int]] = []
        self._transport: asyncio.Transport | None = None
        self.ready = asyncio.get_running_loop().create_future()
        self.lost: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says hello."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none of asyncio's classes
        transport = self._transport
        settings = struct.pack(">HIHIHI", 0x1, 0, 0x4, _WINDOW, 0x2, 0)  # no header table, wide windows, no push
        transport.write(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _WINDOW - _DEFAULT_WINDOW))
        )

    def _block(self, path: str) -> bytes:
        block = self._blocks.get(path)
        if block is None:
            raw = path.encode()
            block = (
                b"\x83\x86"  # :method POST, :scheme http
                 b"\x04" + bytes([len(raw)]) + raw
                + b"\x01" + bytes([len(self._authority)]) + self._authority
                + b"\x0f\x10" + bytes([len(b"application/grpc")]) + b"application/grpc"
                + _literal(b"te", b"trailers")
            )  # fmt: skip
            self._blocks[path] = block
        return block

    def call(self, path: str, body: bytes, rpc: Rpc) -> None:
        """Begins an RPC with its one request message."""
        assert self._transport is not None
        stream, self._next = self._next, self._next + 2
        rpc.stream = stream
        self._rpcs[stream] = rpc
        message = _message(body)
        data = _frame(_HEADERS, _END_HEADERS, stream, self._block(path)) + _frame(_DATA, _END_STREAM, stream, message)
        if self._waiting or len(message) > self._send_window:
            self._waiting.append((data, len(message)))
            return
        self._send_window -= len(message)
        self._transport.write(data)

    def close(self) -> None:
        """Leaves."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Takes frames apart."""
        buffer = self._buffer
        buffer += data
        at, size = 0, len(buffer)
        while size - at >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer, at)
            end = at + 9 + (high << 8 | low)
            if end > size:
                break
            if kind == _DATA:
                self._data(stream, bytes(buffer[at + 9 : end]))
                if flags & _END_STREAM:
                    self._end(stream, 0)
            elif kind == _HEADERS:
                if flags & _END_STREAM:
                    self._end(stream, _status(buffer, at + 9, end))
            else:
                self._control(kind, flags, stream, bytes(buffer[at + 9 : end]))
            at = end
        if at:
            del buffer[:at]

    def _data(self, stream: int, payload: bytes) -> None:
        self._consumed += len(payload)
        rpc = self._rpcs.get(stream)
        if rpc is not None:
            rpc.received += len(payload)
            if rpc.on_data is not None:
                rpc.on_data(payload)
        if self._consumed >= _REPLENISH:
            assert self._transport is not None
            self._transport.write(_frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", self._consumed)))
            self._consumed = 0

    def _end(self, stream: int, status: int) -> None:
        rpc = self._rpcs.pop(stream, None)
        if rpc is not None:
            rpc.status = status
            rpc.on_end(rpc)

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert self._transport is not None
        if kind == _SETTINGS and not flags & _ACK:
            self._transport.write(_frame(_SETTINGS, _ACK, 0))
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == _PING and not flags & _ACK:
            self._transport.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _RST:
            self._end(stream, -1)
        elif kind == _GOAWAY:
            self.lost = ConnectionError(f"GOAWAY: {payload[8:]!r}")
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._send_window += int.from_bytes(payload, "big") & _WINDOW
            while self._waiting and self._waiting[0][1] <= self._send_window:
                data, size = self._waiting.pop(0)
                self._send_window -= size
                self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Every RPC under way is over."""
        self.lost = self.lost or error or ConnectionError("closed")
        for stream in list(self._rpcs):
            self._end(stream, -1)
        if not self.ready.done():
            self.ready.set_exception(self.lost)


def _status(buffer: bytearray, start: int, end: int) -> int:
    at = buffer.find(_STATUS, start, end)
    if at < 0:
        return -1
    length = buffer[at + len(_STATUS)]
    digits = bytes(buffer[at + len(_STATUS) + 1 : at + len(_STATUS) + 1 + length])
    return int(digits) if digits.isdigit() else -1


async def connect(address: str) -> Connection:
    """A connection that is ready for RPCs."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(address), host, int(port))
    await connection.ready
    return connection
