"""What goes wrong: seeded faults of RELAY and its sockets, and the gateway's process killed or held up.

Two kinds: small mischief spoils single frames and comes all the time; breaks end connections and sessions, and come
every few seconds, since a gateway that backs off would do nothing else otherwise.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

from gateway.emulator.actions import (
    Action,
    CloseSocket,
    Delay,
    Drop,
    Duplicate,
    HalfOpen,
    Omit,
    Patch,
    Reorder,
    Reply,
    ReplyError,
    SendRaw,
)  # fmt: skip
from gateway.emulator.exchange import UnknownCall, UnknownSession
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT, Frame
from gateway.emulator.model import Call
from gateway.emulator.sessions import Session
from gateway.relay import wire
from tests.support.chaos.process import GatewayUnderTest
from tests.support.chaos.world import World

__all__ = ["Mischief"]

_COMMANDS: Final = (wire.STREAM, wire.STREAM, wire.STREAM_STOP, wire.STREAM_STOP, wire.ANSWER, wire.END, wire.DIAL)
_EVENTS: Final = (None, None, wire.CALL_STREAM, wire.CALL_STATE, wire.CALL_RECEIVE, wire.CALL_DIAL)
_OPTIONAL_FIELDS: Final = (
    "params.timestamp", "params.event_channel", "params.project_id", "params.space_id", "params.context",
    "params.params.node_id", "params.params.segment_id", "params.params.url", "params.params.device",
)  # fmt: skip
_GARBAGE: Final = (
    "{", "", "null", "[]", "[{}]", '"text"', "\x00", "{" * 2000, '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"1.0","id":1,"method":5}',
    '{"jsonrpc":"2.0","id":"nobody-asked","result":{"code":"200"}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    '{"jsonrpc":"2.0","id":"unheard-of","method":"signalwire.unheard_of","params":{}}',
    '{"jsonrpc":"2.0","method":"signalwire.event","params":{}}',
    '{"jsonrpc":"2.0","id":"no-params","method":"signalwire.event"}',
    '{"jsonrpc":"2.0","id":"odd-params","method":"signalwire.event","params":{"event_type":7,"params":[]}}',
    '{"jsonrpc":"2.0","id":{"a":1},"method":"signalwire.ping","params":null}',
    '{"jsonrpc":"2.0","id":"large","method":"signalwire.ping","params":{"filler":"' + "x" * 200_000 + '"}}',
)  # fmt: skip
_TOO_LARGE: Final = '{"filler":"' + "x" * (wire.MAX_FRAME_BYTES + 1) + '"}'
_MOMENT_WITHIN: Final = 1.0
_SMALL_EVERY: Final = (0.02, 0.3)
_BREAK_EVERY: Final = (1.5, 5.5)
_WHEN: Final[tuple[Literal["before", "after"], ...]] = ("before", "after")
_LASTS: Final = (0.2, 1.5)
_KILL_EVERY: Final = (0.5, 5.0)

Deed = Callable[[], Awaitable[None]]


class Mischief:
    """Makes trouble until calm sets in."""

    def __init__(self, world: World, gateway: GatewayUnderTest) -> None:
        self._world = world
        self._gateway = gateway
        self._emulator = world.emulator
        self._chance = world.chance("mischief")

    async def spoil(self) -> None:
        """Small mischief, all the time."""
        deeds = (
            (6, self._lose_event), (4, self._lose_ack), (2, self._lose_answer), (1, self._lose_command),
            (8, self._repeat), (6, self._delay), (6, self._reorder), (5, self._omit), (6, self._refuse_command),
            (2, self._lie_about_call), (2, self._lie_in_answer), (5, self._garbage), (4, self._odd_event),
            (3, self._stale_event), (1, self._renew), (1, self._flood), (1, self._repeat_command),
        )  # fmt: skip
        await self._keep_on(deeds, self._world.chance("small mischief"), _SMALL_EVERY)

    async def break_up(self) -> None:
        """Connections, sessions and processes come to an end, every few seconds."""
        deeds = (
            (5, self._kill), (5, self._kill_at_frame), (3, self._hang), (4, self._cut),
            (4, self._close_at_frame), (2, self._half_open),
            (2, self._disconnect), (2, self._disconnect_restart), (2, self._forget), (2, self._refuse_sockets),
            (2, self._refuse_connect), (1, self._too_large), (4, self._cut_before_answer),
        )  # fmt: skip
        await self._keep_on(deeds, self._world.chance("breaks"), _BREAK_EVERY)

    async def kill(self, times: int) -> None:
        """The process is killed often, on top of all else."""
        chance = self._world.chance("kills")
        for _ in range(times):
            await asyncio.sleep(chance.uniform(*_KILL_EVERY))
            await chance.choice((self._kill, self._kill_at_frame))()

    async def _keep_on(
        self, deeds: Sequence[tuple[int, Deed]], chance: random.Random, every: tuple[float, float]
    ) -> None:
        weights = [weight for weight, _ in deeds]
        while not await self._world.until_calm(chance.uniform(*every)):
            deed = chance.choices([deed for _, deed in deeds], weights)[0]
            self._world.counts[f"mischief: {deed.__name__.strip('_').replace('_', ' ')}"] += 1
            await deed()

    # Frames.

    def _fault(self, action: Action, **match: Any) -> None:
        """Puts a fault in force for a moment."""
        match.setdefault("times", self._chance.randint(1, 3))
        name = self._emulator.faults.add(Fault(action, **match))

        def end() -> None:
            with contextlib.suppress(KeyError):  # cleared meanwhile
                self._emulator.faults.remove(name)

        asyncio.get_running_loop().call_later(self._chance.uniform(*_LASTS), end)

    def _event(self) -> dict[str, Any]:
        return {
            "direction": SERVER_TO_CLIENT,
            "method": wire.EVENT,
            "event_type": self._chance.choice(_EVENTS),
        }

    def _command(self) -> dict[str, Any]:
        return {"direction": CLIENT_TO_SERVER, "method": self._chance.choice(_COMMANDS), "response": False}

    def _answer(self) -> dict[str, Any]:
        return {"direction": SERVER_TO_CLIENT, "method": self._chance.choice(_COMMANDS), "response": True}

    def _anything(self) -> dict[str, Any]:
        return self._chance.choice((self._event, self._command, self._answer, self._ack))()

    def _ack(self) -> dict[str, Any]:
        return {"direction": CLIENT_TO_SERVER, "method": wire.EVENT, "response": True}

    async def _lose_event(self) -> None:
        self._fault(Drop(), **self._event())

    async def _lose_ack(self) -> None:
        self._fault(Drop(), **self._ack())

    async def _lose_answer(self) -> None:
        self._fault(Drop(), **self._answer(), times=1)

    async def _lose_command(self) -> None:
        self._fault(Drop(), **self._command(), times=1)

    async def _repeat(self) -> None:
        """Events, answers and acknowledgements come more than once; for commands see `_repeat_command`."""
        match = self._chance.choice((self._event, self._answer, self._ack))()
        self._fault(Duplicate(self._chance.randint(1, 3)), **match)

    async def _repeat_command(self) -> None:
        """A command comes twice, and its two answers go their own ways: 409 may be all that the gateway hears."""
        call = self._some_call()
        if call is not None:
            self._world.lied_about.add(call.call_id)
            self._fault(Duplicate(), direction=CLIENT_TO_SERVER, call_id=call.call_id, response=False)

    async def _delay(self) -> None:
        self._fault(Delay(self._chance.uniform(0.02, 1.5)), **self._anything())

    async def _reorder(self) -> None:
        self._fault(Reorder(), **self._anything())

    async def _omit(self) -> None:
        fields = self._chance.sample(_OPTIONAL_FIELDS, self._chance.randint(1, 4))
        self._fault(Omit(fields), **self._event())

    async def _refuse_command(self) -> None:
        """RELAY does not do it, and says so. 404 and 410 say something of the call: see `_lie_about_call`."""
        if self._chance.random() < 0.3:
            self._fault(ReplyError(self._chance.choice((-32602, -32603, -32000))), **self._command(), times=1)
        else:
            code = self._chance.choice(("400", "402", "409", "422", "500", "503", "418"))
            self._fault(Reply(code), **self._command(), times=1)

    async def _lie_about_call(self) -> None:
        """RELAY says of a call that lives that it does not."""
        call = self._some_call()
        if call is not None:
            self._world.lied_about.add(call.call_id)
            code = self._chance.choice(("404", "410"))
            self._fault(Reply(code), direction=CLIENT_TO_SERVER, call_id=call.call_id, response=False)

    async def _lie_in_answer(self) -> None:
        """RELAY does it, and says that it failed."""
        call = self._some_call()
        if call is not None:
            self._world.lied_about.add(call.call_id)
            lie = self._chance.choice(
                (Reply("500"), ReplyError(-32603), Omit(["result.code", "result.message"]), Patch({"result.code": 200}))
            )
            self._fault(lie, direction=SERVER_TO_CLIENT, call_id=call.call_id, response=True, times=1)

    async def _garbage(self) -> None:
        if self._chance.random() < 0.5:
            await self._emulator.send_frame(self._chance.choice(_GARBAGE))
        else:
            garbage = SendRaw(self._chance.choice(_GARBAGE), self._chance.choice(_WHEN))
            self._fault(garbage, **self._anything(), times=1)

    # Events.

    async def _odd_event(self) -> None:
        """Events of types, calls and states that nobody has heard of."""
        call = self._some_call()
        call_id = call.call_id if call is not None else "unheard-of"
        kind, params = self._chance.choice(
            (
                ("calling.call.unheard_of", {"call_id": call_id, "x": [1, {"y": None}]}),
                ("unheard.of", {}),
                (wire.CALL_STATE, {"call_id": f"stranger-{self._chance.randint(1, 9)}", "call_state": "ended"}),
                (wire.CALL_STATE, {"call_id": call_id, "call_state": "levitating"}),
                (wire.CALL_STATE, {"call_state": "answered"}),
                (wire.CALL_STREAM, {"call_id": call_id, "control_id": "a-stranger", "state": "finished"}),
                (wire.CALL_STREAM, {"call_id": call_id, "state": 17}),
                (wire.CALL_DIAL, {"tag": f"stranger-{self._chance.randint(1, 9)}", "dial_state": "failed"}),
            )
        )
        await self._emulator.send_event(kind, params)

    async def _stale_event(self) -> None:
        """An old state is told again under a new id."""
        call = self._some_call()
        if call is not None:
            state = self._chance.choice(("created", "ringing", call.state))
            await self._emulator.send_event(wire.CALL_STATE, {**call.wire(), "call_state": state})
            for stream in call.streams.values():
                if stream.state == "finished":
                    params = {"call_id": call.call_id, "control_id": stream.control_id, "state": "finished"}
                    await self._emulator.send_event(wire.CALL_STREAM, params)

    async def _flood(self) -> None:
        for number in range(300):
            await self._emulator.send_event("calling.call.flood", {"number": number})

    async def _renew(self) -> None:
        for session in self._sessions():
            await self._emulator.renew_authorization(session)

    # Connections, sessions and the process.

    async def _cut(self) -> None:
        await self._emulator.cut()

    async def _cut_before_answer(self) -> None:
        """RELAY does not answer until the connection breaks; clients may have left by then."""
        for method in _COMMANDS:
            self._fault(Drop(), direction=SERVER_TO_CLIENT, method=method, response=True)
        await asyncio.sleep(self._chance.uniform(0.3, 1.0))
        await self._emulator.cut()

    async def _close_at_frame(self) -> None:
        when = self._chance.choice(_WHEN)
        code = self._chance.choice((None, None, 1001, 1011, 4000))
        self._fault(CloseSocket(when, code), **self._anything(), times=1)

    async def _half_open(self) -> None:
        """The socket dies silently; it is cut after a while, because to notice it takes the gateway a minute."""
        self._fault(HalfOpen(), **self._anything(), times=1)
        await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        await self._emulator.cut()

    async def _disconnect(self) -> None:
        await self._emulator.disconnect()

    async def _disconnect_restart(self) -> None:
        await self._emulator.disconnect(restart=True)

    async def _forget(self) -> None:
        for session in self._sessions():
            with contextlib.suppress(UnknownSession):
                await self._emulator.forget_session(session)
            await self._emulator.cut(session)

    async def _refuse_sockets(self) -> None:
        self._emulator.refuse_connections(self._chance.choice((429, 500, 503)))
        await self._emulator.cut()
        await asyncio.sleep(self._chance.uniform(0.2, 1.5))
        self._emulator.refuse_connections(None)

    async def _refuse_connect(self) -> None:
        """RELAY refuses to connect once: the credentials, what is to be resumed, or for no good reason."""
        refusal = self._chance.choice(
            (
                ReplyError(wire.AUTHENTICATION_FAILED), ReplyError(wire.REQUESTER_VALIDATION_FAILED),
                ReplyError(-32602), ReplyError(-32000), Reply("-32001", "Permission Denied."),
            )
        )  # fmt: skip
        self._fault(refusal, direction=CLIENT_TO_SERVER, method=wire.CONNECT, times=1)
        await self._emulator.cut()

    async def _too_large(self) -> None:
        await self._emulator.send_frame(_TOO_LARGE)

    async def _kill(self) -> None:
        await self._gateway.kill(self._chance.uniform(0.0, 0.7))

    async def _kill_at_frame(self) -> None:
        """At the very moment of an acknowledgement, a command or an answer: what is half done then is what counts."""
        method, response = self._chance.choice(
            ((wire.EVENT, True), (wire.EVENT, True), (wire.STREAM, False), (None, True))
        )

        def wanted(frame: Frame) -> bool:
            return (
                frame.direction == CLIENT_TO_SERVER and frame.is_response is response and method in {None, frame.method}
            )

        with contextlib.suppress(TimeoutError):
            await self._emulator.frames.wait_for(wanted, _MOMENT_WITHIN, after=self._emulator.frames.last_number)
        await self._gateway.kill(self._chance.uniform(0.0, 0.7))

    async def _hang(self) -> None:
        await self._gateway.hang(self._chance.uniform(0.1, 2.0))

    def _sessions(self) -> list[Session]:
        return [session for session in self._emulator.sessions.values() if session.connected]

    def _some_call(self) -> Call | None:
        alive = [call for call in self._emulator.calls.values() if not call.ended]
        return self._chance.choice(alive) if alive else None

    async def end(self) -> None:
        """No more trouble, and what RELAY was made to say of calls becomes so."""
        self._emulator.faults.clear()
        self._emulator.refuse_connections(None)
        for call_id in self._world.lied_about:
            with contextlib.suppress(UnknownCall):
                await self._emulator.hang_up(call_id)
