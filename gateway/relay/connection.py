"""Moves bytes between RELAY's WebSocket and the session: batches in, batches out, nothing understood."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from gateway.relay import wire
from gateway.relay.endpoint import Endpoint

__all__ = ["Connection", "ConnectionFailed", "open_connection"]

_MAX_BATCH = 256
"""Messages that are taken in one turn, so that watches and calls keep theirs."""
_MAX_BATCH_BYTES = 2 * wire.MAX_FRAME_BYTES
"""Bytes that are taken while nobody fetches them; the socket holds the rest."""
_CLOSE_WITHIN = 2.0
"""Seconds that RELAY has to take its leave."""

# At debug level the library logs frames as they are, and the first one holds the token. `redact.py` is for that.
_library_log: Final = logging.getLogger("gateway.relay.websocket")
_library_log.setLevel(logging.INFO)


class ConnectionFailed(Exception):
    """There is no connection, or no more; the message says why, and holds nothing secret."""


class Connection:
    """An open WebSocket. One task reads; one writes."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._arrived: list[bytes] = []
        self._arrived_bytes = 0
        self._failure: ConnectionFailed | None = None
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="relay reader")

    async def _read(self) -> None:
        # recv() gives what has been received already without suspending, so a burst arrives in one turn.
        try:
            while True:
                message = await self._websocket.recv(decode=False)
                self._arrived.append(message)  # looked up only now: `receive` puts a new list in its place
                self._arrived_bytes += len(message)
                self._something.set()
                if len(self._arrived) >= _MAX_BATCH or self._arrived_bytes >= _MAX_BATCH_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except ConnectionClosed as error:
            self._failure = ConnectionFailed(_why(error))
            self._something.set()

    async def receive(self) -> list[bytes]:
        """All messages that have come since the last call, at least one.

        Raises:
            ConnectionFailed: The connection is closed, and everything that came before has been handed over.
        """
        if not self._arrived:
            self._something.clear()
            if self._failure is not None:
                raise self._failure
            await self._something.wait()
        arrived, self._arrived, self._arrived_bytes = self._arrived, [], 0
        self._room.set()
        if not arrived and self._failure is not None:
            raise self._failure
        return arrived

    async def send(self, messages: Sequence[bytes]) -> None:
        """Sends messages in one go; returns when the socket has taken them.

        Raises:
            ConnectionFailed: The connection is closed.
        """
        try:
            async with self._websocket.send_context():
                for message in messages:
                    self._websocket.protocol.send_text(message)
                # The library writes frame by frame; the acknowledgements of a commit leave together.
                self._websocket.transport.write(b"".join(self._websocket.protocol.data_to_send()))
        except ConnectionClosed as error:
            raise ConnectionFailed(_why(error)) from error

    async def close(self) -> None:
        """Closes it, bounded in time."""
        self._reader.cancel()
        await asyncio.wait([self._reader])
        try:
            # The close frame waits for what is still to be written, and a peer that hangs never takes it.
            async with asyncio.timeout(_CLOSE_WITHIN):
                await self._websocket.close()
        except TimeoutError:
            self._websocket.transport.abort()


def _why(error: ConnectionClosed) -> str:
    if error.sent is not None and not error.rcvd_then_sent:
        return f"the gateway closed the connection with {error.sent.code}: {error.sent.reason}".rstrip(": ")
    close = error.rcvd
    if close is None:
        return "the connection broke"
    return f"RELAY closed the connection with {close.code}" + (f": {close.reason}" if close.reason else "")


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follows no redirect: the token goes to the host that was configured, and to no other."""
        return exc


async def open_connection(endpoint: Endpoint, timeout: float) -> Connection:  # noqa: ASYNC109 - of the library below
    """Connects, and verifies the server if the scheme is wss.

    WebSocket pings are off: `signalwire.ping` is what counts (README: transport). Compression only costs here.

    Raises:
        ConnectionFailed: It could not be opened in time, or not at all.
    """
    try:
        websocket = await _Connect(
            endpoint.url,
            ssl=endpoint.ssl_context(),
            compression=None,
            open_timeout=timeout,
            close_timeout=_CLOSE_WITHIN,
            ping_interval=None,
            max_size=wire.MAX_FRAME_BYTES,
            proxy=None if endpoint.loopback else True,
            user_agent_header=None,
            logger=_library_log,
        )
    except TimeoutError as error:
        message = f"{endpoint.url} did not answer in {timeout:g} s; may this machine reach it (firewall, proxy)?"
        raise ConnectionFailed(message) from error
    except (OSError, WebSocketException, EOFError, ImportError) as error:  # ImportError: a SOCKS proxy is configured
        raise ConnectionFailed(f"{endpoint.url}: {str(error) or 'the connection broke'}{_remedy(error)}") from error
    return Connection(websocket)


def _remedy(error: Exception) -> str:
    """What an operator can do about a connection that can't be opened; nothing if that is RELAY's to know."""
    match error:
        case socket.gaierror():
            return "; the name can't be looked up: check SIGNALWIRE_SPACE or SIGNALWIRE_RELAY_HOST, and DNS"
        case ssl.SSLCertVerificationError():
            return "; is SIGNALWIRE_RELAY_HOST right? For a private authority set SIGNALWIRE_RELAY_CA_FILE"
        case ssl.SSLError() | ConnectionResetError():
            return "; does that port speak TLS? Check SIGNALWIRE_RELAY_HOST"
        case ConnectionRefusedError():
            return "; nothing listens there: check SIGNALWIRE_RELAY_HOST"
    return ""
