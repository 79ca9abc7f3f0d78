"""SignalWire's SDK takes and makes calls on the emulator: inbound, dialled, refused, lost."""

import asyncio

import pytest
from signalwire.relay import RelayError
from signalwire.relay.call import Call as SdkCall

from gateway.emulator.actions import Duplicate
from gateway.emulator.certificates import Certificates
from gateway.emulator.faults import Fault
from gateway.emulator.options import Answer, Busy, NoAnswer
from tests.support.sdk_client import SdkWorld, sdk_world

DIAL = "calling.call.dial"
RECEIVE = "calling.call.receive"
STATE = "calling.call.state"
BUSY, FAST, SLOW, MUTE = "+15550000001", "+15550000002", "+15550000003", "+15550000004"
NUMBERS = {BUSY: Busy(), FAST: Answer(after=0.01), SLOW: Answer(after=5.0), MUTE: NoAnswer()}


def phone(number: str) -> dict[str, object]:
    """A device of calling.dial."""
    return {"type": "phone", "params": {"to_number": number, "from_number": "+15550009999"}}


class TestInbound:
    """Calls that come in."""

    async def test_call_has_what_the_handler_needs(self, certificates: Certificates) -> None:
        """The SDK reads ids, direction, device, tag and state from calling.call.receive."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.incoming(from_number="+15551112222", to_number="+15553334444", tag="sales")
            device = {"type": "phone", "params": {"from_number": "+15551112222", "to_number": "+15553334444"}}
            assert (taken.node_id, taken.segment_id, taken.project_id) == (call.node_id, call.segment_id, "demo")
            assert (taken.direction, taken.device, taken.tag, taken.state) == ("inbound", device, "sales", "created")

    async def test_call_is_answered_and_ended(self, certificates: Certificates) -> None:
        """Answer and hangup send the ids and the reason; the states come back in order, with the reason on the last."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.incoming()
            states: list[str] = []
            taken.on(STATE, lambda event: states.append(event.params["call_state"]))
            assert await taken.answer() == {"code": "200", "message": "Answered"}
            assert await taken.hangup("busy") == {"code": "200", "message": "Disconnecting call"}
            ended = await taken.wait_for_ended(timeout=10)
            ids = {"node_id": call.node_id, "call_id": call.call_id}
            assert world.sent("calling.answer")[0].params == ids
            assert world.sent("calling.end")[0].params == {**ids, "reason": "busy"}
            assert (ended.params["end_reason"], taken.state) == ("busy", "ended")
            assert states == ["answered", "ending", "ended"]

    async def test_far_end_hangs_up(self, certificates: Certificates) -> None:
        """A caller who hangs up is told."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            await world.emulator.hang_up(call.call_id, "abandoned")
            assert (await taken.wait_for_ended(timeout=10)).params["end_reason"] == "abandoned"

    async def test_call_is_passed_on(self, certificates: Certificates) -> None:
        """pass_ gives the call back; with nobody else it ends unanswered."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.incoming()
            assert await taken.pass_() == {"code": "200", "message": "Passing call"}
            assert world.sent("calling.pass")[0].params == {"node_id": call.node_id, "call_id": call.call_id}
            assert (call.state, call.end_reason) == ("ended", "noAnswer")

    async def test_event_that_comes_twice_is_a_second_call(self, certificates: Certificates) -> None:
        """Duplicates are not told apart: the handler gets a second object, and the first one hears nothing more."""
        async with sdk_world(certificates) as world:
            await world.connected()
            world.emulator.faults.add(Fault(Duplicate(), event_type=RECEIVE, times=1))
            _, first = await world.incoming()
            async with asyncio.timeout(10):
                second = await world.offered.get()
            await second.answer()
            await second.wait_for_answered(timeout=10)
            assert (first.call_id, first.state) == (second.call_id, "created")

    async def test_time_of_an_event_is_not_found(self, certificates: Certificates) -> None:
        """The SDK looks for `timestamp` in the inner params; RELAY has it in the outer ones."""
        async with sdk_world(certificates) as world:
            await world.connected()
            call, taken = await world.answered()
            await world.emulator.hang_up(call.call_id)
            assert (await taken.wait_for_ended(timeout=10)).timestamp == 0.0


class TestRefused:
    """What the SDK makes of codes."""

    async def test_commands_on_a_call_that_is_gone_do_nothing(self, certificates: Certificates) -> None:
        """410 and 404 raise nothing and yield an empty result."""
        async with sdk_world(certificates, ended_call_limit=1) as world:
            await world.connected()
            _, first = await world.answered()
            await first.hangup()
            assert await first.hangup() == {}
            _, second = await world.answered()
            await second.hangup()  # now the emulator has forgotten the first
            assert await first.hangup() == {}
            codes = [
                frame.json["result"]["code"]
                for frame in world.emulator.frames
                if frame.is_response and frame.method == "calling.end"
            ]
            assert codes == ["200", "410", "200", "404"]

    async def test_other_codes_are_raised_as_numbers(self, certificates: Certificates) -> None:
        """A code that is text on the wire is a number in RelayError."""
        async with sdk_world(certificates) as world:
            await world.connected()
            _, taken = await world.answered()
            with pytest.raises(RelayError) as refused:
                await taken.answer()
            assert refused.value.code == 409

    async def test_json_rpc_errors_are_raised_alike(self, certificates: Certificates) -> None:
        """A JSON-RPC error and a result that is no 2xx are the same exception."""
        async with sdk_world(certificates) as world:
            await world.connected()
            with pytest.raises(RelayError, match=r"params\.node_id") as refused:
                await world.client.execute("calling.answer", {})
            assert refused.value.code == -32602
            with pytest.raises(RelayError) as unknown:
                await world.client.execute("calling.sing", {})
            assert unknown.value.code == -32601


class TestDial:
    """Calls that go out."""

    async def test_answered_dial_is_a_call(self, certificates: Certificates) -> None:
        """The winner of the event calling.call.dial is what dial returns; max_duration is passed on, in minutes."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            taken = await world.client.dial([[phone(FAST)]], tag="out", max_duration=5, dial_timeout=10)
            call = world.emulator.calls[taken.call_id]
            assert world.sent("calling.dial")[0].params == {
                "tag": "out",
                "devices": [[phone(FAST)]],
                "max_duration": 5,
            }
            assert (taken.node_id, taken.tag, taken.direction) == (call.node_id, "out", "outbound")
            assert (taken.state, taken.device) == ("answered", phone(FAST))
            await taken.hangup()
            assert (await taken.wait_for_ended(timeout=10)).params["end_reason"] == "hangup"

    async def test_groups_are_tried_in_turn_and_the_first_to_answer_wins(self, certificates: Certificates) -> None:
        """A busy first group is followed by the second, whose slower device is called off."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            taken = await world.client.dial([[phone(BUSY)], [phone(SLOW), phone(FAST)]], dial_timeout=10)
            assert taken.device == phone(FAST)
            reasons = {call.device["params"]["to_number"]: call.end_reason for call in world.emulator.calls.values()}
            assert reasons == {BUSY: "busy", SLOW: "cancel", FAST: ""}

    async def test_busy_dial_fails(self, certificates: Certificates) -> None:
        """dial_state failed is a RelayError of code -1, without a reason."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            with pytest.raises(RelayError, match="Dial failed") as failed:
                await world.client.dial([[phone(BUSY)]], dial_timeout=10)
            assert failed.value.code == -1

    async def test_refused_dial_fails_with_its_code(self, certificates: Certificates) -> None:
        """A device of an unknown type is refused before anything rings."""
        async with sdk_world(certificates) as world:
            await world.connected()
            with pytest.raises(RelayError) as refused:
                await world.client.dial([[{"type": "pigeon", "params": {}}]])
            assert refused.value.code == 400
            assert not world.emulator.calls

    async def test_tag_in_use_is_refused(self, certificates: Certificates) -> None:
        """A second dial with the tag of one in progress is a 409; the first one's answer then finds nobody."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            first = asyncio.create_task(world.client.dial([[phone(MUTE)]], tag="out"), name="first-dial")
            await self._ringing(world)
            with pytest.raises(RelayError) as refused:
                await world.client.dial([[phone(FAST)]], tag="out")
            assert refused.value.code == 409
            (leg,) = world.emulator.calls.values()
            await world.emulator.answer_far_end(leg.call_id)
            await self._told_answered(world)
            assert not first.done()
            await self._give_up(first)

    async def test_dial_that_times_out_leaves_the_call_ringing(self, certificates: Certificates) -> None:
        """The SDK only stops to wait: nothing is sent to end the legs."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            with pytest.raises(RelayError, match="timed out"):
                await world.client.dial([[phone(MUTE)]], dial_timeout=0.05)
            await world.settled()
            assert [call.state for call in world.emulator.calls.values()] == ["ringing"]

    async def test_dial_is_lost_with_the_socket(self, certificates: Certificates) -> None:
        """A cut fails the dial at once; the leg rings on, and its answer after the resume finds nobody."""
        async with sdk_world(certificates, numbers=NUMBERS) as world:
            await world.connected()
            dial = asyncio.create_task(world.client.dial([[phone(MUTE)]], tag="out"), name="dial")
            await self._ringing(world)
            await world.emulator.cut()
            with pytest.raises(RelayError, match="Connection closed during dial"):
                await dial
            (leg,) = world.emulator.calls.values()
            await world.connected(2)
            await world.emulator.answer_far_end(leg.call_id)
            await self._told_answered(world)
            assert not world.session.unacked
            assert leg.state == "answered"
            assert world.offered.empty()

    async def _ringing(self, world: SdkWorld) -> None:
        await world.emulator.frames.wait_for(
            lambda frame: frame.event_type == STATE and frame.params.get("call_state") == "ringing"
        )

    async def _told_answered(self, world: SdkWorld) -> None:
        await world.emulator.frames.wait_for(
            lambda frame: (
                frame.event_type == DIAL and not frame.is_response and frame.params["dial_state"] == "answered"
            )
        )
        await world.settled()

    async def _give_up(self, dial: asyncio.Task[SdkCall]) -> None:
        dial.cancel()
        await asyncio.wait([dial])
