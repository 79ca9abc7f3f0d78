"""The telephone exchange: who may do what with calls and streams, and what can be done from outside.

Nothing here opens a port. `server.Emulator` adds the sockets, `control` the HTTP interface.
"""

import asyncio
import ssl
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.emulator.calls import Calls
from gateway.emulator.dial import Dials
from gateway.emulator.faults import FaultSet, Subject
from gateway.emulator.frames import FrameJournal
from gateway.emulator.link import Link
from gateway.emulator.model import Call, CallTable, Stream
from gateway.emulator.options import Devices, EmulatorOptions
from gateway.emulator.rpc import Params, Refused, RpcError
from gateway.emulator.sessions import Session, Sessions
from gateway.emulator.source import AudioSource
from gateway.emulator.streams import Streams
from gateway.emulator.tasks import Tasks
from gateway.emulator.webhooks import Webhooks
from gateway.relay import wire

__all__ = ["Exchange", "NoReceiver", "UnknownCall", "UnknownSession", "UnknownStream"]

_OK = {"code": "200"}


class NoReceiver(LookupError):
    """No session receives the context."""


class UnknownCall(LookupError):
    """There is no such call, or it has ended."""


class UnknownStream(LookupError):
    """There is no such stream."""


class UnknownSession(LookupError):
    """There is no such session, or it has no socket now."""


class Exchange:
    """Sessions, calls and streams, with what a test or an operator can do to them.

    `faults` and `frames` may be used at any time; `calls`, `streams` and `sessions` are live, read-only views.
    ValueError names the option whose file can't be used.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        self.faults = FaultSet()
        self.frames = FrameJournal(options.frame_limit)
        self.devices = Devices(options.numbers, options.default_device)
        self._tasks = Tasks()
        trust = ssl.create_default_context()
        if options.ca_file is not None:
            try:
                trust.load_verify_locations(options.ca_file)
            except OSError as error:  # ssl.SSLError is one
                raise ValueError(f"ca_file: {options.ca_file} can't be used: {error}") from error
        source = AudioSource.built_in() if options.audio_file is None else AudioSource.from_wav(options.audio_file)
        self.webhooks = Webhooks(options.webhook_limit, options.endpoint_timeout, trust)
        self._sessions = Sessions(options, self._tasks)
        self._streams = Streams(options, self._sessions, self.webhooks, source, trust, self._tasks)
        self._table = CallTable(options.ended_call_limit)
        self._calls = Calls(options, self._sessions, self._streams, self._table, self._tasks)
        self._dials = Dials(options, self.devices, self._sessions, self._calls, self._tasks)
        self.refusing: HTTPStatus | None = None
        self._contexts_changed = asyncio.Event()
        self._commands: dict[str, Callable[[Link, Session, Any, Params], None]] = {
            wire.RECEIVE: self._receive,
            wire.UNRECEIVE: self._unreceive,
            wire.ANSWER: self._answer,
            wire.PASS: self._pass,
            wire.END: self._end,
            wire.DIAL: self._dial,
            wire.STREAM: self._stream,
            wire.STREAM_STOP: self._stream_stop,
        }

    @property
    def calls(self) -> Mapping[str, Call]:
        """Calls by id; ended ones stay for a while."""
        return self._table.view

    @property
    def streams(self) -> Mapping[tuple[str, str], Stream]:
        """Streams by (call id, control id); finished ones stay for a while."""
        return self._streams.view

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Sessions by protocol; lost ones stay until they can't be resumed."""
        return self._sessions.view

    # What a test or an operator does.

    def refuse_connections(self, status: int | None = 503) -> None:
        """Answer new sockets with an HTTP status instead of upgrading them, until called with None.

        ValueError unless it is a status of 400 to 599.
        """
        if status is not None and status < HTTPStatus.BAD_REQUEST:
            raise ValueError(f"{status} is no HTTP error status")
        self.refusing = None if status is None else HTTPStatus(status)

    async def place_call(
        self, *, context: str = "default", from_number: str = "+15550001111", to_number: str = "+15550002222",
        tag: str = "", project: str | None = None, timeout: float | None = None,  # noqa: ASYNC109 - waits by itself
    ) -> Call:  # fmt: skip
        """A call comes in and is offered to a session that receives `context`.

        Without such a session NoReceiver is raised, after `timeout` seconds when that is given.
        """
        session = self._sessions.receiver(context, project)
        if session is None and timeout is not None:
            session = await self._wait_for_receiver(context, project, timeout)
        if session is None:
            raise NoReceiver(f"no session receives context {context!r}")
        device = {"type": "phone", "params": {"from_number": from_number, "to_number": to_number}}
        call = self._calls.create(session, "inbound", device, context=context, tag=tag)
        self._calls.offer(call)
        return call

    async def hang_up(self, call_id: str, reason: str = "hangup") -> None:
        """The far end (or RELAY, by the reason) ends a call; UnknownCall when it is not live."""
        self._calls.end(self._live(call_id), reason)

    async def answer_far_end(self, call_id: str) -> None:
        """The far end of a dialled leg answers now; UnknownCall unless it rings."""
        call = self._live(call_id)
        if call.direction != "outbound" or call.state == "answered":
            raise UnknownCall(f"call {call_id!r} is no ringing leg of a dial")
        self._calls.answered(call)

    async def send_dtmf(self, call_id: str, digits: str, duration: int = 2000) -> int:
        """The far end presses digits: each active stream of the call gets a dtmf message; returns how many streams."""
        streams = self._live(call_id).active_streams
        for stream in streams:
            for digit in digits:
                stream.sender.dtmf(digit, duration)
        return len(streams)

    async def drop_stream(self, call_id: str, control_id: str) -> None:
        """RELAY ends a stream by itself: `finished` while the call goes on; UnknownStream unless it is active."""
        stream = self.streams.get((call_id, control_id))
        if stream is None or not stream.active:
            raise UnknownStream(f"call {call_id!r} has no active stream {control_id!r}")
        self._streams.finish(self._live(call_id), stream)

    async def send_event(self, event_type: str, params: dict[str, Any], session: Session | None = None) -> list[str]:
        """Send any event, to one session or to all; returns the event ids. It is kept until acked as any other."""
        targets = list(self.sessions.values()) if session is None else [session]
        return [self._sessions.emit(target, event_type, params) for target in targets]

    async def send_frame(self, frame: dict[str, Any] | str, session: Session | None = None) -> int:
        """Send any frame or text on the sockets of one session or of all; returns how many."""
        links = self._links(session)
        for link in links:
            link.raw(frame if isinstance(frame, str) else msgspec.json.encode(frame).decode())
        return len(links)

    async def disconnect(self, restart: bool = False, session: Session | None = None) -> None:
        """Say signalwire.disconnect, and close after the answer or `disconnect_grace`; returns once closed.

        With `restart` the sessions are forgotten, as their clients are told to do.
        """
        targets = [target for target in self.sessions.values() if session in {None, target}]
        links = self._links(session)
        for link in links:
            link.request(str(uuid.uuid4()), wire.DISCONNECT, {"restart": True} if restart else {})
        if restart:
            for target in targets:
                self._sessions.forget(target)
        async with asyncio.TaskGroup() as group:
            for link in links:
                _ = group.create_task(self._see_off(link), name=f"link-{link.number}-disconnect")

    async def cut(self, session: Session | None = None) -> None:
        """Cut the sockets of one session or of all, without a close frame; returns once the server has noticed."""
        links = self._links(session)
        for link in links:
            link.cut()
        for link in links:
            await link.closed.wait()

    async def forget_session(self, session: Session) -> None:
        """Make a session impossible to resume, as if its time had run out; UnknownSession when it is gone already."""
        if session.protocol not in self.sessions:
            raise UnknownSession(f"no session {session.protocol!r}")
        self._sessions.forget(session)

    async def renew_authorization(self, session: Session) -> None:
        """Tell a session a new authorization state."""
        self._sessions.renew_authorization(session)

    async def reset(self) -> None:
        """Back to the start: calls end, sockets are cut, sessions, faults and frames are forgotten."""
        self.faults.clear()
        for call in list(self.calls.values()):
            self._calls.end(call, "error")
        await self.cut()
        for session in list(self.sessions.values()):
            self._sessions.forget(session)
        self._table.clear()
        self._streams.clear()
        self.frames.clear()

    # What clients do: the link's handler.

    def on_request(self, link: Link, request_id: Any, method: str, params: Any) -> None:
        """Carry out a client's request and answer it; events that follow from it come after the answer."""
        try:
            if method == wire.PING:
                timestamp = params.get("timestamp") if isinstance(params, dict) else None
                link.result(request_id, {} if timestamp is None else {"timestamp": timestamp})
            elif method == wire.CONNECT:
                self._connect(link, request_id, params)
            elif method not in self._commands:
                raise RpcError(wire.METHOD_NOT_FOUND, f"Method {method} not found")  # noqa: TRY301 - one way to refuse
            else:
                session = self.sessions.get(link.session)
                if session is None or session.link is not link:
                    raise RpcError(  # noqa: TRY301 - one way to refuse
                        wire.REQUESTER_VALIDATION_FAILED, "Requester validation failed: not connected"
                    )
                self._commands[method](link, session, request_id, Params(params))
        except RpcError as error:
            link.error(request_id, error.code, error.message)
        except Refused as refused:
            link.result(request_id, {"code": refused.code, "message": refused.message})

    def on_response(self, link: Link, response: dict[str, Any], subject: Subject) -> None:
        """Take an ack, a pong, or the answer to signalwire.disconnect."""
        session = self.sessions.get(link.session)
        if subject.method == wire.EVENT and session is not None and "result" in response:
            self._sessions.acked(session, str(response["id"]))
        elif subject.method == wire.PING:
            link.unanswered_pings = 0
        elif subject.method == wire.DISCONNECT:
            link.close()

    def on_lost(self, link: Link) -> None:
        """A socket is gone."""
        self._sessions.lost(link)

    def _connect(self, link: Link, request_id: Any, params: Any) -> None:
        if link.session:
            raise RpcError(-32600, "Invalid request: this socket is connected already")
        session, result = self._sessions.connect(link, params)
        link.result(request_id, result)
        self._sessions.begin(session)
        self._contexts_changed.set()

    def _receive(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        session.contexts.update(params.texts("contexts", required=True))
        link.result(request_id, {**_OK, "message": "Receiving events"})
        self._contexts_changed.set()

    def _unreceive(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        session.contexts.difference_update(params.texts("contexts", required=True))
        link.result(request_id, {**_OK, "message": "Unreceiving events"})

    def _answer(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        call = self._calls.answerable(session, params)
        link.result(request_id, {**_OK, "message": "Answered"})
        self._calls.answered(call)

    def _pass(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        call = self._calls.answerable(session, params)
        link.result(request_id, {**_OK, "message": "Passing call"})
        self._calls.passed(call)

    def _end(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        call, reason = self._calls.commanded(session, params), self._calls.end_reason(params)
        link.result(request_id, {**_OK, "message": "Disconnecting call"})
        self._calls.end(call, reason)

    def _dial(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        self._dials.start(session, params)
        link.result(request_id, {**_OK, "message": "Dialing"})

    def _stream(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        for name in ("node_id", "call_id", "control_id", "url"):
            params.text(name)
        call = self._calls.commanded(session, params)
        stream = self._streams.start(call, params)
        ids = {"call_id": call.call_id, "control_id": stream.control_id}
        link.result(request_id, {**_OK, "message": "Stream started", **ids})

    def _stream_stop(self, link: Link, session: Session, request_id: Any, params: Params) -> None:
        for name in ("node_id", "call_id", "control_id"):
            params.text(name)
        call = self._calls.commanded(session, params)
        stream = self._streams.stopping(call, params)
        ids = {"call_id": call.call_id, "control_id": stream.control_id}
        link.result(request_id, {**_OK, "message": "Stream stopped", **ids})
        self._streams.finish(call, stream)

    async def _wait_for_receiver(self, context: str, project: str | None, timeout: float) -> Session | None:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                while (session := self._sessions.receiver(context, project)) is None:
                    self._contexts_changed.clear()
                    await self._contexts_changed.wait()
                return session
        except TimeoutError:
            return None

    async def _see_off(self, link: Link) -> None:
        """Wait for a socket to close; ask for it when the client takes too long, then insist."""
        for insist in (link.close, link.cut):
            try:
                async with asyncio.timeout(self.options.disconnect_grace):
                    await link.closed.wait()
            except TimeoutError:
                insist()
        await link.closed.wait()

    def _live(self, call_id: str) -> Call:
        call = self.calls.get(call_id)
        if call is None or call.ended:
            raise UnknownCall(f"no call {call_id!r} is live")
        return call

    def _links(self, session: Session | None) -> list[Link]:
        sessions = self.sessions.values() if session is None else [session]
        return [target.link for target in sessions if target.link is not None]
