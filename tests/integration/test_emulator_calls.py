"""What RELAY says about calls and dials (section 4), asked of the emulator over a raw socket."""

from typing import Any

import pytest

from gateway.emulator.exchange import UnknownCall
from gateway.emulator.model import Call
from gateway.emulator.options import Answer, Busy, NoAnswer
from gateway.emulator.server import Emulator
from tests.support.raw_relay_client import RawRelayClient, connected, running_emulator

STATE = "calling.call.state"
RECEIVE = "calling.call.receive"
DIAL = "calling.call.dial"


def ids(call: Call) -> dict[str, str]:
    """The params that name a call."""
    return {"node_id": call.node_id, "call_id": call.call_id}


def phone(number: str, **params: Any) -> dict[str, Any]:
    """A device to dial."""
    return {"type": "phone", "params": {"to_number": number, "from_number": "+1999", **params}}


async def dial(client: RawRelayClient, *groups: list[dict[str, Any]], tag: str = "t") -> None:
    """Begin a dial."""
    assert "call_id" not in await client.ok("calling.dial", tag=tag, devices=list(groups))


async def call_states(client: RawRelayClient, call_id: str) -> list[str]:
    """The states told of a call once it has ended."""
    await client.event(STATE, call_id=call_id, call_state="ended")
    return [event["call_state"] for event in client.events(STATE) if event["call_id"] == call_id]


class TestInbound:
    """Calls that come in."""

    async def test_the_offer_says_what_relay_says(self) -> None:
        """calling.call.receive has ids, context, state, direction, device and tag, in a complete envelope."""
        async with running_emulator() as emulator, connected(emulator) as client:
            call = await emulator.place_call(from_number="+1", to_number="+2", tag="tagged")
            assert await client.event(RECEIVE) == {
                "call_id": call.call_id,
                "node_id": call.node_id,
                "segment_id": call.segment_id,
                "direction": "inbound",
                "device": {"type": "phone", "params": {"from_number": "+1", "to_number": "+2"}},
                "tag": "tagged",
                "call_state": "created",
                "context": "default",
                "project_id": "demo",
            }
            envelope = next(f["params"] for f in client.requests if f["params"]["event_type"] == RECEIVE)
            assert envelope["event_channel"] == client.responses[0]["result"]["protocol"]
            assert envelope["project_id"] == "demo"
            assert envelope["context"] == "default"
            assert isinstance(envelope["timestamp"], float)

    async def test_the_offer_may_say_ringing(self) -> None:
        """Both words have been seen, so both can be had."""
        async with running_emulator(receive_state="ringing") as emulator, connected(emulator) as client:
            await emulator.place_call()
            assert (await client.event(RECEIVE))["call_state"] == "ringing"

    async def test_answer_then_end(self) -> None:
        """Answered, ending and ended are told in order, with the reason; afterwards the call is gone (410)."""
        async with running_emulator() as emulator, connected(emulator) as client:
            call = await emulator.place_call()
            assert (await client.ok("calling.answer", **ids(call)))["message"] == "Answered"
            assert await client.code("calling.answer", **ids(call)) == "409"
            assert await client.code("calling.end", **ids(call), reason="nonsense") == "400"
            assert (await client.ok("calling.end", **ids(call), reason="busy"))["message"] == "Disconnecting call"
            assert await call_states(client, call.call_id) == ["answered", "ending", "ended"]
            assert client.events(STATE)[-1]["end_reason"] == "busy"
            assert await client.code("calling.end", **ids(call)) == "410"
            with pytest.raises(UnknownCall):
                await emulator.hang_up(call.call_id)

    async def test_far_end_hangs_up(self) -> None:
        """The far end's hangup is told as ending and ended."""
        async with running_emulator() as emulator, connected(emulator) as client:
            call = await emulator.place_call()
            await emulator.hang_up(call.call_id, reason="abandoned")
            assert await call_states(client, call.call_id) == ["ending", "ended"]
            assert client.events(STATE)[-1]["end_reason"] == "abandoned"

    async def test_nobody_answers(self) -> None:
        """An unanswered call ends with noAnswer after ring_timeout."""
        async with running_emulator(ring_timeout=0.01) as emulator, connected(emulator) as client:
            await emulator.place_call()
            assert (await client.event(STATE, call_state="ended"))["end_reason"] == "noAnswer"

    async def test_a_call_has_a_lifetime(self) -> None:
        """With call_lifetime an answered call ends with max_duration, and the ring timer is off."""
        async with running_emulator(call_lifetime=0.01) as emulator, connected(emulator) as client:
            call = await emulator.place_call()
            await client.ok("calling.answer", **ids(call))
            assert (await client.event(STATE, call_state="ended"))["end_reason"] == "max_duration"

    async def test_pass_goes_round_and_ends(self) -> None:
        """A passed call is offered to the next session of the context, and ends when all have passed."""
        async with running_emulator() as emulator, connected(emulator) as one, connected(emulator) as two:
            call = await emulator.place_call()
            first, second = (one, two) if call.session == owner(emulator, one) else (two, one)
            await first.event(RECEIVE)
            assert (await first.ok("calling.pass", **ids(call)))["message"] == "Passing call"
            await second.event(RECEIVE, call_id=call.call_id)
            await second.ok("calling.pass", **ids(call))
            assert call.state == "ended"
            assert call.end_reason == "noAnswer"
            assert await second.code("calling.pass", **ids(call)) == "410"

    async def test_unknown_calls_and_missing_params(self) -> None:
        """404 for what never was or is on another node or project, -32602 for what is not given."""
        projects = {"demo": "demo-token", "two": "t2"}
        async with (
            running_emulator(projects=projects, ended_call_limit=1) as emulator,
            connected(emulator) as client,
            connected(emulator, authentication={"project": "two", "token": "t2"}, contexts=[]) as other,
        ):
            call = await emulator.place_call()
            assert await client.code("calling.answer", node_id="n", call_id="c") == "404"
            assert await client.code("calling.answer", node_id="n", call_id=call.call_id) == "404"
            assert await other.code("calling.answer", **ids(call)) == "404"
            assert await client.code("calling.answer", call_id=call.call_id) == "-32602"
            assert await client.code("calling.answer", node_id=1, call_id=call.call_id) == "-32602"
            answer = await client.ask("calling.answer", [1])
            assert answer["error"]["code"] == -32602
            for ended in (call, await emulator.place_call()):
                await emulator.hang_up(ended.call_id)
            assert await client.code("calling.answer", **ids(call)) == "404"

    async def test_calls_outlive_sessions(self) -> None:
        """A call whose session was lost goes over to the session of the project that commands it."""
        async with running_emulator() as emulator:
            async with connected(emulator):
                call = await emulator.place_call()
                await emulator.cut()
            async with connected(emulator) as heir:
                await heir.ok("calling.answer", **ids(call))
                await heir.event(STATE, call_id=call.call_id, call_state="answered")


class TestDial:
    """calling.dial and its events."""

    async def test_the_first_to_answer_wins(self) -> None:
        """In a parallel dial the winner is told, and the losers only get ended."""
        async with running_emulator() as emulator, connected(emulator) as client:
            emulator.devices["+1"] = NoAnswer()
            emulator.devices["+2"] = Answer(after=0)
            await dial(client, [phone("+1"), phone("+2")])
            told = await client.event(DIAL, dial_state="answered")
            assert "call_id" not in told
            assert told["call"]["dial_winner"] is True
            assert told["call"]["device"] == phone("+2")
            assert told["tag"] == told["call"]["tag"] == "t"
            assert [event["dial_state"] for event in client.events(DIAL)] == ["dialing", "answered"]
            loser = next(call for call in emulator.calls.values() if call.device == phone("+1"))
            assert await call_states(client, loser.call_id) == ["created", "ringing", "ended"]
            winner = told["call"]["call_id"]
            states = [event for event in client.events(STATE) if event["call_id"] == winner]
            assert [event["call_state"] for event in states] == ["created", "ringing", "answered"]
            assert {event["tag"] for event in states} == {"t"}

    async def test_only_one_wins_when_two_answer_at_once(self) -> None:
        """Two devices that answer at the same moment make one winner."""
        async with running_emulator(default_device=Answer(after=0)) as emulator, connected(emulator) as client:
            await dial(client, [phone("+1"), phone("+2")])
            await client.event(DIAL, dial_state="answered")
            assert sorted(call.state for call in emulator.calls.values()) == ["answered", "ended"]

    async def test_groups_are_tried_in_turn(self) -> None:
        """A busy group gives way to the next; when none answers the dial has failed."""
        numbers = {"+1": Busy(), "+2": NoAnswer(after=0.01), "+3": Answer(after=10)}
        async with running_emulator(numbers=numbers) as emulator, connected(emulator) as client:
            await dial(client, [phone("+1")], [phone("+2"), phone("+3", timeout=0.01)])
            assert "call" not in await client.event(DIAL, dial_state="failed")
            reasons = [call.end_reason for call in emulator.calls.values()]
            assert reasons == ["busy", "noAnswer", "noAnswer"]

    async def test_far_end_answers_on_command(self) -> None:
        """A ringing leg can be answered by hand, once."""
        async with running_emulator(default_device=NoAnswer()) as emulator, connected(emulator) as client:
            await dial(client, [phone("+1")])
            leg = (await client.event(STATE, call_state="ringing"))["call_id"]
            await emulator.answer_far_end(leg)
            assert (await client.event(DIAL, dial_state="answered"))["call"]["call_id"] == leg
            with pytest.raises(UnknownCall):
                await emulator.answer_far_end(leg)
            assert await client.code("calling.answer", **ids(emulator.calls[leg])) == "409"

    async def test_a_leg_can_be_ended_while_it_rings(self) -> None:
        """Ending the only leg fails the dial, and the tag is free again; meanwhile it is taken (409)."""
        async with running_emulator(default_device=NoAnswer()) as emulator, connected(emulator) as client:
            await dial(client, [phone("+1")])
            assert await client.code("calling.dial", tag="t", devices=[[phone("+2")]]) == "409"
            leg = await client.event(STATE, call_state="ringing")
            await client.ok("calling.end", node_id=leg["node_id"], call_id=leg["call_id"], reason="cancel")
            await client.event(DIAL, dial_state="failed")
            await dial(client, [phone("+1")])

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"devices": [[phone("+1")]]}, "-32602"),
            ({"tag": "t"}, "-32602"),
            ({"tag": "t", "devices": []}, "-32602"),
            ({"tag": "t", "devices": [phone("+1")]}, "-32602"),
            ({"tag": "t", "devices": [[{"type": "phone"}]]}, "-32602"),
            ({"tag": "t", "devices": [[{"type": "phone", "params": {"to_number": "+1"}}]]}, "-32602"),
            ({"tag": "t", "devices": [[phone("+1", timeout="long")]]}, "-32602"),
            ({"tag": "t", "devices": [[phone("+1", timeout=-1)]]}, "-32602"),
            ({"tag": "t", "devices": [[{"type": "pigeon", "params": {}}]]}, "400"),
            ({"tag": "t", "devices": [[phone("+1")]], "max_duration": True}, "-32602"),
            ({"tag": "t", "devices": [[phone("+1")]], "region": 5}, "-32602"),
        ],
    )
    async def test_bad_dials(self, params: dict[str, Any], code: str) -> None:
        """What is missing or mistyped is refused, and no call is made."""
        async with running_emulator() as emulator, connected(emulator) as client:
            assert await client.code("calling.dial", **params) == code
            assert not emulator.calls

    async def test_sip_devices(self) -> None:
        """SIP addresses can be dialled as well, and behave by their address."""
        device = {"type": "sip", "params": {"from": "sip:a@x", "to": "sip:b@x"}}
        async with running_emulator(numbers={"sip:b@x": Busy()}) as emulator, connected(emulator) as client:
            await dial(client, [device])
            await client.event(DIAL, dial_state="failed")


def owner(emulator: Emulator, client: RawRelayClient) -> Any:
    """The emulator's session of a client."""
    return emulator.sessions[client.responses[0]["result"]["protocol"]]
