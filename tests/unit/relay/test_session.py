"""The RELAY session against a server that does what each test tells it, on real sockets."""

import asyncio
import dataclasses
from http import HTTPStatus
from typing import Any

import pytest
import structlog

from gateway.relay.endpoint import Credentials, Endpoint
from gateway.relay.protocol import Timeouts
from gateway.relay.resume import ResumeState
from gateway.relay.session import CredentialsRefused, Session, SessionDown, SessionOptions, SessionState, SessionUp
from tests.support.relay_observer import TOKEN, KeptState, RecordingObserver, fast, reached, running_session
from tests.support.scripted_relay import Peer, ScriptedRelay, mute_server, scripted_relay


def state_of(relay: ScriptedRelay, protocol: str = "former", state: str = "state-0") -> ResumeState:
    """A state of these credentials at this server."""
    return ResumeState(f"P@{relay.host}", protocol, state)


class TestConnecting:
    """From nothing to a session."""

    async def test_first_session(self) -> None:
        """A fresh session is told as the first, and its name is kept for the next process."""
        observer, store = RecordingObserver(), KeptState()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer, store) as session:
            peer = await relay.accept()
            params = await peer.accept("protocol-1", identity="x")
            await observer.until(lambda told: told.ups)
            assert params["authentication"] == {"project": "P", "token": TOKEN}
            assert (params["contexts"], params["agent"], params["event_acks"]) == (["default"], "callstream/test", True)
            assert observer.told == [SessionUp(restored=False, first=True, had_state=False, protocol="protocol-1")]
            assert store.state == ResumeState(f"P@{relay.host}", "protocol-1", "")
            status = session.status()
            assert (status.state, status.connects, status.resumes) == (SessionState.CONNECTED, 1, 0)
            assert (status.last_error, status.attempts, status.pending_requests) == (None, 0, 0)

    async def test_walks_through_every_failure(self) -> None:
        """Refused upgrades, silence, cuts and nonsense are each tried again, until there is a session."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            relay.refuse_with = [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY]
            async with running_session(relay.endpoint, observer, options=fast(connect=0.2)) as session:
                silent = await relay.accept()
                await silent.request("signalwire.connect")
                assert await silent.closed()
                cut = await relay.accept()
                await cut.request("signalwire.connect")
                cut.cut()
                closing = await relay.accept()
                await closing.close(1013, "try again later")
                refusing = await relay.accept()
                await refusing.refuse(await refusing.request("signalwire.connect"), -32603, "internal")
                nonsense = await relay.accept()
                await nonsense.answer(await nonsense.request("signalwire.connect"), ["not", "an", "object"])
                await relay.session()
                await observer.until(lambda told: told.ups)
                assert relay.attempts == 2 + 6
                assert [up.first for up in observer.ups] == [True]
                assert observer.downs == []
                assert session.status().attempts == 0
                assert session.status().losses == 2 + 5

    async def test_nobody_listens(self) -> None:
        """A refused connection is an error like others: it is told, and tried again."""
        async with scripted_relay() as relay:
            endpoint = relay.endpoint
        observer = RecordingObserver()
        async with running_session(endpoint, observer) as session:
            await reached(lambda: session.status().attempts >= 3)
            assert endpoint.host in str(session.status().last_error)
            assert session.state in {SessionState.WAITING, SessionState.CONNECTING}

    async def test_missing_ca_file_is_told(self) -> None:
        """A wrong CA file shows in the status, and does not end the process."""
        observer = RecordingObserver()
        async with running_session(Endpoint("localhost:1", ca_file="/nonexistent/ca.pem"), observer) as session:
            await reached(lambda: session.status().attempts >= 1)
            assert "No such file" in str(session.status().last_error)

    async def test_events_wait_for_session_up(self) -> None:
        """Events that overtake the answer to connect are told after the session, in order."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer):
            peer = await relay.accept()
            connect = await peer.request("signalwire.connect")
            await peer.event("calling.call.state", {"call_id": "c", "call_state": "ringing"}, "e1")
            await peer.event("calling.call.state", {"call_id": "c", "call_state": "ended"}, "e2")
            await peer.answer(connect, {"protocol": "p"})
            await observer.until(lambda told: len(told.events) == 2)
            assert isinstance(observer.told[0], SessionUp)
            assert [event.event_id for event in observer.events] == ["e1", "e2"]


class TestResuming:
    """Taking a session back."""

    async def test_session_is_resumed_after_a_cut(self) -> None:
        """The next connect carries name and latest state; down is told before up."""
        observer, store = RecordingObserver(), KeptState()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer, store) as session:
            peer = await relay.session("p")
            await peer.event("signalwire.authorization.state", {"authorization_state": "state-1"}, "a1")
            assert await peer.read() == {"jsonrpc": "2.0", "id": "a1", "result": {}}
            assert store.state == state_of(relay, "p", "state-1")
            peer.cut()
            again = await relay.accept()
            params = await again.accept("p", session_restored=True)
            assert (params["protocol"], params["authorization_state"]) == ("p", "state-1")
            await observer.until(lambda told: len(told.ups) == 2)
            assert [type(what) for what in observer.told] == [SessionUp, SessionDown, SessionUp]
            assert observer.ups[1] == SessionUp(restored=True, first=False, had_state=True, protocol="p")
            assert store.state == state_of(relay, "p", "state-1")
            assert (session.status().connects, session.status().resumes) == (2, 1)
            assert observer.events == []

    async def test_session_of_the_former_process_is_resumed(self) -> None:
        """What another process left is taken up at the first connect."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(state_of(relay))
            async with running_session(relay.endpoint, observer, store):
                peer = await relay.accept()
                params = await peer.accept("former")
                assert (params["protocol"], params["authorization_state"]) == ("former", "state-0")
                await observer.until(lambda told: told.ups)
                assert observer.ups == [SessionUp(restored=True, first=True, had_state=True, protocol="former")]

    async def test_session_of_others_is_left_alone(self) -> None:
        """A state of another project or host is not used."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(ResumeState("other@" + relay.host, "former", "state-0"))
            async with running_session(relay.endpoint, observer, store):
                params = await (await relay.accept()).accept("p")
                assert "protocol" not in params
                await observer.until(lambda told: told.ups)
                assert observer.ups[0].had_state is False

    @pytest.mark.parametrize("code", [-32003, -32602])
    async def test_stale_state_is_forgotten_at_once(self, code: int) -> None:
        """RELAY does not know the session any more: a new one is opened without waiting, and the loss is told."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(state_of(relay))
            slow = fast(backoff=3600)
            async with running_session(relay.endpoint, observer, store, slow):
                peer = await relay.accept()
                await peer.refuse(await peer.request("signalwire.connect"), code, "Requester validation failed")
                params = await (await relay.accept()).accept("new")
                assert {"protocol", "authorization_state"}.isdisjoint(params)
                await observer.until(lambda told: told.ups)
                assert observer.ups == [SessionUp(restored=False, first=True, had_state=True, protocol="new")]
                assert store.saved == [None, state_of(relay, "new", "")]

    async def test_stale_without_a_state_waits(self) -> None:
        """RELAY calls a fresh connect stale: there is nothing to forget, so it is not asked again at once."""
        observer = RecordingObserver()
        async with (
            scripted_relay() as relay,
            running_session(relay.endpoint, observer, options=fast(backoff=3600)) as session,
        ):
            peer = await relay.accept()
            await peer.refuse(await peer.request("signalwire.connect"), -32003, "Requester validation failed")
            await reached(lambda: session.state is SessionState.WAITING and session.status().attempts)
            assert relay.attempts == 1

    async def test_ignored_state_gives_a_fresh_session(self) -> None:
        """RELAY may pass over a stale state: another name tells so, and the old state is not kept with it."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(state_of(relay))
            async with running_session(relay.endpoint, observer, store):
                await relay.session("new")
                await observer.until(lambda told: told.ups)
                assert observer.ups == [SessionUp(restored=False, first=True, had_state=True, protocol="new")]
                assert store.state == state_of(relay, "new", "")

    async def test_early_authorization_state_belongs_to_the_new_session(self) -> None:
        """It may overtake the answer to connect, and is kept under the name that the answer brings."""
        observer, store = RecordingObserver(), KeptState()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer, store):
            peer = await relay.accept()
            connect = await peer.request("signalwire.connect")
            await peer.event("signalwire.authorization.state", {"authorization_state": "early"}, "a1")
            await peer.answer(connect, {"protocol": "new"})
            assert (await peer.read())["id"] == "a1"
            assert store.state == state_of(relay, "new", "early")

    async def test_unnamed_session_is_not_resumed(self) -> None:
        """A session that RELAY gave no name can't be taken back, and does not pass for the former one."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(state_of(relay))
            async with running_session(relay.endpoint, observer, store):
                peer = await relay.accept()
                await peer.answer(await peer.request("signalwire.connect"), {})
                await peer.event("signalwire.authorization.state", {"authorization_state": "state-1"}, "a1")
                assert (await peer.read())["id"] == "a1"
                assert store.state is None

    @pytest.mark.parametrize("restart", [False, True])
    async def test_server_sends_the_client_away(self, restart: bool) -> None:
        """signalwire.disconnect is answered; with `restart` the session is forgotten, without it is resumed."""
        observer, store = RecordingObserver(), KeptState()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer, store):
            peer = await relay.session("p")
            await peer.send(
                {"jsonrpc": "2.0", "id": "d", "method": "signalwire.disconnect", "params": {"restart": restart}}
            )
            assert await peer.read() == {"jsonrpc": "2.0", "id": "d", "result": {}}
            params = await (await relay.accept()).accept("p2")
            assert ("protocol" in params) is not restart
            await observer.until(lambda told: len(told.ups) == 2)
            assert observer.ups[1].had_state is not restart

    async def test_store_that_fails_costs_the_resume_only(self) -> None:
        """A disk that can't be read or written is logged; the session goes on, and even resumes within the process."""
        observer, store = RecordingObserver(), KeptState(broken=True)
        with structlog.testing.capture_logs() as logs:
            async with scripted_relay() as relay, running_session(relay.endpoint, observer, store):
                (await relay.session("p")).cut()
                params = await (await relay.accept()).accept("p")
                assert params["protocol"] == "p"
                await observer.until(lambda told: len(told.ups) == 2)
        assert {log["event"] for log in logs} >= {"session_state_unreadable", "session_state_not_saved"}


class TestRefusals:
    """Credentials that RELAY does not take."""

    async def refused(self, relay: ScriptedRelay, *, times: int) -> list[dict[str, Any]]:
        """RELAY refuses the next attempts; returns what they asked with."""
        params = []
        for _ in range(times):
            peer = await relay.accept()
            connect = await peer.request("signalwire.connect")
            params.append(connect["params"])
            await peer.refuse(connect, -32002, f"Authentication failed: 401 Unauthorized for {TOKEN}")
        return params

    async def test_never_taken_is_permanent(self) -> None:
        """After a few tries the credentials count as wrong; the error says where to look, and shows no token."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            session = Session(
                endpoint=relay.endpoint,
                credentials=Credentials("P", token=TOKEN),
                contexts=["default"],
                observer=observer,
                store=KeptState(),
                agent="x/1",
                options=fast(),
            )
            run = asyncio.create_task(session.run())
            loop = asyncio.get_running_loop()
            waiting = asyncio.create_task(session.wait_connected(loop.time() + 3600))
            await self.refused(relay, times=3)
            with pytest.raises(CredentialsRefused, match="SIGNALWIRE_API_TOKEN") as refusal:
                await run
            assert TOKEN not in str(refusal.value)
            assert relay.attempts == 3
            assert session.state is SessionState.REFUSED
            assert TOKEN not in str(session.status())
            with pytest.raises(Exception, match="no RELAY session"):
                await waiting

    async def test_inside_a_result(self) -> None:
        """A refusal may stand inside a result."""

        async def denied_thrice(relay: ScriptedRelay) -> None:
            async with running_session(relay.endpoint, RecordingObserver()) as session:
                for _ in range(3):
                    peer = await relay.accept()
                    denied = {"code": "-32001", "message": "Permission Denied."}
                    await peer.answer(await peer.request("signalwire.connect"), denied)
                await reached(lambda: session.state is SessionState.REFUSED)

        async with scripted_relay() as relay:
            with pytest.raises(CredentialsRefused, match="Permission Denied"):
                await denied_thrice(relay)

    async def test_state_is_left_out_before_giving_up(self) -> None:
        """It may be the state that is refused: once it is left out, and stays on disk until there is a new one."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            store = KeptState(state_of(relay))
            async with running_session(relay.endpoint, observer, store):
                asked = await self.refused(relay, times=3)
                assert all(params["protocol"] == "former" for params in asked)
                peer = await relay.accept()
                assert store.saved == []
                assert "protocol" not in await peer.accept("new")
                await observer.until(lambda told: told.ups)
                assert observer.ups[0].had_state is True
                assert store.state == state_of(relay, "new", "")

    async def test_once_taken_is_never_permanent(self) -> None:
        """A good credential is not given up for RELAY's trouble, and neither, for long, is its session."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            (await relay.session("p")).cut()
            asked = await self.refused(relay, times=20)
            assert [("protocol" in params) for params in asked] == [True] * 15 + [False] * 5
            await relay.session("p2")
            await observer.until(lambda told: len(told.ups) == 2)
            assert session.state is SessionState.CONNECTED
            assert relay.attempts == 22


class TestLiveness:
    """Sockets that die without a word."""

    async def test_half_open_connection_is_noticed(self) -> None:
        """When pings go unanswered the connection is given up and taken up again."""
        observer = RecordingObserver()
        async with (
            scripted_relay() as relay,
            running_session(relay.endpoint, observer, options=fast(ping_interval=0.02)),
        ):
            peer = await relay.session("p")
            for _ in range(3):
                await peer.request("signalwire.ping")
            again = await relay.accept()
            assert (await again.accept("p"))["protocol"] == "p"
            await observer.until(lambda told: len(told.ups) == 2)
            assert observer.downs == [SessionDown("RELAY has fallen silent")]

    async def test_answered_pings_keep_it(self) -> None:
        """A connection on which only pings go is alive."""
        observer = RecordingObserver()
        async with (
            scripted_relay() as relay,
            running_session(relay.endpoint, observer, options=fast(ping_interval=0.02)),
        ):
            peer = await relay.session("p")
            for _ in range(8):
                await peer.answer(await peer.request("signalwire.ping"), {"timestamp": 1})
            assert relay.attempts == 1
            assert observer.downs == []

    async def test_pings_of_relay_are_answered(self) -> None:
        """Each with an empty result."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer):
            peer = await relay.session("p")
            await peer.send({"jsonrpc": "2.0", "id": "p1", "method": "signalwire.ping", "params": {}})
            assert await peer.read() == {"jsonrpc": "2.0", "id": "p1", "result": {}}

    async def test_busy_gateway_is_not_a_silent_relay(self) -> None:
        """While the journal holds up reading, RELAY is not blamed for what nobody read."""
        observer = RecordingObserver()
        options = fast(ping_interval=0.01)
        async with scripted_relay() as relay, running_session(relay.endpoint, observer, options=options):
            peer = await relay.session("p")
            observer.gate.clear()
            await peer.event("calling.call.state", {"call_id": "c"}, "e1")
            await observer.until(lambda told: told.events)
            loop = asyncio.get_running_loop()
            passed: asyncio.Future[None] = loop.create_future()
            loop.call_later(0.2, passed.set_result, None)  # twenty intervals: four would be the end
            await passed
            assert observer.downs == []
            observer.gate.set()
            await peer.event("calling.call.state", {"call_id": "c"}, "e2")
            await observer.until(lambda told: len(told.events) == 2)
            assert relay.attempts == 1

    @pytest.mark.parametrize("reason", ["going away", f"bad token {TOKEN}"])
    async def test_reason_of_the_server_is_told_without_secrets(self, reason: str) -> None:
        """What RELAY said when it closed is told, unless it repeats the token."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            await (await relay.session("p")).close(1001, reason)
            await observer.until(lambda told: told.downs)
            assert observer.downs == [
                SessionDown("RELAY closed the connection with 1001: " + reason.replace(TOKEN, "***"))
            ]
            assert session.status().last_error == observer.downs[0].reason


class TestEvents:
    """Events and their acks."""

    async def test_back_pressure(self) -> None:
        """Nothing more is told until the observer has returned, and then what came meanwhile comes together."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer):
            peer = await relay.session("p")
            observer.gate.clear()
            await peer.event("calling.call.state", {"call_id": "c"}, "e0")
            await observer.until(lambda told: told.events)
            for number in range(1, 100):
                await peer.event("calling.call.state", {"call_id": "c"}, f"e{number}")
            assert len(observer.events) == 1
            observer.gate.set()
            await observer.until(lambda told: len(told.events) == 100)
            assert [event.event_id for event in observer.events] == [f"e{number}" for number in range(100)]

    async def test_a_burst_is_told_in_few_batches(self) -> None:
        """What lies in the socket is taken together, and its acks go out together."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.session("p")
            frame = b'{"id":"e%d","method":"signalwire.event","params":{"event_type":"x","params":{}}}'
            await peer.send_many([frame % number for number in range(500)])
            await observer.until(lambda told: len(told.events) == 500)
            assert len(observer.batches) <= 50
            session.acknowledge(observer.events)
            assert [(await peer.read())["id"] for _ in range(500)] == [f"e{number}" for number in range(500)]

    async def test_events_of_a_former_connection_are_not_acknowledged(self) -> None:
        """They come again on the new one, and are acknowledged there; without a connection nothing happens."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.session("p")
            await peer.event("calling.call.state", {"call_id": "c"}, "e1")
            await observer.until(lambda told: told.events)
            peer.cut()
            await reached(lambda: session.state is not SessionState.CONNECTED)
            session.acknowledge(observer.events)
            again = await relay.session("p")
            await observer.until(lambda told: len(told.ups) == 2)
            session.acknowledge(observer.events)
            await again.event("calling.call.state", {"call_id": "c"}, "e2")
            await observer.until(lambda told: len(told.events) == 2)
            session.acknowledge(observer.events)
            assert (await again.read())["id"] == "e2"

    async def test_nonsense_is_logged_sparingly(self) -> None:
        """Frames that are none are counted and logged at each doubling; the session lives."""
        observer = RecordingObserver()
        with structlog.testing.capture_logs() as logs:
            async with scripted_relay() as relay, running_session(relay.endpoint, observer):
                peer = await relay.session("p")
                for number in range(50):
                    await peer.send(b"\x00\xff binary" if number % 2 else "nonsense")
                    await peer.send({"jsonrpc": "2.0", "id": number, "method": "signalwire.ping"})
                    assert (await peer.read())["id"] == number  # so each is taken in by itself
                await peer.event("calling.call.state", {"call_id": "c"}, "e1")
                await observer.until(lambda told: told.events)
        ignored = [log for log in logs if log["event"] == "relay_frames_ignored"]
        assert [log["malformed"] for log in ignored] == [1, 2, 4, 8, 16, 32]
        assert observer.downs == [] or observer.downs[0].reason == "the gateway leaves"

    async def test_frames_up_to_ten_mebibytes(self) -> None:
        """A large frame is taken; one beyond RELAY's limit costs the connection and not the session."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer):
            peer = await relay.session("p")
            await peer.event("x", {"pad": "y" * (10 * 1024 * 1024 - 1000)}, "e1")
            await observer.until(lambda told: told.events)
            await peer.event("x", {"pad": "y" * (10 * 1024 * 1024)}, "e2")
            assert (await (await relay.accept()).accept("p"))["protocol"] == "p"


class TestLeaving:
    """The end of the process."""

    async def test_session_is_kept_for_the_next_process(self) -> None:
        """Closing says nothing that would end the session, and keeps what resumes it."""
        observer, store = RecordingObserver(), KeptState()
        async with scripted_relay() as relay:
            async with running_session(relay.endpoint, observer, store) as session:
                peer = await relay.session("p")
                await observer.until(lambda told: told.ups)
                await session.close()
                assert await peer.closed() == 1000
            assert session.state is SessionState.CLOSED
            assert store.state == state_of(relay, "p", "")
            assert relay.attempts == 1
            assert observer.downs == [SessionDown("the gateway leaves")]

    async def test_acks_that_are_due_still_leave(self) -> None:
        """What was made durable before the end is not sent again to the next process."""
        observer = RecordingObserver()
        async with scripted_relay() as relay, running_session(relay.endpoint, observer) as session:
            peer = await relay.session("p")
            await peer.event("calling.call.state", {"call_id": "c"}, "e1")
            await observer.until(lambda told: told.events)
            session.acknowledge(observer.events)
            await session.close()
            assert (await peer.read())["id"] == "e1"

    async def test_while_waiting(self) -> None:
        """A session that backs off leaves at once."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            relay.refuse_with = [HTTPStatus.SERVICE_UNAVAILABLE]
            async with running_session(relay.endpoint, observer, options=fast(backoff=3600)) as session:
                await reached(lambda: session.state is SessionState.WAITING)
            assert session.state is SessionState.CLOSED

    async def test_while_connecting(self) -> None:
        """A server that accepts and says nothing does not hold up the end."""
        async with mute_server() as (endpoint, came):
            observer = RecordingObserver()
            async with running_session(endpoint, observer, options=fast(connect=3600)) as session:
                await came.wait()
            assert session.state is SessionState.CLOSED

    async def test_before_the_answer_to_connect(self) -> None:
        """Leaving does not wait for RELAY."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            async with running_session(relay.endpoint, observer, options=fast(connect=3600)):
                peer = await relay.accept()
                await peer.request("signalwire.connect")
            assert await peer.closed() == 1000
            assert observer.told == []

    async def test_before_it_ran(self) -> None:
        """A session that is closed before it runs does nothing."""
        observer = RecordingObserver()
        async with scripted_relay() as relay:
            session = Session(
                endpoint=relay.endpoint,
                credentials=Credentials("P", token=TOKEN),
                contexts=[],
                observer=observer,
                store=KeptState(),
                agent="x/1",
            )
            await session.close()
            await session.run()
            assert relay.attempts == 0
            assert session.state is SessionState.CLOSED


class TestPrivacy:
    """What must be seen nowhere."""

    async def test_no_log_shows_a_secret(self) -> None:
        """With every frame logged, through connect, events, loss and resume, no secret shows."""
        observer, store = RecordingObserver(), KeptState()
        with structlog.testing.capture_logs() as logs:
            async with scripted_relay() as relay:
                options = fast(show_frames=True)
                async with running_session(relay.endpoint, observer, store, options) as session:
                    peer: Peer = await relay.session("p")
                    secret = {"authorization_state": "state-secret"}
                    await peer.event("signalwire.authorization.state", secret, "a1")
                    await peer.read()
                    peer.cut()
                    await relay.session("p")
                    await observer.until(lambda told: len(told.ups) == 2)
                    shown = repr(session.status()) + repr(observer.told) + repr(store.state)
        assert sum(log["event"] == "relay_frame" for log in logs) >= 5
        everything = repr(logs) + shown
        assert TOKEN not in everything
        assert "state-secret" not in everything

    async def test_reconnects_do_not_flood_the_log(self) -> None:
        """An attempt that fails is one line and no traceback, and ever fewer of them are warnings."""
        observer = RecordingObserver()
        with structlog.testing.capture_logs() as logs:
            async with scripted_relay() as relay:
                relay.refuse_with = [HTTPStatus.SERVICE_UNAVAILABLE] * 195
                async with running_session(relay.endpoint, observer):
                    await relay.session("p")
                    await observer.until(lambda told: told.ups)
                    failed = [log for log in logs if log["event"] == "relay_connection_over"]
                    assert [log["attempt"] for log in failed] == list(range(1, 196))
                    told = [log["attempt"] for log in failed if log["log_level"] == "warning"]
                    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 192]
        assert all("exc_info" not in log for log in logs)


def test_options_are_those_of_relays_practice() -> None:
    """Pings after 30 s, three failures, backoff from 1 to 30 s, three refusals."""
    options = dataclasses.asdict(SessionOptions())
    assert (options["backoff_initial"], options["backoff_maximum"], options["refusals_allowed"]) == (1.0, 30.0, 3)
    timeouts = Timeouts()
    assert (timeouts.connect, timeouts.request, timeouts.ping_interval, timeouts.ping_failures) == (15, 30, 30, 3)
