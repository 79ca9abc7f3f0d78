"""The end of a connection, whoever wants it: bounded in time, and honest about commands and cancellations."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from gateway.domain.errors import DeadlineExceeded, OutcomeUnknown, RelayDisconnected
from gateway.relay import commands, connection, conversation
from gateway.relay.commands import Command, Result
from gateway.relay.endpoint import Endpoint
from gateway.relay.session import Session, SessionState
from tests.support.relay_observer import RecordingObserver, reached, running_session
from tests.support.scripted_relay import Peer, ScriptedRelay, scripted_relay

STOP = commands.stop_stream(node_id="n", call_id="c", control_id="s")
LARGE = Command("calling.stream", {"name": "x" * (9 * 1024 * 1024)})


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedRelay]:
    """A server of the test's own."""
    async with scripted_relay() as relay:
        yield relay


async def hanging(relay: ScriptedRelay, session: Session) -> "tuple[Peer, asyncio.Task[Any]]":
    """RELAY's end of a connection on which nothing can be written any more, and whose commands those are."""
    peer = await relay.session("p")
    await reached(lambda: session.state is SessionState.CONNECTED)
    peer.stop_reading()
    behind = asyncio.gather(*(session.execute(LARGE, send_by=None) for _ in range(4)), return_exceptions=True)
    await reached(lambda: session.status().pending_requests == 4)
    waiting = asyncio.create_task(session.execute(STOP, send_by=None))
    await reached(lambda: session.status().pending_requests == 5)
    waiting.cancel()
    await asyncio.wait([waiting])
    return peer, asyncio.ensure_future(behind)


def ask_to_go(**params: Any) -> dict[str, Any]:
    """`signalwire.disconnect`."""
    return {"jsonrpc": "2.0", "id": "d", "method": "signalwire.disconnect", "params": params}


class TestPeerThatHangs:
    """RELAY's end is open and reads nothing."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "_CLOSE_WITHIN", 0.05)
        monkeypatch.setattr(conversation, "_PART_WITHIN", 0.05)

    async def test_closing_is_bounded_though_acks_are_due(self) -> None:
        """What RELAY is owed can't be written, and the session ends all the same; commands are unknown."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            async with running_session(relay.endpoint, observer) as session:
                peer, behind = await hanging(relay, session)
                await peer.event("calling.call.state", {"call_id": "c"})
                await observer.until(lambda told: told.events)
                session.acknowledge(observer.events)
            assert session.state is SessionState.CLOSED
            assert {type(outcome) for outcome in await behind} == {OutcomeUnknown}

    async def test_being_sent_away_is_bounded(self) -> None:
        """A server that asks the client to go and doesn't read its answer is left, and the next session comes."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer, behind = await hanging(relay, session)
            await peer.send(ask_to_go())
            await relay.session("p")
            await observer.until(lambda told: len(told.ups) == 2)
            assert {type(outcome) for outcome in await behind} == {OutcomeUnknown}

    async def test_commands_that_nobody_waits_for_are_not_kept(self) -> None:
        """Expired and cancelled commands leave the queue before the socket takes anything again."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer, behind = await hanging(relay, session)
            assert session.status().pending_requests == 4
            soon = asyncio.get_running_loop().time() + 0.01
            with pytest.raises(DeadlineExceeded):
                await session.execute(STOP, send_by=soon)
            assert session.status().pending_requests == 4
            peer.cut()
            await behind

    async def test_commands_wait_for_the_next_session_while_this_one_ends(self) -> None:
        """From the moment a connection takes no commands any more the session is waiting, not connected."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer, behind = await hanging(relay, session)
            await peer.send(ask_to_go())
            await reached(lambda: session.state is SessionState.WAITING)
            assert session.status().state is SessionState.WAITING
            with pytest.raises(RelayDisconnected):
                await session.execute(STOP, send_by=None)
            loop = asyncio.get_running_loop()

            async def patient() -> Result:
                await session.wait_connected(loop.time() + 60)
                return await session.execute(STOP, send_by=None)

            caller = asyncio.create_task(patient())
            again = await relay.session("p")
            await again.answer(await again.request("calling.stream.stop"), {"code": "200"})
            assert (await caller).code == "200"
            await behind


async def test_a_write_that_fails_takes_no_more_commands() -> None:
    """While events that came before the end are still being taken in, commands are refused as not sent."""
    observer = RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        observer.gate.clear()
        await peer.event("calling.call.state", {"call_id": "c"})
        await observer.until(lambda told: told.events)
        await peer.close()
        lost = asyncio.create_task(session.execute(STOP, send_by=None))
        await reached(lambda: session.state is SessionState.WAITING)
        with pytest.raises(RelayDisconnected, match="there is no RELAY session now"):
            await session.execute(STOP, send_by=None)
        observer.gate.set()
        with pytest.raises(OutcomeUnknown):
            await lost


async def test_a_command_in_the_turn_of_the_end_is_refused() -> None:
    """An order that comes after the connection stopped taking commands ends at once, as not sent."""
    observer = RecordingObserver()
    async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        caller = asyncio.create_task(session.execute(STOP, send_by=None))
        await session.close()
        with pytest.raises(RelayDisconnected):
            await caller
        assert await peer.closed() == 1000


class TestAnswersBehindEvents:
    """An answer came together with events, and the observer takes its time over those."""

    async def held_up(
        self, relay: ScriptedRelay, session: Session, observer: RecordingObserver
    ) -> "asyncio.Task[Result]":
        """A caller whose answer has come behind an event that is still being taken in."""
        peer = await relay.session("p")
        await observer.until(lambda told: told.ups)
        observer.gate.clear()
        caller = asyncio.create_task(session.execute(STOP, send_by=None))
        request = await peer.request("calling.stream.stop")
        event = {"event_type": "calling.call.state", "params": {"call_id": "c"}}
        await peer.send_many(
            [
                msgspec.json.encode({"jsonrpc": "2.0", "id": "e", "method": "signalwire.event", "params": event}),
                msgspec.json.encode({"jsonrpc": "2.0", "id": request["id"], "result": {"code": "200"}}),
            ]
        )
        await observer.until(lambda told: told.events)
        return caller

    async def test_answer_is_told_though_the_connection_ends(self) -> None:
        """The caller gets what RELAY said rather than waiting for ever."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            caller = await self.held_up(relay, session, observer)
            await session.close()
            async with asyncio.timeout(5):
                assert (await caller).code == "200"

    async def test_answer_is_passed_over_when_its_caller_has_gone(self) -> None:
        """Nobody is told, and the connection goes on."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            caller = await self.held_up(relay, session, observer)
            caller.cancel()
            await asyncio.wait([caller])
            observer.gate.set()
            assert session.state is SessionState.CONNECTED
            assert session.status().pending_requests == 0


async def test_answer_may_come_after_the_time_to_send(scripted: ScriptedRelay) -> None:
    """`send_by` bounds when a command is sent, not when RELAY answers."""
    observer = RecordingObserver()
    async with running_session(scripted.endpoint, observer) as session:
        peer = await scripted.session("p")
        await observer.until(lambda told: told.ups)
        loop = asyncio.get_running_loop()
        send_by = loop.time() + 0.05
        caller = asyncio.create_task(session.execute(STOP, send_by=send_by))
        request = await peer.request("calling.stream.stop")
        await reached(lambda: loop.time() > send_by)
        await peer.answer(request, {"code": "200"})
        assert (await caller).code == "200"


async def test_closing_in_the_moment_the_socket_opens(scripted: ScriptedRelay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that opens while the session closes is closed again, and no credentials are sent over it."""
    opened = asyncio.Event()

    async def opening(endpoint: Endpoint, timeout: float) -> connection.Connection:  # noqa: ASYNC109 - as the original
        socket = await connection.open_connection(endpoint, timeout)
        opened.set()
        session._closing.set()
        return socket

    monkeypatch.setattr("gateway.relay.session.open_connection", opening)
    observer = RecordingObserver()
    async with running_session(scripted.endpoint, observer) as session:
        await opened.wait()
        peer = await scripted.accept()
        with pytest.raises(ConnectionClosed):
            await peer.read()
        await reached(lambda: session.state is SessionState.CLOSED)
        session.acknowledge([])
    assert observer.told == []


async def test_waiter_that_leaves_as_the_session_ends(scripted: ScriptedRelay) -> None:
    """Who stops waiting in the very turn in which the waiting is over disturbs nobody."""
    observer = RecordingObserver()
    async with running_session(scripted.endpoint, observer) as session:
        await scripted.accept()
        until = asyncio.get_running_loop().time() + 3600
        leaving, staying = (asyncio.create_task(session.wait_connected(until)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        session._enter(SessionState.CLOSED)
        with pytest.raises(RelayDisconnected):
            await staying
        await asyncio.wait([leaving])
        assert leaving.cancelled()


class TestCancellation:
    """`run` is cancelled instead of closed."""

    async def test_nobody_waits_for_a_session_that_was_cancelled(self) -> None:
        """The session says that it is closed, and whoever waits for it hears so."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.accept()
            await peer.request("signalwire.connect")
            loop = asyncio.get_running_loop()
            waiting = asyncio.create_task(session.wait_connected(loop.time() + 3600))
            (running,) = (task for task in asyncio.all_tasks() if task.get_name() == "session under test")
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
            assert session.state is SessionState.CLOSED
            with pytest.raises(RelayDisconnected):
                await waiting

    @pytest.mark.parametrize("turns", range(8))
    async def test_cancellation_that_meets_an_ending_is_not_lost(self, turns: int) -> None:
        """However many turns after `close` the cancellation comes: if `run` was not over, it ends cancelled."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            await relay.session("p")
            await observer.until(lambda told: told.ups)
            (running,) = (task for task in asyncio.all_tasks() if task.get_name() == "session under test")
            await session.close()
            for _ in range(turns):
                await asyncio.sleep(0)
            assert running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
