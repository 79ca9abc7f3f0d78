"""Commands on their way to RELAY and back: never late, never twice, never silently lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    OutcomeUnknown,
    RelayDisconnected,
    RelayFailed,
    RelayRejected,
)
from gateway.relay import commands
from gateway.relay.commands import Command, Result
from gateway.relay.session import Session, SessionOptions, SessionState
from tests.support.relay_observer import RecordingObserver, fast, reached, running_session
from tests.support.scripted_relay import Peer, ScriptedRelay, scripted_relay

ANSWER = commands.answer(node_id="n", call_id="c")
STOP = commands.stop_stream(node_id="n", call_id="c", control_id="s")


@asynccontextmanager
async def talking(options: SessionOptions | None = None) -> AsyncIterator[tuple[Session, Peer, ScriptedRelay]]:
    """A session that is up, and RELAY's end of it."""
    observer = RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer, options=options) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        yield session, peer, relay


def soon(session: Session, command: Command = ANSWER, **how: Any) -> "asyncio.Task[Result]":
    """A caller that waits for a command."""
    return asyncio.create_task(session.execute(command, send_by=None, **how), name="caller")


async def full(session: Session) -> "list[asyncio.Task[Result]]":
    """Callers whose commands fill the socket of a peer that does not read."""
    handed_over = asyncio.Semaphore(0)
    large = Command("calling.stream", {"name": "x" * (9 * 1024 * 1024)})
    callers = [soon(session, large, on_sent=handed_over.release) for _ in range(4)]
    for _ in callers:
        await handed_over.acquire()
    return callers


class TestOutcomes:
    """What becomes of a command that was sent."""

    async def test_success(self) -> None:
        """RELAY's result comes back, with everything in it."""
        async with talking() as (session, peer, _):
            sent: list[str] = []
            caller = soon(session, on_sent=lambda: sent.append("now"))
            request = await peer.request("calling.answer")
            assert sent == ["now"]
            assert request["params"] == {"node_id": "n", "call_id": "c"}
            assert session.status().pending_requests == 1
            await peer.answer(request, {"code": "200", "message": "Answered", "x": 1})
            assert await caller == Result("200", "Answered", {"code": "200", "message": "Answered", "x": 1})
            assert session.status().pending_requests == 0

    @pytest.mark.parametrize("code", ["404", "409", "410", "422"])
    async def test_refusal(self, code: str) -> None:
        """RELAY's no comes back with its code and message."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            await peer.answer(await peer.request("calling.answer"), {"code": code, "message": "no"})
            with pytest.raises(RelayRejected, match=f"refused calling.answer with {code}: no"):
                await caller

    async def test_json_rpc_error(self) -> None:
        """A JSON-RPC error is a refusal as well."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            await peer.refuse(await peer.request("calling.answer"), -32602, "bad params")
            with pytest.raises(RelayRejected, match="-32602: bad params"):
                await caller

    async def test_session_that_relay_does_not_know(self) -> None:
        """Nothing was done, and nothing will be on this connection: it is opened anew, to resume what there is."""
        async with talking() as (session, peer, relay):
            caller = soon(session)
            await peer.refuse(await peer.request("calling.answer"), -32003, "Requester validation failed")
            with pytest.raises(RelayDisconnected, match="does not know this session any more"):
                await caller
            params = await (await relay.accept()).accept("again")
            assert params["protocol"]

    async def test_failure(self) -> None:
        """A 5xx is RELAY's failure."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            await peer.answer(await peer.request("calling.answer"), {"code": "503", "message": "down"})
            with pytest.raises(RelayFailed, match="503: down"):
                await caller

    async def test_answers_in_any_order(self) -> None:
        """Each caller gets its own."""
        async with talking() as (session, peer, _):
            callers = [soon(session) for _ in range(20)]
            requests = [await peer.request("calling.answer") for _ in callers]
            for number, request in reversed(list(enumerate(requests))):
                await peer.answer(request, {"code": "200", "message": str(number)})
            assert [(await caller).message for caller in callers] == [str(number) for number in range(20)]

    async def test_cut_after_sending(self) -> None:
        """The outcome is unknown, and the command is not sent again by itself."""
        async with talking() as (session, peer, relay):
            callers = [soon(session), soon(session, STOP)]
            await peer.request("calling.answer")
            await peer.request("calling.stream.stop")
            peer.cut()
            for caller in callers:
                with pytest.raises(OutcomeUnknown, match="the connection was lost before RELAY answered"):
                    await caller
            again = await relay.session("p")
            await reached(lambda: session.state is SessionState.CONNECTED)
            later = soon(session)
            assert (await again.read())["method"] == "calling.answer"
            await again.cut_and_forget(later)

    async def test_disconnect_leaves_outcomes_unknown(self) -> None:
        """When RELAY sends the client away, what it has not answered is unknown."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            await peer.request("calling.answer")
            await peer.send({"jsonrpc": "2.0", "id": "d", "method": "signalwire.disconnect"})
            with pytest.raises(OutcomeUnknown):
                await caller

    async def test_answer_that_never_comes(self) -> None:
        """After its time the outcome is unknown, and a late answer is passed over."""
        async with talking(fast(request=0.05)) as (session, peer, _):
            caller = soon(session)
            request = await peer.request("calling.answer")
            with pytest.raises(OutcomeUnknown, match=r"did not answer calling\.answer"):
                await caller
            await peer.answer(request, {"code": "200"})
            later = soon(session)
            await peer.answer(await peer.request("calling.answer"), {"code": "201"})
            assert (await later).code == "201"

    async def test_caller_that_gives_up_after_sending(self) -> None:
        """Its entry goes with it, and the answer is passed over."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            request = await peer.request("calling.answer")
            caller.cancel()
            await asyncio.wait([caller])
            assert caller.cancelled()
            assert session.status().pending_requests == 0
            await peer.answer(request, {"code": "200"})
            later = soon(session)
            await peer.answer(await peer.request("calling.answer"), {"code": "201"})
            assert (await later).code == "201"

    async def test_command_that_cannot_be_sent(self) -> None:
        """What RELAY would close the connection for is refused before it is sent."""
        async with talking() as (session, peer, _):
            sent: list[str] = []
            large = Command("calling.stream", {"name": "x" * (11 * 1024 * 1024)})
            with pytest.raises(InvalidRequest, match=r"calling\.stream is .* bytes"):
                await session.execute(large, send_by=None, on_sent=lambda: sent.append("now"))
            assert sent == []
            caller = soon(session)
            await peer.answer(await peer.request("calling.answer"), {"code": "200"})
            await caller


class TestNeverLate:
    """What is not sent."""

    async def test_no_session(self) -> None:
        """Without a session a command is refused at once, and nothing is kept for later."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.accept()
            with pytest.raises(RelayDisconnected, match="it is being opened"):
                await session.execute(ANSWER, send_by=None)
            await peer.accept("p")
            await observer.until(lambda told: told.ups)
            caller = soon(session, STOP)
            assert (await peer.read())["method"] == "calling.stream.stop"
            await peer.cut_and_forget(caller)

    async def test_time_is_over(self) -> None:
        """A command whose time has passed is not sent."""
        async with talking() as (session, peer, _):
            now = asyncio.get_running_loop().time()
            with pytest.raises(DeadlineExceeded) as error:
                await session.execute(ANSWER, send_by=now)
            assert error.value.sent is False
            caller = soon(session, STOP)
            assert (await peer.read())["method"] == "calling.stream.stop"
            await peer.cut_and_forget(caller)

    async def test_time_runs_out_while_the_socket_is_full(self) -> None:
        """A command that waits behind a peer that does not read is never sent after its time."""
        async with talking() as (session, peer, _):
            peer.stop_reading()
            behind = await full(session)
            loop = asyncio.get_running_loop()
            sent: list[str] = []
            with pytest.raises(DeadlineExceeded) as error:
                await session.execute(ANSWER, send_by=loop.time() + 0.05, on_sent=lambda: sent.append("now"))
            assert error.value.sent is False
            assert sent == []
            peer.cut()
            for caller in behind:
                with pytest.raises(OutcomeUnknown):
                    await caller

    async def test_connection_breaks_before_sending(self) -> None:
        """A command that was still waiting for the socket was not sent, and says so."""
        async with talking() as (session, peer, _):
            peer.stop_reading()
            behind = await full(session)
            sent: list[str] = []
            waiting = soon(session, on_sent=lambda: sent.append("now"))
            await reached(lambda: session.status().pending_requests == len(behind) + 1)
            peer.cut()
            with pytest.raises(RelayDisconnected, match="nothing was sent"):
                await waiting
            assert sent == []
            await asyncio.gather(*behind, return_exceptions=True)

    async def test_caller_gives_up_before_sending(self) -> None:
        """A command whose caller has gone is not sent."""
        async with talking() as (session, peer, _):
            caller = soon(session)
            await asyncio.sleep(0)  # it is on its way, and the writer has not had its turn
            caller.cancel()
            await asyncio.wait([caller])
            later = soon(session, STOP)
            assert (await peer.read())["method"] == "calling.stream.stop"
            await peer.cut_and_forget(later)

    async def test_peer_that_hangs_does_not_hold_up_the_end(self) -> None:
        """When nothing can be written any more, leaving still takes a bounded time."""
        async with talking() as (session, peer, _):
            peer.stop_reading()
            behind = await full(session)
            await session.close()
            for caller in behind:
                with pytest.raises(OutcomeUnknown):
                    await caller


class TestWaiting:
    """Waiting for a session."""

    async def test_until_there_is_one(self) -> None:
        """Whoever waits goes on once the session is there."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.accept()
            loop = asyncio.get_running_loop()
            waiting = [asyncio.create_task(session.wait_connected(loop.time() + 60)) for _ in range(3)]
            waiting[0].cancel()
            await peer.accept("p")
            assert [type(outcome) for outcome in await asyncio.gather(*waiting, return_exceptions=True)] == [
                asyncio.CancelledError,
                type(None),
                type(None),
            ]
            await session.wait_connected(None)

    async def test_not_at_all_or_not_for_long(self) -> None:
        """Without patience, or when it is over, there is no session."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            await relay.accept()
            now = asyncio.get_running_loop().time()
            for until in (None, now, now + 0.02):
                with pytest.raises(RelayDisconnected, match="it is being opened"):
                    await session.wait_connected(until)

    async def test_closing_ends_the_waiting(self) -> None:
        """Nobody waits for a session that will not come."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            async with running_session(relay.endpoint, observer) as session:
                await relay.accept()
                loop = asyncio.get_running_loop()
                waiting = asyncio.create_task(session.wait_connected(loop.time() + 3600))
                await asyncio.sleep(0)
            with pytest.raises(RelayDisconnected):
                await waiting


class TestContexts:
    """Inbound calls of which contexts come here."""

    async def test_change_now_and_later(self) -> None:
        """Contexts are received and unreceived at once, and each later connect names them."""
        async with talking() as (session, peer, relay):
            change = asyncio.create_task(
                session.update_contexts(add=["office", "sales"], remove=["default"], deadline=None)
            )
            added = await peer.request("signalwire.receive")
            assert added["params"] == {"contexts": ["office", "sales"]}
            await peer.answer(added, {"code": "200", "message": "Receiving events"})
            removed = await peer.request("signalwire.unreceive")
            assert removed["params"] == {"contexts": ["default"]}
            await peer.answer(removed, {"code": "200", "message": "Unreceiving events"})
            await change
            assert session.contexts == {"office", "sales"}
            peer.cut()
            assert (await (await relay.accept()).accept("p"))["contexts"] == ["office", "sales"]

    async def test_refused_change_changes_nothing(self) -> None:
        """What RELAY does not take is not remembered."""
        async with talking() as (session, peer, _):
            change = asyncio.create_task(session.update_contexts(add=["x"], remove=["default"], deadline=None))
            await peer.answer(await peer.request("signalwire.receive"), {"code": "422", "message": "no"})
            with pytest.raises(RelayRejected):
                await change
            assert session.contexts == {"default"}

    async def test_no_change_asks_nothing(self) -> None:
        """An empty change does not trouble RELAY."""
        async with talking() as (session, peer, _):
            await session.update_contexts(add=[], remove=[], deadline=None)
            caller = soon(session)
            assert (await peer.read())["method"] == "calling.answer"
            await peer.cut_and_forget(caller)
