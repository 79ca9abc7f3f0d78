"""One fault of RELAY at a time, while a client lives with two calls: every promise holds over each of them.

The chaos run mixes all of these; here each stands alone, so that a failure has a name.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from callstream.v1 import stream_pb2
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
from gateway.emulator.certificates import Certificates, make_certificates
from gateway.emulator.exchange import UnknownCall
from gateway.emulator.faults import Fault
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT
from gateway.relay import wire
from tests.support.judged import REQUEST_TIMEOUT, Judged, judged

COMMANDS = (wire.ANSWER, wire.STREAM, wire.STREAM_STOP, wire.END)
EVENTS = (wire.CALL_RECEIVE, wire.CALL_STATE, wire.CALL_STREAM)
WHEN: Final[tuple[Literal["before", "after"], ...]] = ("before", "after")
AT_A_TIME = 6
"""Runs side by side: most of their time is waiting."""
EVERY_OPTIONAL_FIELD = [
    "params.timestamp", "params.event_channel", "params.project_id", "params.space_id", "params.context",
    "params.params.segment_id", "params.params.url", "params.params.device", "params.params.direction",
]  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For the endpoint of the audio."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def request(method: str) -> dict[str, Any]:
    """Matches the requests of a command."""
    return {"direction": CLIENT_TO_SERVER, "method": method, "response": False}


def answer(method: str) -> dict[str, Any]:
    """Matches RELAY's answers to a command."""
    return {"direction": SERVER_TO_CLIENT, "method": method, "response": True}


def event(event_type: str | None = None) -> dict[str, Any]:
    """Matches RELAY's events."""
    return {"direction": SERVER_TO_CLIENT, "method": wire.EVENT, "event_type": event_type}


def ack(event_type: str | None = None) -> dict[str, Any]:
    """Matches acknowledgements."""
    return {"direction": CLIENT_TO_SERVER, "method": wire.EVENT, "event_type": event_type, "response": True}


def once(action: Action, match: dict[str, Any], **more: Any) -> Fault:
    """A fault that strikes once."""
    return Fault(action, **{"times": 1, **match, **more})


CUTS = {
    **{
        f"{when} {name} {method}": once(CloseSocket(when), match(method))
        for method in COMMANDS
        for name, match in (("the request", request), ("the answer to", answer))
        for when in WHEN
    },
    **{
        f"{when} {name} {kind}": once(CloseSocket(when), match(kind))
        for kind in EVENTS
        for name, match in (("the event", event), ("the ack of", ack))
        for when in WHEN
    },
    **{f"closed with {code}": once(CloseSocket("after", code), request(wire.STREAM)) for code in (1000, 1011, 4000)},
    "half open at a request": once(HalfOpen(), request(wire.STREAM)),
    "half open at an event": once(HalfOpen(), event(wire.CALL_STREAM)),
}
"""The connection ends at every point of a request and of an event."""

EVENT_FAULTS = {
    **{f"before the answer to {method}": once(Reorder(), answer(method)) for method in COMMANDS},
    **{f"{kind} after what follows it": Fault(Reorder(), **event(kind)) for kind in EVENTS},
    **{f"{kind} late": Fault(Delay(0.3), **event(kind)) for kind in EVENTS},
    "all four times": Fault(Duplicate(3), **event()),
    "half of them lost at first": Fault(Drop(), probability=0.5, **event()),
    "half of the acks lost": Fault(Drop(), probability=0.5, **ack()),
    "without what may be missing": Fault(Omit(EVERY_OPTIONAL_FIELD), **event()),
    "with times that are none": Fault(Patch({"params.timestamp": "yesterday"}), **event()),
    "with unknown fields": Fault(Patch({"params.params.new": {"a": [1]}, "params.new": 1}), **event()),
}
"""Events come in other orders, more than once, late, and with less or more in them."""

ANSWERS = {
    **{f"none to {method}": once(Drop(), answer(method)) for method in COMMANDS},
    **{f"too late to {method}": once(Delay(1.3), answer(method)) for method in COMMANDS},
    **{f"three to {method}": once(Duplicate(2), answer(method)) for method in COMMANDS},
    **{
        f"{code} to {method}": once(Reply(code), request(method))
        for method in COMMANDS
        for code in ("400", "409", "422", "500", "what?")
    },
    **{
        f"no such session to {method}": once(ReplyError(wire.REQUESTER_VALIDATION_FAILED), request(method))
        for method in COMMANDS
    },
    **{f"-32602 to {method}": once(ReplyError(-32602), request(method)) for method in COMMANDS},
    **{
        f"yes with code {code!r}": once(Patch({"result.code": code}), answer(wire.STREAM))
        for code in (200, "201", "", None)
    },
    "yes without a code": once(Omit(["result.code", "result.message"]), answer(wire.STREAM)),
    "none to a start that was lost": once(Drop(), request(wire.STREAM)),
    "none to a stop that was lost": once(Drop(), request(wire.STREAM_STOP)),
}
"""Answers do not come, come late, come again, or say something else."""

GARBAGE = {
    name: once(SendRaw(text), answer(wire.STREAM))
    for name, text in {
        "half a frame": "{",
        "nothing": "",
        "a list": "[1,2]",
        "deep": "[" * 20_000,
        "no method": '{"jsonrpc":"2.0","id":"x"}',
        "an event of nothing": '{"jsonrpc":"2.0","id":"n","method":"signalwire.event","params":{}}',
        "an odd id": '{"jsonrpc":"2.0","id":[1],"method":"signalwire.event","params":{"event_type":"x","params":{}}}',
        "too large": '{"x":"' + "x" * (wire.MAX_FRAME_BYTES + 1) + '"}',
    }.items()
} | {
    name: once(SendRaw(text, binary=True), answer(wire.STREAM))
    for name, text in {
        "binary": "\x00\x01\x02",
        "a ping in binary": '{"jsonrpc":"2.0","id":"binary","method":"signalwire.ping","params":{}}',
    }.items()
}
"""RELAY sends what is no frame."""


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(CUTS, id="the connection ends"),
        pytest.param(EVENT_FAULTS, id="events"),
        pytest.param(ANSWERS, id="answers"),
        pytest.param(GARBAGE, id="garbage"),
    ],
)
async def test_all_promises_hold_over_each_fault(
    tmp_path: Path, certificates: Certificates, faults: Mapping[str, Fault]
) -> None:
    """Whatever becomes of the calls, every validator is content in the end; and every fault has struck."""
    room = asyncio.Semaphore(AT_A_TIME)

    async def outcome(number: int, fault: Fault) -> object:
        async with room:
            try:
                async with judged(tmp_path / f"{number}", certificates) as run:
                    name = run.emulator.faults.add(fault)
                    await run.live()
                    struck = run.emulator.faults.struck(name)
            except Exception as error:  # noqa: BLE001 - which of the faults it was is what counts
                return error
            return run.broken or (None if struck else "it did not strike")

    outcomes = await asyncio.gather(*(outcome(number, fault) for number, fault in enumerate(faults.values())))
    assert {name: wrong for name, wrong in zip(faults, outcomes, strict=True) if wrong is not None} == {}


Trouble = Callable[[Judged], Awaitable[None]]


async def stale(run: Judged) -> None:
    """The session is forgotten while its connection is lost."""
    (session,) = run.emulator.sessions.values()
    await run.emulator.forget_session(session)
    await run.emulator.cut(session)


async def refused_resume(run: Judged) -> None:
    """RELAY will not resume a session that it has."""
    await refused_once(run, ReplyError(wire.REQUESTER_VALIDATION_FAILED))


async def refused_credentials(run: Judged) -> None:
    """RELAY does not take good credentials, once."""
    await refused_once(run, ReplyError(wire.AUTHENTICATION_FAILED))


async def refused_inside(run: Judged) -> None:
    """RELAY refuses in a result."""
    await refused_once(run, Reply("-32001", "Permission Denied."))


async def refused_once(run: Judged, refusal: Action) -> None:
    """The next connect is refused, and then there is one."""
    run.emulator.faults.add(once(refusal, {"direction": CLIENT_TO_SERVER, "method": wire.CONNECT}))
    await run.emulator.cut()


async def silent_connect(run: Judged) -> None:
    """RELAY does not answer connect, once."""
    run.emulator.faults.add(once(Drop(), {"direction": SERVER_TO_CLIENT, "method": wire.CONNECT}))
    await run.emulator.cut()


async def asked_to_leave(run: Judged) -> None:
    """RELAY asks the gateway to connect again."""
    await run.emulator.disconnect()


async def asked_to_begin_anew(run: Judged) -> None:
    """RELAY asks the gateway to connect again, without its session."""
    await run.emulator.disconnect(restart=True)


async def away(run: Judged) -> None:
    """RELAY takes no connections for a while."""
    run.emulator.refuse_connections(503)
    await run.emulator.cut()
    await asyncio.sleep(0.2)
    run.emulator.refuse_connections(None)


async def renewed(run: Judged) -> None:
    """RELAY tells a new authorization state, and then the connection breaks."""
    (session,) = run.emulator.sessions.values()
    await run.emulator.renew_authorization(session)
    await run.emulator.cut()


async def flood_of_events(run: Judged) -> None:
    """Thousands of events that mean nothing."""
    for number in range(3000):
        await run.emulator.send_event("calling.call.flood", {"number": number})


async def flood_of_pings(run: Judged) -> None:
    """Thousands of pings."""
    for number in range(3000):
        await run.emulator.send_frame({"jsonrpc": "2.0", "id": f"p{number}", "method": wire.PING, "params": {}})


async def odd_events(run: Judged) -> None:
    """Events of types, calls, streams and states that nobody has heard of, and with ids missing or of a wrong type."""
    for kind, params in (
        ("calling.call.unheard_of", {"call_id": "stranger"}),
        ("", {}),
        (wire.CALL_STATE, {"call_id": "stranger", "call_state": "ended"}),
        (wire.CALL_STATE, {"call_id": "stranger", "call_state": "answered"}),
        (wire.CALL_STATE, {"call_id": "levitating", "call_state": "levitating"}),
        (wire.CALL_STATE, {"call_state": "answered"}),
        (wire.CALL_STATE, {"call_id": 5, "call_state": ["ended"]}),
        (wire.CALL_STREAM, {"call_id": "unheard-of", "control_id": "x", "state": "finished"}),
        (wire.CALL_STREAM, {"call_id": "stranger", "control_id": "y", "state": "finished"}),
        (wire.CALL_STREAM, {"call_id": "stranger", "state": "finished"}),
        (wire.CALL_DIAL, {"tag": "stranger", "dial_state": "answered", "call": {"call_id": "won", "node_id": "n"}}),
        (wire.CALL_DIAL, {"dial_state": "failed"}),
        (wire.CALL_RECEIVE, {"call_id": "received-late", "call_state": "ended"}),
    ):
        await run.emulator.send_event(kind, params)


async def old_news(run: Judged) -> None:
    """RELAY tells once more, under other ids, what has been."""
    for call in list(run.emulator.calls.values()):
        for state in ("created", "ringing", "answered"):
            await run.emulator.send_event(wire.CALL_STATE, {**call.wire(), "call_state": state})
        for stream in call.streams.values():
            for state in ("streaming", "finished") if stream.state == "finished" else ("streaming",):
                ids = {"call_id": call.call_id, "control_id": stream.control_id, "node_id": call.node_id}
                await run.emulator.send_event(wire.CALL_STREAM, {**ids, "state": state})


async def ended_by_relay(run: Judged) -> None:
    """RELAY ends every stream by itself."""
    for stream in list(run.emulator.streams.values()):
        if stream.active:
            await run.emulator.drop_stream(stream.call_id, stream.control_id)


TROUBLE: list[Trouble] = [
    stale, refused_resume, refused_credentials, refused_inside, silent_connect, asked_to_leave, asked_to_begin_anew,
    away, renewed, flood_of_events, flood_of_pings, odd_events, old_news, ended_by_relay,
]  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "fresh"),
    [
        *(pytest.param(trouble, False, id=trouble.__name__) for trouble in TROUBLE),
        *(pytest.param(trouble, True, id=f"{trouble.__name__}, and a fresh session") for trouble in (stale, away)),
    ],
)
async def test_all_promises_hold_over_trouble(
    tmp_path: Path, certificates: Certificates, trouble: Trouble, fresh: bool
) -> None:
    """With a stream that runs, one that is over, and one that is started meanwhile; RELAY may tell what is restored."""
    options: dict[str, Any] = {"stale_resume": "fresh" if fresh else "refuse", "tell_session_restored": not fresh}
    async with judged(tmp_path / "data", certificates, **options) as run:
        call = await run.call()
        await run.start(call, "over")
        await run.stop(call, "over")
        await run.start(call, "running")
        starting = asyncio.create_task(run.start(call, "meanwhile"), name="start meanwhile")
        await trouble(run)
        await starting
        await run.live()
    assert run.broken == {}


@pytest.mark.parametrize("told", ["before", "after", "late", "omitted"])
@pytest.mark.parametrize("ended", ["by the client", "by the far end"])
async def test_all_promises_hold_however_relay_tells_the_end(
    tmp_path: Path, certificates: Certificates, told: str, ended: str
) -> None:
    """`finished` comes before `ended`, after it, late, or not at all; a stream that starts meanwhile ends as well."""
    async with judged(tmp_path / "data", certificates, finished_at_call_end=told) as run:
        call = await run.call()
        await run.start(call, "running")
        starting = asyncio.create_task(run.start(call, "meanwhile"), name="start meanwhile")
        if ended == "by the client":
            await run.end(call)
        else:
            with contextlib.suppress(UnknownCall):
                await run.emulator.hang_up(call.call_id)
        await starting
    assert run.broken == {}


@pytest.mark.parametrize("told", ["silence", "finished"])
async def test_all_promises_hold_though_the_endpoint_cannot_be_reached(
    tmp_path: Path, certificates: Certificates, told: str
) -> None:
    """RELAY says nothing, or `finished` without `streaming`; the stream fails, and can be started again."""
    async with judged(tmp_path / "data", certificates, on_unreachable=told) as run:
        call = await run.call()
        failed = await run.start(call, "s", url="wss://127.0.0.1:1/")
        assert failed is not None
        assert failed.stream.state == stream_pb2.STREAM_STATE_FAILED
        started = await run.start(call, "s")
        assert started is not None
        assert started.stream.state == stream_pb2.STREAM_STATE_STREAMING
    assert run.broken == {}


async def test_all_promises_hold_for_a_client_that_does_not_wait(tmp_path: Path, certificates: Certificates) -> None:
    """RELAY swallows the start, and the client leaves: RELAY is not asked again for nobody."""
    async with judged(tmp_path / "data", certificates, start_timeout=2.0) as run:
        call = await run.call()
        name = run.emulator.faults.add(once(Drop(), request(wire.STREAM)))
        await run.start_and_leave(call, "s", after=0.1)
        await run.start(call, "another")  # RELAY's time to answer the first one passes meanwhile
        await asyncio.sleep(REQUEST_TIMEOUT)
        assert run.emulator.faults.struck(name) == 1
    assert run.broken == {}
