"""One RELAY socket: frames in and out, with the faults carried out on the way."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.emulator.actions import CloseSocket, HalfOpen, SendRaw
from gateway.emulator.faults import FaultSet, Subject
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT, Direction, FrameJournal
from gateway.emulator.plan import Answer, Deliver, Plan
from gateway.emulator.tasks import Tasks

__all__ = ["Link", "LinkHandler"]

_log = structlog.get_logger("callstream.emulator")
_numbers = itertools.count(1)
_REMEMBERED_REQUESTS = 10_000
_GOING_AWAY = 1001
_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600


@dataclass(frozen=True, slots=True)
class _Binary:
    """What is sent as a binary message."""

    data: bytes


class LinkHandler(Protocol):
    """Who is told what a client sends."""

    def on_request(self, link: "Link", request_id: Any, method: str, params: Any) -> None:
        """A request arrived."""

    def on_response(self, link: "Link", response: dict[str, Any], subject: Subject) -> None:
        """An answer to one of our requests arrived; `subject` is the request's."""

    def on_lost(self, link: "Link") -> None:
        """The socket is gone."""


class Link:
    """A socket. Sending never waits: frames queue up to a limit, beyond which the socket is cut.

    `session` is the protocol of the session that holds the link, "" before signalwire.connect. `frozen` says that it
    neither reads nor writes while it stays open.
    """

    def __init__(
        self, socket: ServerConnection, handler: LinkHandler, journal: FrameJournal, faults: FaultSet, limit: int
    ) -> None:
        self.number = next(_numbers)
        self.session = ""
        self.unanswered_pings = 0
        self.closed = asyncio.Event()
        self._socket = socket
        self._handler = handler
        self._journal = journal
        self._faults = faults
        self._outbox: asyncio.Queue[bytes | _Binary | CloseSocket] = asyncio.Queue(limit)
        self._tasks = Tasks()
        self.frozen = False
        self._asked: dict[Direction, OrderedDict[Any, Subject]] = {
            CLIENT_TO_SERVER: OrderedDict(),
            SERVER_TO_CLIENT: OrderedDict(),
        }
        self._postponed: dict[Direction, list[Callable[[], None]]] = {CLIENT_TO_SERVER: [], SERVER_TO_CLIENT: []}

    async def run(self) -> None:
        """Serve the socket until it is closed."""
        writer = self._tasks.spawn(self._write(), f"link-{self.number}-writer")
        try:
            async for text in self._socket:
                self._receive(text)
        except ConnectionClosed:
            pass
        finally:
            self._handler.on_lost(self)
            self.closed.set()
            writer.cancel()
            await self._tasks.aclose()

    def request(self, request_id: str, method: str, params: dict[str, Any]) -> None:
        """Send a request to the client."""
        frame = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        subject = Subject.of(frame)
        self._remember(SERVER_TO_CLIENT, request_id, subject)
        self._send(frame, subject)

    def result(self, request_id: Any, result: dict[str, Any]) -> None:
        """Answer a request of the client."""
        self._send({"jsonrpc": "2.0", "id": request_id, "result": result}, self._subject(CLIENT_TO_SERVER, request_id))

    def error(self, request_id: Any, code: int, message: str) -> None:
        """Refuse a request of the client with a JSON-RPC error."""
        error = {"code": code, "message": message}
        self._send({"jsonrpc": "2.0", "id": request_id, "error": error}, self._subject(CLIENT_TO_SERVER, request_id))

    def raw(self, text: str, *, binary: bool = False) -> None:
        """Send any text, if asked in a binary message."""
        self._journal.record(SERVER_TO_CLIENT, self.number, self.session, text)
        self._enqueue(_Binary(text.encode()) if binary else text.encode())

    def close(self, code: int = _GOING_AWAY) -> None:
        """Close the socket with a close frame, after what is queued."""
        self._enqueue(CloseSocket(code=code))

    def cut(self) -> None:
        """Close the socket at once, without a close frame."""
        self.frozen = False
        # websockets' own protocol state notices the loss by itself.
        self._socket.transport.abort()

    def freeze(self) -> None:
        """Stop reading and writing while the socket stays open."""
        self.frozen = True
        self._socket.transport.pause_reading()

    def _receive(self, text: str | bytes) -> None:
        if self.frozen:
            return
        try:
            frame = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            self._journal.record(CLIENT_TO_SERVER, self.number, self.session, f"<{len(text)} bytes, not JSON>")
            self.error(None, _PARSE_ERROR, f"Parse error: {error}")
            return
        problem = _malformed(frame)
        if problem:
            self._journal.record(CLIENT_TO_SERVER, self.number, self.session, frame)
            request_id = frame.get("id") if isinstance(frame, dict) else None
            # JSON-RPC: where the id is not known, it is null.
            self.error(request_id if isinstance(request_id, str | int) else None, _INVALID_REQUEST, problem)
            return
        if "method" in frame:
            subject = Subject.of(frame)
            self._remember(CLIENT_TO_SERVER, frame["id"], subject)
        else:
            subject = self._subject(SERVER_TO_CLIENT, frame["id"])
        plan = self._faults.plan(CLIENT_TO_SERVER, frame, subject)
        self._journal.record(
            CLIENT_TO_SERVER, self.number, self.session, frame, method=subject.method,
            event_type=subject.event_type, fault=",".join(plan.struck), passed=plan.passes,
        )  # fmt: skip
        self._carry_out(plan, CLIENT_TO_SERVER, partial(self._handle, subject))

    def _handle(self, subject: Subject, frame: dict[str, Any]) -> None:
        if self.closed.is_set():
            return  # held or late, and its client has gone
        if "method" in frame:
            self._handler.on_request(self, frame["id"], frame["method"], frame.get("params", {}))
        else:
            self._handler.on_response(self, frame, subject)

    def _send(self, frame: dict[str, Any], subject: Subject) -> None:
        plan = self._faults.plan(SERVER_TO_CLIENT, frame, subject)
        fault = ",".join(plan.struck)
        if not plan.passes:
            self._journal.record(
                SERVER_TO_CLIENT, self.number, self.session, frame, method=subject.method,
                event_type=subject.event_type, fault=fault, passed=False,
            )  # fmt: skip
        self._carry_out(plan, SERVER_TO_CLIENT, partial(self._transmit, subject, fault))

    def _transmit(self, subject: Subject, fault: str, frame: dict[str, Any]) -> None:
        if self.frozen or self.closed.is_set():
            return
        self._journal.record(
            SERVER_TO_CLIENT, self.number, self.session, frame, method=subject.method,
            event_type=subject.event_type, fault=fault,
        )  # fmt: skip
        self._enqueue(msgspec.json.encode(frame))

    def _carry_out(self, plan: Plan, direction: Direction, deliver: Callable[[dict[str, Any]], None]) -> None:  # noqa: C901 - one case per effect
        """Do what a plan says, in its order."""
        overtaken, self._postponed[direction] = self._postponed[direction], []
        for effect in plan.effects:
            match effect:
                case Deliver(held_by=name) if name:
                    self._faults.hold(name, partial(deliver, effect.frame))
                case Deliver(after_next=True):
                    self._postponed[direction].append(partial(deliver, effect.frame))
                case Deliver(delay=delay) if delay > 0:
                    self._tasks.later(delay, partial(deliver, effect.frame))
                case Deliver():
                    deliver(effect.frame)
                case Answer():
                    self._transmit(Subject(), ",".join(plan.struck), effect.frame)
                case SendRaw(text=text, binary=binary):
                    self.raw(text, binary=binary)
                case HalfOpen():
                    self.freeze()
                case CloseSocket(code=None) if direction == CLIENT_TO_SERVER or effect.when == "before":
                    self.cut()
                    return
                case CloseSocket():
                    self._enqueue(effect)
        for act in overtaken:
            act()

    def _enqueue(self, item: bytes | _Binary | CloseSocket) -> None:
        if self.frozen or self.closed.is_set():
            return
        try:
            self._outbox.put_nowait(item)
        except asyncio.QueueFull:
            _log.warning("client_too_slow", link=self.number, session=self.session)
            self.cut()

    async def _write(self) -> None:
        try:
            while True:
                item = await self._outbox.get()
                if self.frozen:
                    continue
                if isinstance(item, _Binary):
                    await self._socket.send(item.data, text=False)
                elif isinstance(item, bytes):
                    await self._socket.send(item, text=True)
                elif item.code is None:
                    self.cut()
                else:
                    await self._socket.close(item.code)
        except ConnectionClosed:
            return

    def _remember(self, direction: Direction, request_id: Any, subject: Subject) -> None:
        asked = self._asked[direction]
        asked[request_id] = subject
        if len(asked) > _REMEMBERED_REQUESTS:
            asked.popitem(last=False)

    def _subject(self, direction: Direction, request_id: Any) -> Subject:
        return self._asked[direction].get(request_id, Subject())


def _malformed(frame: Any) -> str:
    """What makes a decoded frame no JSON-RPC 2.0 request or response; "" when nothing does."""
    if not isinstance(frame, dict):
        return "Invalid request: a frame is one JSON object"
    if frame.get("jsonrpc") != "2.0":
        return 'Invalid request: jsonrpc must be "2.0"'
    if not isinstance(frame.get("id"), str | int) or frame["id"] == "":
        return "Invalid request: id must be a string or a number"
    if "method" in frame:
        return "" if isinstance(frame["method"], str) else "Invalid request: method must be a string"
    return "" if "result" in frame or "error" in frame else "Invalid request: neither method nor result nor error"
