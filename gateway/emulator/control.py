"""The HTTP control interface: what can be done in-process can be done with curl, JSON in and out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from gateway.emulator import views
from gateway.emulator.bodies import (
    Body,
    Digits,
    Disconnect,
    Event,
    HangUp,
    PlaceCall,
    RawFrame,
    Refuse,
    Reseed,
    Wrong,
    count,
    one_of,
    read,
)  # fmt: skip
from gateway.emulator.exchange import Exchange, NoReceiver, UnknownCall, UnknownSession, UnknownStream
from gateway.emulator.faults import Fault
from gateway.emulator.frames import Frame
from gateway.emulator.model import END_REASONS, Stream
from gateway.emulator.options import Address
from gateway.emulator.sessions import Session

__all__ = ["Control"]


class UnknownFault(LookupError):
    """There is no fault of that name."""


_MAX_BODY = 256 * 1024
_ERRORS: tuple[tuple[type[Exception], int], ...] = (
    (Wrong, 400),
    (UnknownCall, 404),
    (UnknownStream, 404),
    (UnknownSession, 404),
    (UnknownFault, 404),
    (NoReceiver, 409),
)
_DIGITS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True)
class _Route:
    method: str
    path: str
    about: str
    handle: Callable[[web.Request], Awaitable[Any]]
    body: type[Body | Fault] | None = None


class Control:
    """An aiohttp server over an exchange: `start` listens, `stop` ends it, `routes` is what it serves."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.routes = [
            _Route("GET", "/", "this list", self._index),
            _Route("GET", "/sessions", "the sessions", self._sessions),
            _Route("POST", "/sessions/disconnect", "how: clean, restart or abrupt", self._disconnect, Disconnect),
            _Route("POST", "/sessions/refuse", "answer new sockets with an HTTP status", self._refuse, Refuse),
            _Route("GET", "/calls", "the calls", self._calls),
            _Route("POST", "/calls", "place an inbound call", self._place, PlaceCall),
            _Route("GET", "/calls/{call_id}", "one call", self._call),
            _Route("POST", "/calls/{call_id}/hangup", "the far end hangs up", self._hang_up, HangUp),
            _Route("POST", "/calls/{call_id}/answer", "the far end of a dialled leg answers", self._answer, Body),
            _Route("POST", "/calls/{call_id}/dtmf", "the far end presses digits", self._dtmf, Digits),
            _Route("GET", "/streams", "the streams, with counts and digests of what was sent", self._streams),
            _Route("GET", "/streams/{call_id}/{control_id}", "one stream", self._stream),
            _Route("GET", "/streams/{call_id}/{control_id}/audio/{track}", "the bytes sent", self._audio),
            _Route("POST", "/streams/{call_id}/{control_id}/drop", "RELAY ends the stream", self._drop, Body),
            _Route("GET", "/frames", "frames; query after, limit, direction, method, event_type", self._frames),
            _Route("POST", "/frames", "send a frame or any text", self._send_frame, RawFrame),
            _Route("POST", "/events", "send an event", self._send_event, Event),
            _Route("GET", "/faults", "the faults in force", self._faults),
            _Route("POST", "/faults", "add a fault", self._add_fault, Fault),
            _Route("POST", "/faults/release", "let held frames go", self._release, Body),
            _Route("POST", "/faults/seed", "clear, and begin with a seed", self._seed, Reseed),
            _Route("DELETE", "/faults", "end all faults", self._clear_faults),
            _Route("DELETE", "/faults/{name}", "end one fault", self._remove_fault),
            _Route("POST", "/reset", "end calls, cut sockets, forget everything", self._reset, Body),
        ]  # fmt: skip
        self._runner: web.AppRunner | None = None

    async def start(self, address: Address) -> str:
        """Listen; returns the URL with the port that was taken."""
        app = web.Application(middlewares=[_explain], client_max_size=_MAX_BODY)
        for route in self.routes:
            app.router.add_route(route.method, route.path, _json(route.handle))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, address.host, address.port)
        await site.start()
        return f"http://{Address(address.host, self._runner.addresses[0][1]).netloc}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _index(self, _: web.Request) -> Any:
        return {
            "service": "callstream RELAY emulator",
            "endpoints": [
                {
                    "method": route.method,
                    "path": route.path,
                    "about": route.about,
                    "fields": [] if route.body is None else list(route.body.__struct_fields__),
                }
                for route in self.routes
            ],
        }

    async def _sessions(self, _: web.Request) -> Any:
        return {"sessions": [views.session(session) for session in self._exchange.sessions.values()]}

    async def _disconnect(self, request: web.Request) -> Any:
        body = await read(request, Disconnect)
        one_of("how", body.how, ("clean", "restart", "abrupt"))
        session = self._session(body.session)
        if body.how == "abrupt":
            await self._exchange.cut(session)
        else:
            await self._exchange.disconnect(body.how == "restart", session)
        return {}

    async def _refuse(self, request: web.Request) -> Any:
        body = await read(request, Refuse)
        try:
            self._exchange.refuse_connections(body.status)
        except ValueError as error:
            raise Wrong(f"status: {body.status} is no HTTP status; 400 to 599, or null") from error
        return {"status": body.status}

    async def _calls(self, _: web.Request) -> Any:
        return {"calls": [views.call(call) for call in self._exchange.calls.values()]}

    async def _place(self, request: web.Request) -> Any:
        body = await read(request, PlaceCall)
        if body.timeout is not None and body.timeout < 0:
            raise Wrong("timeout: seconds, at least 0")
        call = await self._exchange.place_call(
            context=body.context, from_number=body.from_number, to_number=body.to_number, tag=body.tag,
            project=body.project, timeout=body.timeout,
        )  # fmt: skip
        return views.call(call)

    async def _call(self, request: web.Request) -> Any:
        call = self._exchange.calls.get(request.match_info["call_id"])
        if call is None:
            raise UnknownCall(f"no call {request.match_info['call_id']!r}")
        return views.call(call)

    async def _hang_up(self, request: web.Request) -> Any:
        body = await read(request, HangUp)
        one_of("reason", body.reason, END_REASONS)
        await self._exchange.hang_up(request.match_info["call_id"], body.reason)
        return await self._call(request)

    async def _answer(self, request: web.Request) -> Any:
        await read(request, Body)
        await self._exchange.answer_far_end(request.match_info["call_id"])
        return await self._call(request)

    async def _dtmf(self, request: web.Request) -> Any:
        body = await read(request, Digits)
        if not body.digits or not set(body.digits) <= _DIGITS:
            raise Wrong("digits: one or more of 0-9 * # A-D")
        if body.duration < 1:
            raise Wrong("duration: milliseconds, at least 1")
        streams = await self._exchange.send_dtmf(request.match_info["call_id"], body.digits, body.duration)
        return {"streams": streams}

    async def _streams(self, _: web.Request) -> Any:
        return {"streams": [views.stream(stream) for stream in self._exchange.streams.values()]}

    async def _stream(self, request: web.Request) -> Any:
        return views.stream(self._find_stream(request))

    async def _audio(self, request: web.Request) -> Any:
        records = {str(track): record for track, record in self._find_stream(request).records.items()}
        track = request.match_info["track"]
        one_of("track", track, tuple(records))
        return web.Response(body=records[track].payload, content_type="application/octet-stream")

    async def _drop(self, request: web.Request) -> Any:
        await read(request, Body)
        await self._exchange.drop_stream(request.match_info["call_id"], request.match_info["control_id"])
        return await self._stream(request)

    async def _frames(self, request: web.Request) -> Any:
        known = ("after", "limit", "direction", "method", "event_type")
        for name in request.query:
            one_of("query", name, known)
        after, limit = count(request.query, "after", 0), count(request.query, "limit", 1000)
        wanted = {name: request.query[name] for name in known[2:] if name in request.query}
        one_of("direction", wanted.get("direction", "client_to_server"), ("client_to_server", "server_to_client"))

        def fits(frame: Frame) -> bool:
            return frame.number > after and all(getattr(frame, name) == value for name, value in wanted.items())

        frames = [views.frame(frame) for frame in self._exchange.frames if fits(frame)]
        return {"frames": frames[:limit], "last_number": self._exchange.frames.last_number}

    async def _send_frame(self, request: web.Request) -> Any:
        body = await read(request, RawFrame)
        return {"sockets": await self._exchange.send_frame(body.frame, self._session(body.session))}

    async def _send_event(self, request: web.Request) -> Any:
        body = await read(request, Event)
        session = self._session(body.session)
        return {"event_ids": await self._exchange.send_event(body.event_type, body.params, session)}

    async def _faults(self, _: web.Request) -> Any:
        faults = self._exchange.faults
        listed = [{"name": name, "struck": faults.struck(name), "fault": msgspec.to_builtins(f)} for name, f in faults]
        return {"faults": listed, "held": faults.held, "seed": faults.seed}

    async def _add_fault(self, request: web.Request) -> Any:
        return {"name": self._exchange.faults.add(await read(request, Fault))}

    async def _release(self, request: web.Request) -> Any:
        await read(request, Body)
        return {"released": self._exchange.faults.release()}

    async def _seed(self, request: web.Request) -> Any:
        self._exchange.faults.reseed((await read(request, Reseed)).seed)
        return await self._faults(request)

    async def _clear_faults(self, _: web.Request) -> Any:
        self._exchange.faults.clear()
        return {}

    async def _remove_fault(self, request: web.Request) -> Any:
        name = request.match_info["name"]
        if name not in dict(self._exchange.faults):
            raise UnknownFault(f"no fault {name!r}; in force: {', '.join(dict(self._exchange.faults)) or 'none'}")
        self._exchange.faults.remove(name)
        return {}

    async def _reset(self, request: web.Request) -> Any:
        await read(request, Body)
        await self._exchange.reset()
        return {}

    def _session(self, protocol: str | None) -> Session | None:
        if protocol is None:
            return None
        session = self._exchange.sessions.get(protocol)
        if session is None:
            raise UnknownSession(f"no session {protocol!r}")
        return session

    def _find_stream(self, request: web.Request) -> Stream:
        key = (request.match_info["call_id"], request.match_info["control_id"])
        stream = self._exchange.streams.get(key)
        if stream is None:
            raise UnknownStream(f"call {key[0]!r} has no stream {key[1]!r}")
        return stream


def _json(handle: Callable[[web.Request], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer with JSON, and with {"error": ...} when the request can't be carried out."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            result = await handle(request)
        except tuple(kind for kind, _ in _ERRORS) as error:
            status = next(status for kind, status in _ERRORS if isinstance(error, kind))
            return web.json_response({"error": str(error)}, status=status)
        return result if isinstance(result, web.StreamResponse) else web.json_response(result)

    return answer


@web.middleware
async def _explain(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say in JSON what aiohttp would say in text: unknown paths, methods, bodies too large."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        allowed = error.headers.get("Allow")
        hint = f"use {allowed}" if allowed else "GET / lists the endpoints"
        text = f"{request.method} {request.path}: {error.reason}; {hint}"
        return web.json_response({"error": text}, status=error.status)
