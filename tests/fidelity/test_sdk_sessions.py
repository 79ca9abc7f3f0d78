"""SignalWire's SDK keeps its session with the emulator: connect, resume, leave, and what it does when it can't."""

import asyncio

import pytest
from signalwire.relay import RelayError
from signalwire.relay import client as sdk

from gateway.emulator.actions import Drop, Patch, ReplyError
from gateway.emulator.certificates import Certificates
from gateway.emulator.exchange import NoReceiver
from gateway.emulator.faults import Fault
from gateway.emulator.frames import REDACTED, SERVER_TO_CLIENT
from tests.support.sdk_client import sdk_world

STATE_OF_CALL = "calling.call.state"
RECEIVE = "calling.call.receive"


class TestConnect:
    """Credentials and the first signalwire.connect."""

    async def test_connect_asks_for_what_the_emulator_knows(self, certificates: Certificates) -> None:
        """The first connect has version, agent, acks, credentials and contexts, and nothing to resume."""
        async with sdk_world(certificates, contexts=("default", "office")) as world:
            await world.connected()
            (connect,) = world.connects
            agent = connect.params.pop("agent")
            assert agent.startswith("signalwire-")
            assert connect.params == {
                "version": {"major": 2, "minor": 0, "revision": 0},
                "event_acks": True,
                "authentication": {"project": "demo", "token": REDACTED},
                "contexts": ["default", "office"],
            }
            assert world.session.contexts == {"default", "office"}

    async def test_jwt_stands_alone(self, certificates: Certificates) -> None:
        """With a JWT neither project nor token is sent."""
        async with sdk_world(certificates, credentials={"jwt_token": "j.w.t"}, jwt_tokens={"j.w.t": "demo"}) as world:
            await world.connected()
            assert world.connects[0].params["authentication"] == {"jwt_token": REDACTED}

    async def test_refused_credentials_are_given_up_after_three_attempts(self, certificates: Certificates) -> None:
        """-32002 before any success is permanent for the SDK once it came three times."""
        async with sdk_world(certificates, credentials={"project": "demo", "token": "wrong"}) as world:
            with pytest.raises(RelayError, match="401 Unauthorized") as refused:
                await world.running
            assert refused.value.code == -32002
            assert len(world.connects) == 3

    async def test_refusal_inside_a_result_is_taken_for_success(self, certificates: Certificates) -> None:
        """The SDK looks for no code in the result of signalwire.connect: it goes on, with an empty protocol."""
        async with sdk_world(certificates) as world:
            denied = {"code": "-32001", "message": "Permission Denied."}
            world.emulator.faults.add(
                Fault(Patch({"result": denied}), method="signalwire.connect", response=True, times=1)
            )
            await world.connected()
            await world.settled()
            assert world.client.relay_protocol == ""
            assert len(world.connects) == 1

    async def test_events_are_acked_with_an_empty_result(self, certificates: Certificates) -> None:
        """The ack bears the event's id and nothing else, and the emulator keeps the event no longer."""
        async with sdk_world(certificates) as world:
            await world.connected()
            await world.incoming()
            ack = await world.acked(RECEIVE)
            assert ack.json["result"] == {}
            assert not world.session.unacked

    async def test_pings_of_the_server_are_answered(self, certificates: Certificates) -> None:
        """signalwire.ping gets an empty result."""
        async with sdk_world(certificates, ping_interval=0.02) as world:
            pong = await world.emulator.frames.wait_for(
                lambda frame: frame.is_response and frame.method == "signalwire.ping"
            )
            assert pong.json["result"] == {}


class TestResume:
    """A lost socket does not end the session."""

    async def test_cut_socket_is_resumed(self, certificates: Certificates) -> None:
        """After a cut the SDK sends its protocol with the latest state, and the session is restored."""
        async with sdk_world(certificates) as world:
            await world.connected()
            protocol = world.client.relay_protocol
            await world.emulator.renew_authorization(world.session)
            state = world.session.authorization_state
            await world.connected(2)  # the second state is acked, still on the first socket
            await world.emulator.cut()
            await world.connected(3)
            first, second = world.connects
            assert "protocol" not in first.params
            assert (second.params["protocol"], second.params["authorization_state"]) == (protocol, state)
            assert (world.client.relay_protocol, world.session.connects) == (protocol, 2)

    async def test_disconnect_is_answered_and_resumed(self, certificates: Certificates) -> None:
        """signalwire.disconnect gets an empty result; the SDK waits for the close and resumes."""
        async with sdk_world(certificates) as world:
            await world.connected()
            protocol = world.client.relay_protocol
            await world.emulator.disconnect()
            await world.connected(2)
            answers = [
                frame
                for frame in world.emulator.frames
                if frame.is_response and frame.method == "signalwire.disconnect"
            ]
            assert [answer.json["result"] for answer in answers] == [{}]
            assert world.connects[1].params["protocol"] == protocol
            assert world.session.connects == 2

    async def test_disconnect_with_restart_begins_anew(self, certificates: Certificates) -> None:
        """With restart the SDK forgets protocol and state."""
        async with sdk_world(certificates) as world:
            await world.connected()
            former = world.client.relay_protocol
            await world.emulator.disconnect(restart=True)
            await world.connected(2)
            assert not {"protocol", "authorization_state"} & world.connects[1].params.keys()
            assert world.client.relay_protocol != former
            await world.incoming()

    async def test_refused_resume_is_repeated_for_ever(self, certificates: Certificates) -> None:
        """After -32003 the SDK asks again with the same stale protocol, each on a socket that it leaves open."""
        async with sdk_world(certificates) as world:
            await world.connected()
            protocol = world.client.relay_protocol
            await world.emulator.cut()
            await world.emulator.forget_session(world.session)
            last = 0
            for _ in range(4):
                last = (await world.request("signalwire.connect", after=last)).number
            assert [connect.params.get("protocol") for connect in world.connects] == [None, *[protocol] * 3]
            assert not world.emulator.sessions
            assert not world.running.done()
            assert len(world.emulator._open) == 3

    async def test_ignored_resume_becomes_a_fresh_session(self, certificates: Certificates) -> None:
        """Where a stale resume is answered with a fresh session, the SDK takes it and gets calls again."""
        async with sdk_world(certificates, stale_resume="fresh") as world:
            await world.connected()
            former = world.client.relay_protocol
            await world.emulator.cut()
            await world.emulator.forget_session(world.session)
            await world.connected(2)
            assert world.client.relay_protocol != former
            await world.incoming()

    async def test_events_that_were_not_acked_come_again_and_are_handled_again(
        self, certificates: Certificates
    ) -> None:
        """The SDK acks before it handles and removes no duplicates: a lost ack runs the call handler twice."""
        async with sdk_world(certificates) as world:
            await world.connected()
            world.emulator.faults.add(Fault(Drop(), event_type=RECEIVE, response=True, times=1))
            call, first = await world.incoming()
            await world.emulator.cut()
            async with asyncio.timeout(10):
                second = await world.offered.get()
            assert second.call_id == first.call_id == call.call_id
            assert second is not first
            ids = [
                frame.json["id"]
                for frame in world.emulator.frames
                if frame.direction == SERVER_TO_CLIENT and frame.event_type == RECEIVE
            ]
            assert len(ids) == 2
            assert len(set(ids)) == 1

    async def test_commands_given_while_away_are_sent_after_the_resume(self, certificates: Certificates) -> None:
        """The SDK queues a command while it has no socket, and sends it once connect is answered."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.incoming()
            await world.emulator.cut()
            await world.noticed_loss()
            assert (await taken.answer())["code"] == "200"
            assert call.state == "answered"
            (answer,) = world.sent("calling.answer")
            assert answer.number > world.connects[1].number

    async def test_event_that_cannot_be_handled_is_acked_and_costs_the_connection(
        self, certificates: Certificates
    ) -> None:
        """Params that are null end the SDK's reader, after the ack; it reconnects and resumes without the event."""
        async with sdk_world(certificates) as world:
            await world.connected()
            event = {"event_type": STATE_OF_CALL, "params": None}
            await world.emulator.send_frame(
                {"jsonrpc": "2.0", "id": "odd", "method": "signalwire.event", "params": event}
            )
            await world.connected(2)
            ack = {"jsonrpc": "2.0", "id": "odd", "result": {}}
            assert [frame.json for frame in world.emulator.frames].count(ack) == 1
            assert world.session.connects == 2

    async def test_unknown_requests_are_not_answered(self, certificates: Certificates) -> None:
        """A method that the SDK does not know gets neither result nor error."""
        async with sdk_world(certificates) as world:
            await world.connected()
            await world.emulator.send_frame({"jsonrpc": "2.0", "id": "odd", "method": "signalwire.sing", "params": {}})
            await world.settled()
            assert not [frame for frame in world.emulator.frames if frame.is_response and frame.json["id"] == "odd"]


class TestContexts:
    """signalwire.receive and unreceive."""

    async def test_contexts_are_added_and_removed(self, certificates: Certificates) -> None:
        """Calls of a context come once it was added, and not any more once it was removed."""
        async with sdk_world(certificates) as world:
            await world.connected()
            await world.client.receive(["office"])
            await world.incoming(context="office")
            await world.client.unreceive(["office"])
            with pytest.raises(NoReceiver):
                await world.emulator.place_call(context="office")

    async def test_reconnect_names_the_first_contexts(self, certificates: Certificates) -> None:
        """The SDK connects with the contexts it was made with, whatever was added or removed since."""
        async with sdk_world(certificates) as world:
            await world.connected()
            await world.client.receive(["office"])
            await world.client.unreceive(["default"])
            await world.emulator.cut()
            await world.connected(2)
            assert world.connects[1].params["contexts"] == ["default"]
            assert world.session.contexts == {"default", "office"}  # the emulator adds what connect names


class TestSilence:
    """What the SDK makes of answers that do not come. Its clock is shortened; all else is as it was shipped."""

    async def test_first_unanswered_ping_ends_the_connection(
        self, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three failures are allowed, yet the first ping that times out makes the SDK close and resume."""
        monkeypatch.setattr(sdk, "_CLIENT_PING_INTERVAL", 0.05)
        monkeypatch.setattr(sdk, "_EXECUTE_TIMEOUT", 0.2)
        async with sdk_world(certificates, ping_interval=None) as world:
            world.emulator.faults.add(Fault(Drop(), method="signalwire.ping", response=True, times=1))
            await world.connected(2)
            pings = [ping for ping in world.sent("signalwire.ping") if ping.number < world.connects[1].number]
            assert len(pings) == 1
            assert pings[0].params == {}
            assert world.connects[1].params["protocol"] == world.client.relay_protocol

    async def test_refused_pings_are_counted_to_three(
        self, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A ping answered with an error is a failure of which the SDK allows two, with growing pauses between."""
        monkeypatch.setattr(sdk, "_CLIENT_PING_INTERVAL", 0.05)
        monkeypatch.setattr(sdk, "RECONNECT_MIN_DELAY", 0.02)
        async with sdk_world(certificates, ping_interval=None) as world:
            fault = Fault(ReplyError(-32601), method="signalwire.ping", direction="client_to_server", times=3)
            world.emulator.faults.add(fault)
            await world.connected(2)
            pings = [ping for ping in world.sent("signalwire.ping") if ping.number < world.connects[1].number]
            assert len(pings) == 3

    async def test_unanswered_command_ends_the_connection(
        self, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A command without an answer fails with code -1, and the SDK takes the socket for half open."""
        monkeypatch.setattr(sdk, "_EXECUTE_TIMEOUT", 0.3)
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.incoming()
            world.emulator.faults.add(Fault(Drop(), method="calling.answer", response=True, times=1))
            with pytest.raises(RelayError, match="timeout") as failed:
                await taken.answer()
            assert failed.value.code == -1
            assert call.state == "answered"  # it was carried out
            await world.connected(2)
            assert world.session.connects == 2
