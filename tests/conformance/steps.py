"""The verbs of scenarios: what each step does, and how it fails.

A step is an object whose first member is the verb with its main value; the others are parameters. README.md lists them.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.emulator.faults import Fault
from gateway.emulator.frames import Frame
from gateway.emulator.options import Answer, Busy, DeviceBehaviour, NoAnswer
from gateway.emulator.views import frame as frame_view
from gateway.service.cursor import Cursor, decode_cursor, encode_cursor
from tests.conformance.answers import described, events_of, with_details
from tests.conformance.driver import Driver, Exchange
from tests.conformance.languages import ROOT, environment
from tests.conformance.matching import differences, matches
from tests.conformance.scenarios import Scenario, substituted, value_at
from tests.conformance.world import World

__all__ = ["Failed", "play"]

_WITHIN: Final = 20.0
"""Seconds that a step may take unless it says otherwise."""
_SETTLES_WITHIN: Final = 5.0
_ASKS_EVERY: Final = 0.1
_BEHAVIOURS: Final[Mapping[str, DeviceBehaviour]] = {"answer": Answer(0.05), "busy": Busy(), "no_answer": NoAnswer(0.1)}


class Failed(Exception):
    """A step went otherwise than the scenario expects."""


async def play(scenario: Scenario, world: World, driver: Driver) -> None:
    """Plays a scenario to its end.

    Raises:
        Failed: Names the step, and what was different.
    """
    run = _Run(world, driver)
    try:
        for number, step in enumerate(scenario.steps, 1):
            verb = next(iter(step))
            try:
                await run.step(verb, step)
            except TimeoutError as error:
                raise Failed(f"step {number} ({verb}): {run.seen()}it did not come in time") from error
            except (AssertionError, LookupError, EOFError, ValueError, TypeError) as error:
                raise Failed(f"step {number} ({verb}): {error}") from error
            except Exception as error:
                raise Failed(f"step {number} ({verb}): {error!r}") from error
    finally:
        await run.clean_up()


def _expect(expected: Any, actual: Any) -> None:
    found = differences(expected, actual)
    if found:
        raise AssertionError("; ".join(found[:5]))


class _Run:
    """The state of one scenario."""

    def __init__(self, world: World, driver: Driver) -> None:
        self._world = world
        self._driver = driver
        self._variables: dict[str, Any] = {"sink": world.sink.url}
        self._exchanges: dict[str, Exchange] = {}
        self._places: dict[str, int] = {}
        self._pending_events: dict[str, list[dict[str, Any]]] = {}
        self._faults: dict[str, str] = {}
        self._first_frame = world.emulator.frames.last_number
        self._first_stream = len(world.sink.streams)
        self._waiting_on = ""
        self._example_process: asyncio.subprocess.Process | None = None
        self._verbs: Mapping[str, Callable[..., Awaitable[None]]] = {
            "place_call": self._place_call,
            "place_calls": self._place_calls,
            "hang_up": self._hang_up,
            "drop_stream": self._drop_stream,
            "devices": self._devices,
            "send_events": self._send_events,
            "fault": self._fault,
            "lift_faults": self._lift_faults,
            "held": self._held,
            "relay": self._relay,
            "gateway": self._gateway,
            "tokens": self._tokens,
            "disk": self._disk,
            "connections": self._connections,
            "unary": self._unary,
            "await": self._await,
            "watch": self._watch,
            "message": self._message,
            "event": self._event,
            "end": self._end,
            "history": self._history,
            "cursor_ahead": self._cursor_ahead,
            "cancel": self._cancel,
            "raw": self._raw,
            "exit": self._exit,
            "example": self._example,
            "example_ends": self._example_ends,
            "frame": self._frame,
            "audio": self._audio,
        }

    async def step(self, verb: str, step: Mapping[str, Any]) -> None:
        """Carries out one step."""
        parameters = substituted({name: value for name, value in step.items() if name != verb}, self._variables)
        carry_out = self._verbs[verb]
        self._waiting_on = ""
        async with asyncio.timeout(parameters.pop("within", _WITHIN)):
            await carry_out(substituted(step[verb], self._variables), **parameters)

    def seen(self) -> str:
        """What came in place of what was waited for."""
        exchange = self._exchanges.get(self._waiting_on)
        if exchange is None:
            return ""
        return f"after {exchange.messages[-3:]!r:.600} ({len(exchange.messages)} in all) "

    async def clean_up(self) -> None:
        """Leaves nothing of the scenario to the next one."""
        emulator = self._world.emulator
        emulator.faults.clear()
        if self._example_process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, with all that it began
                os.killpg(self._example_process.pid, signal.SIGKILL)
            await self._example_process.wait()
        for call in [call for call in emulator.calls.values() if call.state != "ended"]:
            with contextlib.suppress(LookupError):  # it has ended meanwhile
                await emulator.hang_up(call.call_id)
        for exchange in self._exchanges.values():
            if exchange.result is None and not exchange.failure:
                await self._driver.send("cancel", target=exchange.number)
        try:
            async with asyncio.timeout(_SETTLES_WITHIN):
                for exchange in self._exchanges.values():
                    if not exchange.failure:
                        await exchange.end()
        except Exception:  # noqa: BLE001 - the scenario's own failure says more
            self._driver.failure = self._driver.failure or "commands did not end when cancelled"

    def _save(self, save: Mapping[str, str] | None, value: Any) -> None:
        for name, path in (save or {}).items():
            self._variables[name] = value_at(value, path)

    # What the other side does.

    async def _place_call(self, variable: str, **call: Any) -> None:
        placed = await self._world.emulator.place_call(timeout=_WITHIN, **call)
        frames, start = self._world.emulator.frames, self._first_frame
        sent = await frames.wait_for(
            lambda frame: (
                frame.direction == "server_to_client"
                and frame.event_type == "calling.call.receive"
                and frame.params.get("call_id") == placed.call_id
            ),
            _WITHIN,
            start,
        )
        number = sent.json["id"]
        # It is acknowledged once it is durable, and clients see it.
        await frames.wait_for(lambda frame: frame.is_response and frame.json.get("id") == number, _WITHIN, start)
        self._variables[variable] = placed.call_id

    async def _place_calls(self, count: int) -> None:
        """Many calls, of which nothing is remembered."""
        for _ in range(count - 1):
            await self._world.emulator.place_call(timeout=_WITHIN)
        await self._place_call("")

    async def _hang_up(self, call_id: str, reason: str = "hangup") -> None:
        await self._world.emulator.hang_up(call_id, reason)

    async def _drop_stream(self, control_id: str, call_id: str) -> None:
        await self._world.emulator.drop_stream(call_id, control_id)

    async def _devices(self, behaviours: Mapping[str, str]) -> None:
        for number, behaviour in behaviours.items():
            self._world.emulator.devices[number] = _BEHAVIOURS[behaviour]

    async def _send_events(self, count: int, event_type: str, params: Mapping[str, Any], padding: int = 0) -> None:
        extra = {"padding": "x" * padding} if padding else {}
        for number in range(count):
            await self._world.emulator.send_event(event_type, {**params, **extra, "number": number})

    async def _fault(self, action: Mapping[str, Any], name: str = "", **matching: Any) -> None:
        fault = msgspec.convert({"action": action, **matching}, Fault)
        self._faults[name] = self._world.emulator.faults.add(fault)

    async def _lift_faults(self, _: Any) -> None:
        self._world.emulator.faults.clear()

    async def _held(self, count: int) -> None:
        while self._world.emulator.faults.held < count:  # noqa: ASYNC110 - the emulator tells nobody
            await asyncio.sleep(0.005)

    async def _relay(self, what: str) -> None:
        emulator = self._world.emulator
        match what:
            case "cut":
                await emulator.cut()
            case "restart":
                await emulator.disconnect(restart=True)
            case "forget":
                for session in tuple(emulator.sessions.values()):
                    await emulator.forget_session(session)
                    await emulator.cut(session)
            case "refuse":
                emulator.refuse_connections(503)
                await emulator.cut()
            case "accept":
                emulator.refuse_connections(None)
            case _:
                raise ValueError(f"relay: {what}?")

    # Gateway and network.

    async def _gateway(self, what: str, **settings: str) -> None:
        match what:
            case "kill":
                await self._world.kill_gateway()
            case "drain":
                await self._world.drain_gateway()
            case "leave":
                self._world.ask_gateway_to_leave()
            case "start":
                await self._world.start_gateway(**settings)
            case _:
                raise ValueError(f"gateway: {what}?")

    async def _disk(self, what: str) -> None:
        if what not in {"full", "free"}:
            raise ValueError(f"disk: {what}?")
        self._world.set_disk_full(what == "full")

    async def _connections(self, what: str) -> None:
        match what:
            case "cut in snapshot":
                before, size = await self._world.size_of_snapshot()
                self._world.proxy.cut_after(before + size // 2)
            case "freeze":
                self._world.proxy.freeze()
            case "cut":
                self._world.proxy.cut()
            case _:
                raise ValueError(f"connections: {what}?")

    async def _tokens(self, tokens: Mapping[str, Mapping[str, Any]]) -> None:
        self._world.protection.write_tokens(tokens)

    # The driver.

    async def _unary(
        self,
        method: str,
        request: Mapping[str, Any] | None = None,
        *,
        timeout_ms: int | None = 10_000,
        expect: Mapping[str, Any] | None = None,
        save: Mapping[str, str] | None = None,
        background: str = "",
        eventually: bool = False,
    ) -> None:
        """Calls a method; with `eventually` again and again until it answers as expected."""
        command: dict[str, Any] = {"method": f"callstream.v1.{method}", "request": request or {}}
        if timeout_ms is not None:
            command["timeout_ms"] = timeout_ms
        while True:
            name = background or f"unary {len(self._exchanges)}"
            self._exchanges[name] = await self._driver.send("unary", **command)
            if background:
                return
            try:
                await self._await(name, expect=expect, save=save)
            except AssertionError:
                if not eventually:
                    raise
                await asyncio.sleep(_ASKS_EVERY)
            else:
                return

    async def _await(
        self, name: str, expect: Mapping[str, Any] | None = None, save: Mapping[str, str] | None = None
    ) -> None:
        result = await self._exchanges[name].end()
        _expect(described(expect or {"code": "OK"}), with_details(result))
        self._save(save, result)

    async def _watch(
        self,
        name: str,
        request: Mapping[str, Any] | None = None,
        *,
        resume: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        extra = {"options": options or {"backoff_initial_ms": 50, "backoff_max_ms": 500}} if resume else {}
        exchange = await self._driver.send("watch", request=request or {}, resume=resume, **extra)
        self._exchanges[name] = exchange
        self._places[name] = 0
        self._pending_events[name] = []

    async def _message(self, name: str, match: Mapping[str, Any], save: Mapping[str, str] | None = None) -> None:
        """The next message of a watch that matches; those before it are passed over."""
        while True:
            message = await self._next(name)
            if matches(match, message):
                self._save(save, message)
                return

    async def _event(self, name: str, match: Mapping[str, Any], save: Mapping[str, str] | None = None) -> None:
        """The next event of a watch that matches; those before it are passed over."""
        pending = self._pending_events[name]
        while True:
            while pending:
                event = pending.pop(0)
                if matches(match, event):
                    self._save(save, event)
                    return
            pending += events_of(await self._next(name))

    async def _next(self, name: str) -> dict[str, Any]:
        self._waiting_on = name
        message = await self._exchanges[name].message(self._places[name])
        self._places[name] += 1
        return message

    async def _end(self, name: str, expect: Mapping[str, Any] | None = None) -> None:
        self._waiting_on = name
        result = await self._exchanges[name].end()
        _expect({"done": True, **described(expect or {"code": "OK"})}, with_details(result))

    async def _history(
        self,
        name: str,
        *,
        types: list[str] | None = None,
        numbers: int | None = None,
        count: int | None = None,
        cursors_move: bool = False,
    ) -> None:
        """All that a watch has said so far. Sequences must rise, always."""
        messages = self._exchanges[name].messages
        events = [event for message in messages for event in events_of(message)]
        sequences = [int(event["sequence"]) for event in events]
        assert sequences == sorted(set(sequences)), f"sequences do not rise: {sequences!r:.400}"
        if types is not None:
            _expect([f"EVENT_TYPE_{kind}" for kind in types], [event["type"] for event in events])
        if numbers is not None:
            told = [msgspec.json.decode(event["relayParamsJson"]).get("number") for event in events]
            assert told == list(range(numbers)), f"{len(told)} events, not {numbers}, or in another order"
        if count is not None:
            assert len(events) == count, f"{len(events)} events, not {count}"
        if cursors_move:
            cursors = [message["cursor"] for message in messages if events_of(message)]
            assert len(set(cursors)) == len(cursors), f"cursors come twice: {cursors!r:.400}"

    async def _cursor_ahead(self, variable: str, of: str) -> None:
        """A cursor of the same journal, far beyond its newest event."""
        self._variables[variable] = encode_cursor(Cursor(decode_cursor(of).epoch, 1_000_000_000))

    async def _cancel(self, name: str) -> None:
        answer = await (await self._driver.send("cancel", target=self._exchanges[name].number)).end()
        _expect({"code": "OK"}, answer)

    async def _raw(self, op: str, expect: Mapping[str, Any]) -> None:
        _expect(expect, await (await self._driver.send(op)).end())

    async def _exit(self, code: int) -> None:
        left_with = await self._driver.exit()
        assert left_with == code, f"the driver left with {left_with}"

    # The example.

    async def _example(self, url: str) -> None:
        script = self._driver.language.example
        assert script is not None
        self._example_process = await asyncio.create_subprocess_exec(
            script, url, cwd=ROOT, env={**environment(), "CALLSTREAM_TARGET": self._world.proxy.address},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    async def _example_ends(self, code: int, says: list[str]) -> None:
        """The example ends by itself, and has said these words in this order."""
        assert self._example_process is not None
        output, _ = await self._example_process.communicate()
        said = output.decode(errors="replace")
        assert self._example_process.returncode == code, f"it ended with {self._example_process.returncode}: {said}"
        at = 0
        for word in says:
            at = said.find(word, at)
            assert at >= 0, f"it did not say {word} in its turn: {said}"

    # What was seen on the other side.

    async def _frame(
        self,
        method: str,
        *,
        match: Mapping[str, Any] | None = None,
        direction: str = "client_to_server",
        count: int | None = None,
        save: Mapping[str, str] | None = None,
    ) -> None:
        """A frame on RELAY's wire since the scenario began: waited for, or with `count` how many there were."""

        def fits(frame: Frame) -> bool:
            return (
                frame.number > self._first_frame
                and frame.method == method
                and frame.direction == direction
                and not frame.is_response
                and matches(match or {}, frame.params)
            )

        if count is not None:
            found = sum(map(fits, self._world.emulator.frames))
            assert found == count, f"{found} frames {method}, not {count}"
            return
        try:
            frame = await self._world.emulator.frames.wait_for(fits, _SETTLES_WITHIN)
        except TimeoutError as error:
            others = [frame.params for frame in self._world.emulator.frames if frame.method == method][-3:]
            raise AssertionError(f"no frame {method} like that; the last are {others!r:.800}") from error
        self._save(save, frame_view(frame))

    async def _audio(
        self,
        path: str,
        *,
        match: Mapping[str, Any] | None = None,
        milliseconds: float = 0,
        track: str = "inbound",
        stopped: bool = False,
    ) -> None:
        """The stream that reached the audio endpoint under a path since the scenario began."""
        number = self._first_stream + 1
        while (received := await self._world.sink.wait_stream(number, _WITHIN)).path != path:
            number += 1
        if milliseconds:
            await received.wait_audio(milliseconds, track, _WITHIN)
        if stopped:
            await received.wait_stopped(_WITHIN)
        _expect(match or {}, {"authorization": received.authorization, "start": received.start})
        assert received.problems == [], received.problems
