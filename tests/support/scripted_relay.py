"""A RELAY server that does exactly what a test tells it, on a real socket; it knows nothing by itself.

The emulator behaves like RELAY. This one does not: it answers what a test wants answered, when the test wants it, and
breaks whatever the test wants broken.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from gateway.relay.endpoint import Endpoint

__all__ = ["Peer", "ScriptedRelay", "mute_server", "scripted_relay"]

_WITHIN = 10.0
"""Seconds after which a frame that a test waits for counts as never coming."""


class Peer:
    """RELAY's end of one connection."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket
        self.done = asyncio.Event()

    async def read(self) -> dict[str, Any]:
        """The next frame from the client.

        Raises:
            ConnectionClosed: The client has gone.
        """
        async with asyncio.timeout(_WITHIN):
            return msgspec.json.decode(await self._websocket.recv(decode=False), type=dict[str, Any])

    async def request(self, method: str) -> dict[str, Any]:
        """The next frame, which has to be this request."""
        frame = await self.read()
        assert frame.get("method") == method, f"expected {method}, got {frame}"
        return frame

    async def send(self, frame: Any) -> None:
        """Sends JSON, or text and bytes as they are."""
        await self._websocket.send(frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode())

    async def send_many(self, frames: list[bytes]) -> None:
        """Sends text frames so that they arrive together."""
        for frame in frames:
            self._websocket.protocol.send_text(frame)
        self._websocket.transport.write(b"".join(self._websocket.protocol.data_to_send()))

    async def send_each(self, texts: Iterable[str]) -> None:
        """Sends messages one after the other, as fast as the client takes them."""
        for text in texts:
            await self._websocket.send(text)

    async def send_pieces(self, pieces: Iterable[str]) -> None:
        """Sends one message in fragments."""
        await self._websocket.send(pieces)

    async def answer(self, request: Mapping[str, Any], result: Any) -> None:
        """Answers a request with a result."""
        await self.send({"jsonrpc": "2.0", "id": request["id"], "result": result})

    async def refuse(self, request: Mapping[str, Any], code: Any, message: str) -> None:
        """Answers a request with a JSON-RPC error."""
        await self.send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})

    async def event(self, event_type: str, params: Any, event_id: Any = "e1") -> None:
        """Reports an event."""
        outer = {"event_type": event_type, "timestamp": 1777565701.56, "params": params}
        await self.send({"jsonrpc": "2.0", "id": event_id, "method": "signalwire.event", "params": outer})

    async def accept(self, protocol: str = "protocol-1", **result: Any) -> dict[str, Any]:
        """Takes `signalwire.connect`, and returns its params."""
        request = await self.request("signalwire.connect")
        await self.answer(request, {"protocol": protocol, **result})
        params: dict[str, Any] = request["params"]
        return params

    async def closed(self) -> int:
        """Waits until the client has closed the connection; returns its close code, 1006 if it gave none."""
        async with asyncio.timeout(_WITHIN):
            try:
                while True:
                    await self._websocket.recv()
            except ConnectionClosed:
                return self._websocket.close_code or 1006

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection with the WebSocket's handshake."""
        await self._websocket.close(code, reason)
        self.done.set()

    def cut(self) -> None:
        """Breaks the connection without a word."""
        self._websocket.transport.abort()
        self.done.set()

    async def cut_and_forget(self, caller: "asyncio.Task[Any]") -> None:
        """Breaks the connection under a caller of whom the test wants to know no more."""
        self.cut()
        await asyncio.wait([caller])
        caller.exception()

    def stop_reading(self) -> None:
        """Takes nothing more from the socket, as a peer does that hangs."""
        self._websocket.transport.pause_reading()


class ScriptedRelay:
    """The server: `accept` gives the connections in the order they came."""

    def __init__(self) -> None:
        self.refuse_with: list[HTTPStatus] = []
        """HTTP statuses for the next attempts; each is used once."""
        self.redirect_to = ""
        """Where attempts are sent instead, if anywhere."""
        self.attempts = 0
        """Openings of a WebSocket, refused ones included."""
        self.headers: list[Mapping[str, str]] = []
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._server: Server | None = None
        self._all: list[Peer] = []

    @property
    def host(self) -> str:
        """Host and port."""
        assert self._server is not None
        return f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    @property
    def endpoint(self) -> Endpoint:
        """Where a client finds it (without TLS)."""
        return Endpoint(self.host, scheme="ws")

    async def accept(self) -> Peer:
        """The next connection."""
        async with asyncio.timeout(_WITHIN):
            return await self._peers.get()

    async def session(self, protocol: str = "protocol-1", **result: Any) -> Peer:
        """The next connection, with its session accepted."""
        peer = await self.accept()
        await peer.accept(protocol, **result)
        return peer

    def start(self, server: Server) -> None:
        """Gives it its server."""
        self._server = server

    def release(self) -> None:
        """Lets every connection end."""
        for peer in self._all:
            peer.cut()

    async def serve(self, websocket: ServerConnection) -> None:
        """Holds a connection until the test is done with it."""
        peer = Peer(websocket)
        self._all.append(peer)
        self._peers.put_nowait(peer)
        await peer.done.wait()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuses what the test wants refused."""
        self.attempts += 1
        self.headers.append(dict(request.headers.raw_items()))
        if self.redirect_to:
            response = connection.respond(HTTPStatus.FOUND, "elsewhere\n")
            response.headers["Location"] = self.redirect_to
            return response
        if self.refuse_with:
            return connection.respond(self.refuse_with.pop(0), "not now\n")
        return None


@asynccontextmanager
async def scripted_relay(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedRelay]:
    """Runs a server on a port of its own."""
    relay = ScriptedRelay()
    server = await serve(
        relay.serve,
        "127.0.0.1",
        0,
        process_request=relay.admit,
        ssl=tls,
        compression=None,
        ping_interval=None,
        close_timeout=1,
        max_size=None,
    )
    relay.start(server)
    try:
        yield relay
    finally:
        relay.release()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def mute_server() -> AsyncIterator[tuple[Endpoint, asyncio.Event]]:
    """A server that takes connections and says nothing; the event tells that one came."""
    came = asyncio.Event()
    held: list[asyncio.StreamWriter] = []

    def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        came.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield Endpoint(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", scheme="ws"), came
    finally:
        server.close()
        for writer in held:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()
