"""What RELAY says about sessions (sections 2 and 3), asked of the emulator over a raw socket."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.emulator.certificates import make_certificates
from gateway.emulator.exchange import NoReceiver, UnknownSession
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.server import Emulator, run_emulator
from tests.support.raw_relay_client import connect_params, connected, raw_client, running_emulator

STATE = "signalwire.authorization.state"


class TestConnect:
    """Credentials and the result of signalwire.connect."""

    async def test_result_names_a_protocol_of_the_project(self) -> None:
        """A good token gets a protocol made of signature, uuid and project, and no code."""
        async with running_emulator() as emulator, raw_client(emulator.url + "/any/path") as client:
            result = (await client.ask("signalwire.connect", connect_params()))["result"]
            start, signature, identifier, project = result["protocol"].split("_")
            assert (start, project, len(identifier)) == ("signalwire", "demo", 36)
            assert signature
            assert "code" not in result
            assert result["session_restored"] is False
            assert await client.event(STATE)
            assert emulator.sessions[result["protocol"]].contexts == {"default"}

    async def test_jwt_stands_for_its_project(self) -> None:
        """A configured JWT is taken instead of project and token."""
        async with running_emulator(jwt_tokens={"j.w.t": "other"}) as emulator, raw_client(emulator.url) as client:
            answer = await client.ask("signalwire.connect", connect_params(authentication={"jwt_token": "j.w.t"}))
            assert answer["result"]["protocol"].endswith("_other")

    @pytest.mark.parametrize(
        "authentication",
        [
            {"project": "demo", "token": "wrong"},
            {"project": "nobody", "token": "demo-token"},
            {"jwt_token": "unknown"},
        ],
    )
    async def test_wrong_credentials_are_refused(self, authentication: dict[str, str]) -> None:
        """A wrong credential is error -32002 that speaks of 401."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            answer = await client.ask("signalwire.connect", connect_params(authentication=authentication))
            assert answer["error"]["code"] == -32002
            assert "401 Unauthorized" in answer["error"]["message"]
            assert not emulator.sessions

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"version": None}, "params.version"),
            ({"version": {"minor": 0}}, "params.version.major"),
            ({"agent": ""}, "params.agent"),
            ({"authentication": "demo"}, "params.authentication"),
            ({"authentication": {"project": "demo"}}, "params.authentication.token"),
            ({"contexts": "default"}, "params.contexts"),
            ({"contexts": [1]}, "params.contexts"),
            ({"event_acks": "yes"}, "params.event_acks"),
            ({"protocol": 5}, "params.protocol"),
        ],
    )
    async def test_bad_params_name_the_field(self, changed: dict[str, Any], named: str) -> None:
        """A missing or mistyped param is error -32602 with the field's path."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            answer = await client.ask("signalwire.connect", connect_params(**changed))
            assert answer["error"]["code"] == -32602
            assert named + " " in answer["error"]["message"]

    async def test_second_connect_on_a_socket_is_refused(self) -> None:
        """One socket holds one session."""
        async with running_emulator() as emulator, connected(emulator) as client:
            assert (await client.ask("signalwire.connect", connect_params()))["error"]["code"] == -32600

    async def test_commands_need_a_session(self) -> None:
        """Before connect anything but a ping is refused with -32003."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            assert await client.code("calling.end", node_id="n", call_id="c") == "-32003"
            assert (await client.ask("signalwire.ping", {"timestamp": 5}))["result"] == {"timestamp": 5}

    async def test_unknown_methods_are_not_found(self) -> None:
        """A method RELAY does not have is error -32601."""
        async with running_emulator() as emulator, connected(emulator) as client:
            assert await client.code("calling.sing") == "-32601"

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("not json", -32700),
            ([1], -32600),
            ({"id": "1", "method": "signalwire.ping"}, -32600),
            ({"jsonrpc": "2.0", "id": "", "method": "signalwire.ping"}, -32600),
            ({"jsonrpc": "2.0", "id": None, "method": "signalwire.ping"}, -32600),
            ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "signalwire.ping"}, -32600),
            ({"jsonrpc": "2.0", "id": "1", "method": 7}, -32600),
            ({"jsonrpc": "2.0", "id": "1"}, -32600),
        ],
    )
    async def test_malformed_frames_are_answered_and_survived(self, frame: Any, code: int) -> None:
        """What is no JSON-RPC 2.0 gets its error, and the socket goes on."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            await client.send_raw(frame)
            given = frame.get("id") if isinstance(frame, dict) else None
            expected = given if isinstance(given, str) else None
            assert (await client.answer_to(expected))["error"]["code"] == code
            assert (await client.ask("signalwire.ping", {}))["result"] == {}


class TestResume:
    """Sessions outlive their sockets, and un-acked events come again."""

    async def test_unacked_events_come_again_under_their_ids(self) -> None:
        """What was not acked is sent again after a resume, in order, and what was acked is not."""
        async with running_emulator() as emulator:
            async with connected(emulator) as client:
                protocol = (await client.answer_to(client.responses[0]["id"]))["result"]["protocol"]
                await client.event(STATE)
                state = client.authorization_state
                acked = await emulator.place_call()
                await client.event("calling.call.receive", call_id=acked.call_id)
                await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == "calling.call.receive")
                client.ack = False
                kept = [(await emulator.place_call()).call_id for _ in range(2)]
                first = await client.event("calling.call.receive", call_id=kept[1])
                ids = [frame["id"] for frame in client.requests][-2:]
            async with connected(emulator, protocol=protocol, authorization_state=state) as again:
                assert again.responses[0]["result"]["session_restored"] is True
                assert again.responses[0]["result"]["protocol"] == protocol
                assert await again.event("calling.call.receive", call_id=kept[1]) == first
                assert [call["call_id"] for call in again.events("calling.call.receive")] == kept
                assert [frame["id"] for frame in again.requests if frame["method"] == "signalwire.event"][1:] == ids
                assert again.authorization_state != state
                assert emulator.sessions[protocol].connects == 2

    async def test_stale_state_is_refused(self) -> None:
        """By default a resume with a wrong state or an unknown protocol is -32003, and a fresh connect works."""
        async with running_emulator() as emulator, connected(emulator) as first:
            protocol = first.responses[0]["result"]["protocol"]
            for resume in ({"protocol": protocol, "authorization_state": "old"}, {"protocol": "signalwire_a_b_demo"}):
                async with raw_client(emulator.url) as client:
                    answer = await client.ask("signalwire.connect", connect_params(**resume))
                    assert answer["error"]["code"] == -32003
                    assert (await client.ask("signalwire.connect", connect_params()))["result"]["protocol"] != protocol

    async def test_stale_state_may_mean_a_fresh_session(self) -> None:
        """With the option a stale resume begins a fresh session; the result can leave session_restored out."""
        options = {"stale_resume": "fresh", "tell_session_restored": False}
        async with (
            running_emulator(**options) as emulator,
            connected(emulator, protocol="x", authorization_state="y") as c,
        ):
            assert c.responses[0]["result"]["protocol"] != "x"
            assert "session_restored" not in c.responses[0]["result"]

    async def test_a_state_not_acked_yet_leaves_the_former_one_good(self) -> None:
        """A client that lost a new state on the way can still resume with the one before; once acked it is stale."""
        async with running_emulator() as emulator, connected(emulator) as client:
            protocol = client.responses[0]["result"]["protocol"]
            await client.event(STATE)
            await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == STATE)
            old = client.authorization_state
            client.ack = False
            await emulator.renew_authorization(emulator.sessions[protocol])
            async with connected(emulator, protocol=protocol, authorization_state=old) as again:
                await client.wait_closed()
                await again.event(STATE)
                seen = emulator.frames.last_number
                await emulator.renew_authorization(emulator.sessions[protocol])
                await emulator.frames.wait_for(lambda f: f.is_response and f.event_type == STATE, after=seen)
            async with raw_client(emulator.url) as late:
                answer = await late.ask(
                    "signalwire.connect", connect_params(protocol=protocol, authorization_state=old)
                )
                assert answer["error"]["code"] == -32003

    async def test_a_lost_session_is_forgotten_in_the_end(self) -> None:
        """After session_linger a session is gone."""
        async with running_emulator(session_linger=0) as emulator:
            async with connected(emulator) as client:
                protocol = client.responses[0]["result"]["protocol"]
                session = emulator.sessions[protocol]
            async with raw_client(emulator.url) as late:
                resume = connect_params(protocol=protocol, authorization_state=session.authorization_state)
                assert (await late.ask("signalwire.connect", resume))["error"]["code"] == -32003
            assert protocol not in emulator.sessions

    async def test_forgetting_is_possible_at_once(self) -> None:
        """An operator can make a session impossible to resume."""
        async with running_emulator() as emulator, connected(emulator) as client:
            session = emulator.sessions[client.responses[0]["result"]["protocol"]]
            await emulator.cut()
            await emulator.forget_session(session)
            assert not emulator.sessions
            with pytest.raises(UnknownSession):
                await emulator.forget_session(session)

    async def test_kept_events_are_bounded(self) -> None:
        """Beyond the limit the oldest un-acked events are dropped and counted."""
        async with running_emulator(unacked_limit=2) as emulator, connected(emulator, ack=False) as client:
            session = emulator.sessions[client.responses[0]["result"]["protocol"]]
            ids = [(await emulator.send_event("custom.type", {"n": n}))[0] for n in range(3)]
            assert list(session.unacked) == ids[1:]
            assert session.unacked_dropped == 1

    async def test_without_event_acks_nothing_is_kept(self) -> None:
        """A client that did not ask for acks gets each event once."""
        async with running_emulator() as emulator, connected(emulator, event_acks=False) as client:
            await emulator.send_event("custom.type", {})
            await client.event("custom.type")
            assert not emulator.sessions[client.responses[0]["result"]["protocol"]].unacked

    async def test_redelivery_on_a_live_socket_is_an_option(self) -> None:
        """With redelivery_interval an un-acked event comes again without a reconnect, under the same id."""
        async with running_emulator(redelivery_interval=0.01) as emulator, connected(emulator, ack=False) as client:
            [event_id] = await emulator.send_event("custom.type", {})
            await client.request("signalwire.event", 4)
            assert [frame["id"] for frame in client.requests][1:4] == [event_id] * 3


class TestContexts:
    """receive and unreceive, and who gets a call."""

    async def test_contexts_come_and_go(self) -> None:
        """Calls reach a session only while it receives their context."""
        async with running_emulator() as emulator, connected(emulator, contexts=[]) as client:
            with pytest.raises(NoReceiver):
                await emulator.place_call(context="sales")
            assert (await client.ok("signalwire.receive", contexts=["sales"]))["message"] == "Receiving events"
            call = await emulator.place_call(context="sales")
            assert (await client.event("calling.call.receive"))["call_id"] == call.call_id
            assert (await client.ok("signalwire.unreceive", contexts=["sales"]))["message"] == "Unreceiving events"
            with pytest.raises(NoReceiver):
                await emulator.place_call(context="sales", timeout=0)
            assert await client.code("signalwire.receive", contexts="sales") == "-32602"
            assert await client.code("signalwire.receive") == "-32602"

    async def test_a_call_can_wait_for_its_receiver(self) -> None:
        """place_call with a timeout returns as soon as a session receives the context."""
        async with running_emulator() as emulator:
            waiting = asyncio.create_task(emulator.place_call(timeout=5))
            async with connected(emulator) as client:
                assert (await client.event("calling.call.receive"))["call_id"] == (await waiting).call_id

    async def test_sessions_take_turns(self) -> None:
        """Two sessions in a context get calls in turn, and projects are kept apart."""
        projects = {"demo": "demo-token", "two": "t2"}
        async with (
            running_emulator(projects=projects) as emulator,
            connected(emulator) as one,
            connected(emulator) as two,
            connected(emulator, authentication={"project": "two", "token": "t2"}) as other,
        ):
            for _ in range(4):
                await emulator.place_call(project="demo")
            await emulator.place_call(project="two")
            await other.event("calling.call.receive")
            assert len(other.events("calling.call.receive")) == 1
            await one.event("calling.call.receive")
            await two.event("calling.call.receive")
            owners = [call.session for call in emulator.calls.values()]
            assert owners.count(owners[0]) == owners.count(owners[1]) == 2

    async def test_calls_come_by_themselves(self) -> None:
        """With call_every the emulator places calls, once someone receives them."""
        options = {"call_every": 0.01, "call_context": "auto"}
        async with running_emulator(**options) as emulator, connected(emulator, contexts=["auto"]) as client:
            assert (await client.event("calling.call.receive"))["context"] == "auto"


class TestLiveness:
    """Pings, disconnects, refusals and the end of sockets."""

    async def test_pings_go_out_and_silence_ends_the_socket(self) -> None:
        """A client that answers pings stays; one that does not is cut after ping_failures."""
        async with running_emulator(ping_interval=0.01, ping_failures=2) as emulator, connected(emulator) as client:
            await client.request("signalwire.ping", 4)
            client.ack = False
            await client.wait_closed()

    async def test_clean_disconnect_waits_for_the_answer(self) -> None:
        """The server asks, the client answers, the server closes, and the session can be resumed."""
        async with running_emulator() as emulator, connected(emulator) as client:
            await client.event(STATE)
            await emulator.disconnect()
            await client.wait_closed()
            assert (await client.request("signalwire.disconnect"))["params"] == {}
            resume = {
                "protocol": client.responses[0]["result"]["protocol"],
                "authorization_state": client.authorization_state,
            }
            async with connected(emulator, **resume) as again:
                assert again.responses[0]["result"]["session_restored"] is True

    async def test_disconnect_with_restart_forgets(self) -> None:
        """With restart the former protocol is stale; a client that does not answer is closed all the same."""
        async with running_emulator(disconnect_grace=0) as emulator, connected(emulator, ack=False) as client:
            await emulator.disconnect(restart=True)
            assert (await client.request("signalwire.disconnect"))["params"] == {"restart": True}
            assert not emulator.sessions

    async def test_cut_and_refuse(self) -> None:
        """A cut socket is gone without a close frame, and new ones can be refused with an HTTP status."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.refuse_connections(503)
            await emulator.cut()
            await client.wait_closed()
            with pytest.raises(ConnectionClosed) as caught:
                await client.socket.recv()
            assert caught.value.rcvd is None
            with pytest.raises(InvalidStatus) as refused:
                await connect(emulator.url, proxy=None)
            assert refused.value.response.status_code == 503
            emulator.refuse_connections(None)
            async with connected(emulator):
                assert len(emulator.sessions) == 2

    async def test_a_client_that_does_not_read_is_cut(self) -> None:
        """Frames for a slow client queue up to a limit."""
        async with running_emulator(outbox_limit=5) as emulator, connected(emulator) as client:
            for _ in range(50):  # no await lets the writer run meanwhile
                await emulator.send_event("custom.type", {})
            await client.wait_closed()

    async def test_any_frame_can_be_injected(self) -> None:
        """A raw text or frame reaches one session or all."""
        async with running_emulator() as emulator, connected(emulator) as client:
            assert await emulator.send_frame("{broken") == 1
            await client.raw_text("{broken")
            assert await emulator.send_frame({"odd": 1}, emulator.sessions[next(iter(emulator.sessions))]) == 1
            await client.raw_text('{"odd":1}')

    async def test_reset_forgets_everything(self) -> None:
        """After a reset there are no sessions, calls, streams or frames."""
        async with running_emulator() as emulator, connected(emulator) as client:
            await emulator.place_call()
            await emulator.reset()
            await client.wait_closed()
            assert not emulator.sessions
            assert not emulator.calls
            assert not emulator.streams

    async def test_tls(self, tmp_path: Path) -> None:
        """With a certificate the emulator serves wss:// only."""
        made = make_certificates(tmp_path)
        async with running_emulator(tls_certificate=made.certificate, tls_key=made.key) as emulator:
            assert emulator.url.startswith("wss://127.0.0.1:")
            import ssl

            trust = ssl.create_default_context(cafile=made.ca)
            async with raw_client(emulator.url, ssl=trust) as client:
                assert (await client.ask("signalwire.ping", {}))["result"] == {}

    async def test_the_journal_hides_tokens(self) -> None:
        """Frames are kept with the token replaced."""
        async with running_emulator() as emulator, connected(emulator):
            frame = await emulator.frames.wait_for(lambda f: f.method == "signalwire.connect" and not f.is_response)
            assert frame.params["authentication"] == {"project": "demo", "token": "<redacted>"}

    async def test_the_journal_hides_what_it_cannot_read(self) -> None:
        """Of a text that is no JSON only the length is kept, since there may be a token in it."""
        async with running_emulator() as emulator, raw_client(emulator.url) as client:
            await client.send_raw('{"token": "secret"')
            await client.answer_to(None)
            assert "secret" not in str([frame.json for frame in emulator.frames])


class TestRunning:
    """Starting and ending an emulator."""

    async def test_run_emulator_serves_until_cancelled(self) -> None:
        """on_ready is called with the emulator once it listens."""
        ready: asyncio.Future[Emulator] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(run_emulator(EmulatorOptions(listen="127.0.0.1:0"), ready.set_result))
        emulator = await ready
        async with connected(emulator):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"ca_file": "no.pem"}, "ca_file"),
            ({"audio_file": "no.wav"}, "audio_file"),
            ({"tls_certificate": "no.pem", "tls_key": "no.key"}, "tls_certificate"),
        ],
    )
    async def test_files_that_cannot_be_used_are_named(
        self, options: dict[str, str], named: str, tmp_path: Path
    ) -> None:
        """A file that is missing or of another kind is a ValueError with the option's name."""
        files = {name: tmp_path / file for name, file in options.items()}
        for path in files.values():
            path.write_text("something else")
        for _ in range(2):
            with pytest.raises(ValueError, match=named):
                await run_emulator(EmulatorOptions(listen="127.0.0.1:0", **files), lambda _: None)  # type: ignore[arg-type]
            for path in files.values():
                path.unlink(missing_ok=True)

    async def test_a_taken_control_port_leaves_no_socket_open(self) -> None:
        """When one port can't be had the emulator says so and gives the other back."""
        async with running_emulator(control="127.0.0.1:0") as emulator:
            assert emulator.control_url is not None
            taken = emulator.control_url.removeprefix("http://")
            with pytest.raises(OSError, match="address already in use"):
                await Emulator(EmulatorOptions(listen="127.0.0.1:0", control=taken)).__aenter__()
