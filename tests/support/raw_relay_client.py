"""A RELAY client that hides nothing: what a test asks for goes out, and every frame that comes is kept."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.emulator.server import Emulator, EmulatorOptions
from tests.support.leaks import no_tasks_beyond

__all__ = ["RawRelayClient", "connect_params", "connected", "raw_client", "running_emulator"]

_ids = itertools.count(1)


class RawRelayClient:
    """One socket. `requests` has what the server asked or told, oldest first; `texts` everything as it came."""

    def __init__(self, socket: ClientConnection, *, ack: bool) -> None:
        self.requests: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.ack = ack
        self.closed = False
        self.socket = socket
        self._changed = asyncio.Condition()

    async def read(self) -> None:
        """Take frames until the socket is closed; run as a task by `raw_client`."""
        try:
            async for text in self.socket:
                await self._take(str(text))
        except ConnectionClosed:
            pass
        async with self._changed:
            self.closed = True
            self._changed.notify_all()

    async def send(self, method: str, params: Any) -> str:
        """Send a request; returns its id."""
        request_id = f"test-{next(_ids)}"
        await self.send_raw({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id

    async def send_raw(self, frame: Any) -> None:
        """Send JSON as it is, or a text."""
        await self.socket.send(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())

    async def ask(self, method: str, params: Any, within: float = 5.0) -> dict[str, Any]:
        """Send a request and return the whole frame of its answer."""
        return await self.answer_to(await self.send(method, params), within)

    async def answer_to(self, request_id: str | None, within: float = 5.0) -> dict[str, Any]:
        """The answer to a request, come or to come."""

        def find() -> dict[str, Any] | None:
            return next((frame for frame in self.responses if frame["id"] == request_id), None)

        return await self._wait(find, within)

    async def ok(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask, and return the result, which must have code 200."""
        answer = await self.ask(method, params)
        assert answer.get("result", {}).get("code") == "200", answer
        result: dict[str, Any] = answer["result"]
        return result

    async def code(self, method: str, **params: Any) -> str:
        """Ask, and return the result's code or the error's code as text."""
        answer = await self.ask(method, params)
        return str(answer["error"]["code"] if "error" in answer else answer["result"]["code"])

    async def event(self, event_type: str, within: float = 5.0, **inner: Any) -> dict[str, Any]:
        """The first event of a type whose inner params have these values, come or to come; its inner params."""

        def find() -> dict[str, Any] | None:
            return next(
                (
                    params
                    for params in self.events(event_type)
                    if all(params.get(name) == value for name, value in inner.items())
                ),
                None,
            )

        return await self._wait(find, within)

    async def request(self, method: str, number: int = 1, within: float = 5.0) -> dict[str, Any]:
        """The `number`th request of a method that the server sent."""

        def find() -> dict[str, Any] | None:
            found = [frame for frame in self.requests if frame["method"] == method]
            return found[number - 1] if len(found) >= number else None

        return await self._wait(find, within)

    async def raw_text(self, text: str, within: float = 5.0) -> None:
        """Wait until this very text came."""
        await self._wait(lambda: {} if text in self.texts else None, within)

    async def wait_closed(self, within: float = 5.0) -> None:
        """Wait until the socket is closed."""
        await self._wait(lambda: {} if self.closed else None, within)

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """Inner params of the events of a type so far."""
        return [
            frame["params"]["params"]
            for frame in self.requests
            if frame["method"] == "signalwire.event" and frame["params"]["event_type"] == event_type
        ]

    @property
    def authorization_state(self) -> str:
        """The latest state the server told."""
        return str(self.events("signalwire.authorization.state")[-1]["authorization_state"])

    async def _take(self, text: str) -> None:
        async with self._changed:
            self.texts.append(text)
            try:
                frame = msgspec.json.decode(text)
            except msgspec.DecodeError:
                frame = None
            if isinstance(frame, dict):
                (self.requests if "method" in frame else self.responses).append(frame)
            self._changed.notify_all()
        if self.ack and isinstance(frame, dict) and "method" in frame:
            await self.send_raw({"jsonrpc": "2.0", "id": frame["id"], "result": {}})

    async def _wait(self, find: Callable[[], dict[str, Any] | None], within: float) -> dict[str, Any]:
        async with asyncio.timeout(within), self._changed:
            while (found := find()) is None:
                await self._changed.wait()
            return found


@asynccontextmanager
async def raw_client(url: str, *, ack: bool = True, **options: Any) -> AsyncIterator[RawRelayClient]:
    """A socket to an emulator, not connected in RELAY's sense yet."""
    async with connect(url, compression=None, proxy=None, ping_interval=None, close_timeout=1, **options) as socket:
        client = RawRelayClient(socket, ack=ack)
        reader = asyncio.create_task(client.read(), name="raw-client-reader")
        try:
            yield client
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            socket.transport.abort()


@asynccontextmanager
async def connected(emulator: Emulator, *, ack: bool = True, **params: Any) -> AsyncIterator[RawRelayClient]:
    """A client that has done signalwire.connect; `params` replace or add to those of the request."""
    async with raw_client(emulator.url, ack=ack) as client:
        answer = await client.ask("signalwire.connect", connect_params(**params))
        assert "result" in answer, answer
        yield client


def connect_params(**params: Any) -> dict[str, Any]:
    """Params of signalwire.connect that the demo project's emulator accepts."""
    return {
        "version": {"major": 2, "minor": 0, "revision": 0},
        "agent": "raw/1",
        "event_acks": True,
        "authentication": {"project": "demo", "token": "demo-token"},
        "contexts": ["default"],
        **params,
    }


@asynccontextmanager
async def running_emulator(**options: Any) -> AsyncIterator[Emulator]:
    """An emulator on free ports, which must leave no task behind; audio runs at one hundredth of its length."""
    defaults = {"listen": "127.0.0.1:0", "allow_insecure_stream_urls": True, "frame_interval": 0.0002}
    before = asyncio.all_tasks()
    async with Emulator(EmulatorOptions(**{**defaults, **options})) as emulator:
        yield emulator
    await no_tasks_beyond(before)
