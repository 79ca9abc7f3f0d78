"""The emulator: an exchange behind a WebSocket, to be used as an async context manager or run until cancelled."""

import asyncio
import ssl
import uuid
from collections.abc import Callable
from typing import Self

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from gateway.emulator.control import Control
from gateway.emulator.exchange import Exchange, NoReceiver
from gateway.emulator.link import Link
from gateway.emulator.options import Address, EmulatorOptions
from gateway.relay import wire

__all__ = ["Emulator", "EmulatorOptions", "run_emulator"]

_log = structlog.get_logger("callstream.emulator")


class Emulator(Exchange):
    """A RELAY server. `async with Emulator(options) as emulator:` listens inside the block.

    `host` is `address:port` with the port that was taken, `url` the WebSocket URL, `control_url` the HTTP one (None
    without `options.control`).
    """

    def __init__(self, options: EmulatorOptions) -> None:
        super().__init__(options)
        self.host = ""
        self.control_url: str | None = None
        self._server: Server | None = None
        self._control: Control | None = None
        self._open: set[Link] = set()

    @property
    def url(self) -> str:
        """Where clients connect; any path will do."""
        return f"{'ws' if self.options.tls_certificate is None else 'wss'}://{self.host}"

    async def __aenter__(self) -> Self:
        try:
            await self._open_ports()
        except BaseException:
            await self._close()  # a port that is taken must not leave the other one open
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _open_ports(self) -> None:
        await self._listen(Address.parse(self.options.listen, "listen"))
        _ = self._tasks.spawn(self.webhooks.run(), "webhooks")
        if self.options.control is not None:
            self._control = Control(self)
            self.control_url = await self._control.start(Address.parse(self.options.control, "control"))
        if self.options.call_every is not None:
            _ = self._tasks.spawn(self._call_in(self.options.call_every), "call-every")
        if self.options.redelivery_interval is not None:
            _ = self._tasks.spawn(self._redeliver(self.options.redelivery_interval), "redelivery")

    async def _close(self) -> None:
        if self._control is not None:
            await self._control.stop()
        if self._server is not None:
            self._server.close(close_connections=False)
        for link in tuple(self._open):
            link.cut()
        if self._server is not None:
            await self._server.wait_closed()
        await self._tasks.aclose()

    async def _listen(self, address: Address) -> None:
        tls = None
        if self.options.tls_certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            try:
                tls.load_cert_chain(self.options.tls_certificate, self.options.tls_key)
            except OSError as error:  # ssl.SSLError is one
                raise ValueError(f"tls_certificate and tls_key can't be used: {error}") from error
        self._server = await serve(
            self._serve, address.host, address.port, ssl=tls, compression=None, ping_interval=None,
            max_size=wire.MAX_FRAME_BYTES, process_request=self._admit, server_header="callstream-emulator",
            close_timeout=1,
        )  # fmt: skip
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        self.host = Address(address.host, port).netloc

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.refusing is None:
            return None
        return socket.respond(self.refusing, f"refused by the emulator: {request.path}\n")

    async def _serve(self, socket: ServerConnection) -> None:
        link = Link(socket, self, self.frames, self.faults, self.options.outbox_limit)
        self._open.add(link)
        pinging = None
        if self.options.ping_interval is not None:
            pinging = self._tasks.spawn(self._ping(link, self.options.ping_interval), f"link-{link.number}-ping")
        try:
            await link.run()
        finally:
            if pinging is not None:
                pinging.cancel()
            self._open.discard(link)

    async def _ping(self, link: Link, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            if link.frozen:
                continue  # a half-open socket stays open until the client gives it up
            if link.unanswered_pings >= self.options.ping_failures:
                _log.info("client_silent", link=link.number, session=link.session)
                link.cut()
                return
            if link.session:
                link.unanswered_pings += 1
                link.request(str(uuid.uuid4()), wire.PING, {})

    async def _call_in(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                call = await self.place_call(context=self.options.call_context)
            except NoReceiver:
                _log.info("nobody_to_call", context=self.options.call_context)
            else:
                _log.info("call_placed", call_id=call.call_id, context=call.context)

    async def _redeliver(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            for session in self.sessions.values():
                self._sessions.redeliver(session)


async def run_emulator(options: EmulatorOptions, on_ready: Callable[[Emulator], None]) -> None:
    """Run an emulator until cancelled; `on_ready` is called once it listens.

    ValueError names the option whose file can't be used, OSError says that an address can't be listened on.
    """
    async with Emulator(options) as emulator:
        on_ready(emulator)
        await asyncio.Event().wait()
