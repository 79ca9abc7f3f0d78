"""Calls, dials and contexts: an engine with a real session, against the emulator and its faults."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.domain.calls import Call, CallState, DialState, Direction
from gateway.domain.errors import (
    CallEnded,
    CallNotFound,
    CallstreamError,
    DeadlineExceeded,
    DialFailed,
    Draining,
    JournalUnavailable,
    OutcomeUnknown,
    RelayDisconnected,
    RelayFailed,
    RelayRejected,
)
from gateway.domain.events import EventType
from gateway.domain.streams import EndReason, StreamState
from gateway.emulator.actions import CloseSocket, Drop, Hold, Reply
from gateway.emulator.faults import Fault
from gateway.emulator.frames import SERVER_TO_CLIENT
from gateway.emulator.model import Call as EmulatedCall
from gateway.emulator.options import Busy, NoAnswer
from gateway.engine.clock import Clock
from gateway.engine.orders import AnswerCall, DialOrder, EndCall, PassCall
from gateway.relay import wire
from tests.support.engines import Running, World, failing, in_time, order_for, running_engine, soon, stalled


def phone(number: str) -> Mapping[str, Any]:
    """A device."""
    return {"type": "phone", "params": {"from_number": "+15550000000", "to_number": number}}


def dial_of(tag: str, *groups: list[str], **fields: Any) -> DialOrder:
    """An order to call these numbers: groups in turn, the numbers of one at the same time."""
    return DialOrder(tag, [[phone(number) for number in group] for group in groups], **fields)


async def elsewhere(relay: World) -> EmulatedCall:
    """A call of the same project that the gateway has not heard of."""
    async with running_engine(relay.emulator, contexts=["elsewhere"]) as other:
        call = await relay.emulator.place_call(context="elsewhere")
        await other.call(call.call_id)
    return call


class TestAnswer:
    """AnswerCall."""

    async def test_an_inbound_call(self, relay: World, gateway: Running) -> None:
        """RELAY is asked, and reports the answer."""
        call = await relay.incoming(gateway, from_number="+1555")
        known = await gateway.call(call.call_id)
        assert (known.state, known.direction, known.context) == (CallState.CREATED, Direction.INBOUND, "default")
        await gateway.engine.calls.answer(AnswerCall(call.call_id, codecs=["PCMU", "OPUS"]), in_time())
        answered = await gateway.call(call.call_id, CallState.ANSWERED)
        assert answered.answer_time
        (frame,) = relay.sent(wire.ANSWER)
        assert frame.params == {"node_id": call.node_id, "call_id": call.call_id, "codecs": ["PCMU", "OPUS"]}

    async def test_again(self, relay: World, gateway: Running) -> None:
        """Answering what is answered succeeds, and RELAY is not bothered."""
        call = await relay.incoming(gateway)
        await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        await gateway.call(call.call_id, CallState.ANSWERED)
        again = await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        assert again.state is CallState.ANSWERED
        assert len(relay.sent(wire.ANSWER)) == 1

    async def test_an_ended_call(self, relay: World, gateway: Running) -> None:
        """A call that is over can't be answered, nor passed on."""
        call = await relay.incoming(gateway)
        await relay.emulator.hang_up(call.call_id)
        await gateway.call(call.call_id, CallState.ENDED)
        with pytest.raises(CallEnded):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        with pytest.raises(CallEnded):
            await gateway.engine.calls.pass_on(PassCall(call.call_id), in_time())
        assert not relay.sent(wire.ANSWER)

    async def test_an_unknown_call(self, relay: World, gateway: Running) -> None:
        """Without a node RELAY could not find it; with one it can, and the call is known from then on."""
        call = await elsewhere(relay)
        with pytest.raises(CallNotFound, match="give node_id"):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        await gateway.engine.calls.answer(AnswerCall(call.call_id, node_id=call.node_id), in_time())
        known = await gateway.call(call.call_id, CallState.UNKNOWN, CallState.ANSWERED)
        assert known.node_id == call.node_id

    @pytest.mark.parametrize(("code", "error"), [("404", CallNotFound), ("410", CallEnded)])
    async def test_a_call_that_relay_does_not_have(
        self, relay: World, gateway: Running, code: str, error: type[CallstreamError]
    ) -> None:
        """The call is over, whatever was missed, and so are its streams."""
        call = await relay.incoming(gateway)
        await gateway.engine.starts.start(order_for(call, control_id="s"), in_time())
        relay.emulator.faults.add(Fault(Reply(code), method=wire.ANSWER))
        with pytest.raises(error):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        ended = await gateway.call(call.call_id, CallState.ENDED)
        assert (ended.end_reason, ended.end_reason_inferred) == ("not_found", True)
        assert (await gateway.stream("s", StreamState.FINISHED)).end_reason is EndReason.CALL_ENDED

    async def test_a_refusal_and_a_failure(self, relay: World, gateway: Running) -> None:
        """Other codes are RELAY's answer, and say nothing about the call."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Reply("409"), method=wire.ANSWER, times=1))
        relay.emulator.faults.add(Fault(Reply("500"), method=wire.ANSWER, nth=2, times=1))
        with pytest.raises(RelayRejected):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        with pytest.raises(RelayFailed):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())

    async def test_a_lost_answer(self, relay: World, gateway: Running) -> None:
        """The caller is told that the outcome is unknown; RELAY's report tells the outcome."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.ANSWER, times=1))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())
        await gateway.call(call.call_id, CallState.ANSWERED)
        assert (await gateway.engine.calls.answer(AnswerCall(call.call_id), in_time())).state is CallState.ANSWERED

    async def test_never_late(self, relay: World) -> None:
        """After the deadline, without a session, without a journal and while draining nothing is sent."""
        async with running_engine(relay.emulator, relay_wait=0.01) as gateway:
            call = await relay.incoming(gateway)
            order = AnswerCall(call.call_id)
            with pytest.raises(DeadlineExceeded):
                await gateway.engine.calls.answer(order, in_time(-1))
            relay.emulator.refuse_connections()
            await relay.emulator.cut()
            await gateway.until_type(EventType.SESSION_DOWN)
            with pytest.raises(RelayDisconnected):
                await gateway.engine.calls.answer(order, in_time())
            with failing(gateway.journal):
                gateway.engine.recorder.append([])
                with pytest.raises(JournalUnavailable):
                    await gateway.journal.committed(gateway.journal.head + 1)
                with pytest.raises(JournalUnavailable):
                    await gateway.engine.calls.answer(order, in_time())
                await gateway.engine.drain(0.0)
                with pytest.raises(Draining):
                    await gateway.engine.calls.answer(order, in_time())
            assert not relay.sent(wire.ANSWER)

    async def test_the_process_leaves_while_relay_thinks(self, relay: World, gateway: Running) -> None:
        """What was sent and not answered when the process leaves has an unknown outcome."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.ANSWER))
        answering = asyncio.create_task(gateway.engine.calls.answer(AnswerCall(call.call_id), in_time()))
        await relay.command(wire.ANSWER)
        await gateway.engine.drain(0.0)
        with pytest.raises(OutcomeUnknown, match="shutting down"):
            await answering

    async def test_the_process_leaves_in_its_own_time(self, relay: World, gateway: Running) -> None:
        """A drain with patience lets what is under way end."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.ANSWER))
        answering = asyncio.create_task(gateway.engine.calls.answer(AnswerCall(call.call_id), in_time()))
        await relay.command(wire.ANSWER)
        draining = asyncio.create_task(gateway.engine.drain(10.0))
        await asyncio.wait([draining], timeout=0.01)
        assert gateway.engine.draining
        assert not draining.done()
        relay.emulator.faults.clear()
        await draining
        await answering


class TestPass:
    """PassCall."""

    async def test_nobody_else_takes_it(self, relay: World, gateway: Running) -> None:
        """Nobody tells this session how a passed call goes on, so it does not stay among the ringing ones for ever."""
        call = await relay.incoming(gateway)
        passed = await gateway.engine.calls.pass_on(PassCall(call.call_id), in_time())
        assert passed.state is CallState.UNKNOWN
        await gateway.call(call.call_id, CallState.UNKNOWN)
        (frame,) = relay.sent(wire.PASS)
        assert frame.params == {"node_id": call.node_id, "call_id": call.call_id}

    async def test_somebody_else_takes_it(self, relay: World, gateway: Running) -> None:
        """Another session of the context gets the call."""
        call = await relay.incoming(gateway)
        async with running_engine(relay.emulator) as other:
            await gateway.engine.calls.pass_on(PassCall(call.call_id), in_time())
            assert (await other.call(call.call_id)).state is CallState.CREATED

    async def test_the_caller_leaves(self, relay: World, gateway: Running) -> None:
        """A pass that was sent takes effect without its caller."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Hold(), method=wire.PASS))
        passing = asyncio.create_task(gateway.engine.calls.pass_on(PassCall(call.call_id), in_time()))
        await relay.command(wire.PASS)
        passing.cancel()
        await asyncio.wait([passing])
        relay.emulator.faults.clear()
        await gateway.call(call.call_id, CallState.UNKNOWN)

    async def test_an_unknown_call(self, relay: World, gateway: Running) -> None:
        """A call that only a client knew of can be passed on; that changes nothing about it here."""
        call = await elsewhere(relay)
        passed = await gateway.engine.calls.pass_on(PassCall(call.call_id, node_id=call.node_id), in_time())
        assert passed.state is CallState.UNKNOWN
        await gateway.call(call.call_id)
        assert [event.type for event in await gateway.events() if event.call_id] == [EventType.CALL_UNKNOWN]


class TestEnd:
    """EndCall."""

    async def test_a_call_whose_node_only_the_client_knows(self, relay: World, gateway: Running) -> None:
        """The node that the client gives is used where RELAY's reports named none."""
        call = await relay.incoming(gateway)
        await relay.emulator.send_event(wire.CALL_STATE, {"call_id": "c", "call_state": "answered"})
        await gateway.call("c")
        assert (await gateway.engine.calls.end(EndCall("c", node_id=call.node_id), in_time())).ended
        (frame,) = relay.sent(wire.END)
        assert frame.params["node_id"] == call.node_id

    async def test_a_call_with_a_stream(self, relay: World, gateway: Running) -> None:
        """RELAY hangs up for the reason given; the call's streams end with it, whatever RELAY reports first."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        await gateway.engine.starts.start(order, in_time())
        await gateway.engine.calls.end(EndCall(call.call_id, reason="busy"), in_time())
        ended = await gateway.call(call.call_id, CallState.ENDED)
        assert (ended.end_reason, ended.end_reason_inferred) == ("busy", False)
        assert (await gateway.stream("s", StreamState.FINISHED)).end_reason is EndReason.CALL_ENDED
        (frame,) = relay.sent(wire.END)
        assert frame.params == {"node_id": call.node_id, "call_id": call.call_id, "reason": "busy"}

    async def test_finished_before_any_word_of_the_call(self, relay: World, gateway: Running) -> None:
        """A `finished` that comes before RELAY tells that the call ends is put down to the hang-up."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        await gateway.engine.starts.start(order, in_time())
        relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STATE))
        await gateway.engine.calls.end(EndCall(call.call_id), in_time())
        stream = await gateway.stream("s", StreamState.FINISHED)
        assert (stream.end_reason, stream.end_reason_inferred) == (EndReason.CALL_ENDED, False)

    async def test_again(self, relay: World, gateway: Running) -> None:
        """Ending what has ended succeeds, and RELAY is not bothered."""
        call = await relay.incoming(gateway)
        await gateway.engine.calls.end(EndCall(call.call_id), in_time())
        await gateway.call(call.call_id, CallState.ENDED)
        assert (await gateway.engine.calls.end(EndCall(call.call_id), in_time())).ended
        assert len(relay.sent(wire.END)) == 1

    @pytest.mark.parametrize("code", ["404", "410"])
    async def test_a_call_that_relay_does_not_have(self, relay: World, gateway: Running, code: str) -> None:
        """That RELAY has it no more is what was wanted."""
        call = await relay.incoming(gateway)
        relay.emulator.faults.add(Fault(Reply(code), method=wire.END))
        ended = await gateway.engine.calls.end(EndCall(call.call_id), in_time())
        assert (ended.state, ended.end_reason_inferred) == (CallState.ENDED, True)

    async def test_an_unknown_call(self, relay: World, gateway: Running) -> None:
        """A call that the gateway has not heard of is ended at its node; that there is none is an error."""
        with pytest.raises(CallNotFound, match="give node_id"):
            await gateway.engine.calls.end(EndCall("nobody"), in_time())
        with pytest.raises(CallNotFound, match="RELAY has no call"):
            await gateway.engine.calls.end(EndCall("nobody", node_id="emulator-node"), in_time())
        call = await elsewhere(relay)
        await gateway.engine.calls.end(EndCall(call.call_id, node_id=call.node_id), in_time())
        assert relay.emulator.calls[call.call_id].ended

    async def test_a_refusal(self, relay: World, gateway: Running) -> None:
        """A hang-up that RELAY refused explains no later end of a stream."""
        call = await relay.incoming(gateway)
        order = order_for(call, relay.sink.url, control_id="s", until_streaming=True)
        await gateway.engine.starts.start(order, in_time())
        relay.emulator.faults.add(Fault(Reply("403"), method=wire.END))
        with pytest.raises(RelayRejected):
            await gateway.engine.calls.end(EndCall(call.call_id), in_time())
        await relay.emulator.drop_stream(call.call_id, "s")
        assert (await gateway.stream("s", StreamState.FINISHED)).end_reason is EndReason.REMOTE


class TestDial:
    """Dial."""

    async def test_somebody_answers(self, relay: World, gateway: Running) -> None:
        """RELAY gets the whole order; the caller gets the call that answered."""
        order = dial_of("t", ["+1"], region="us-west", max_price_per_minute=0.5, max_duration_minutes=60)
        dial, call = await gateway.engine.calls.dial(order, in_time())
        assert (dial.state, dial.call_id, call.state) == (DialState.ANSWERED, call.call_id, CallState.ANSWERED)
        assert (call.tag, call.direction) == ("t", Direction.OUTBOUND)
        assert gateway.journal.head >= gateway.registry.sequence_of(dial)
        (frame,) = relay.sent(wire.DIAL)
        assert frame.params == {
            "tag": "t",
            "devices": [[phone("+1")]],
            "region": "us-west",
            "max_price_per_minute": 0.5,
            "max_duration": 60,
        }

    async def test_the_answer_is_durable(self, relay: World, gateway: Running) -> None:
        """Nobody is told of a call that could be gone after a crash."""
        relay.emulator.devices["+1"] = NoAnswer()
        dialing = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
        ringing = await gateway.until_type(EventType.CALL_RINGING)
        with stalled(gateway.journal):
            await relay.emulator.answer_far_end(ringing.call_id)
            await soon(lambda: not gateway.registry.dialing())
            joining = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
            await asyncio.wait([joining], timeout=0.01)
            assert not joining.done()
        assert (await joining) == (await dialing)

    @pytest.mark.parametrize("code", ["500", "402"])
    async def test_what_never_rang_can_be_dialled_again(self, relay: World, gateway: Running, code: str) -> None:
        """A retry with the same tag, as the contract asks for, is a new attempt when RELAY tried no device."""
        relay.emulator.faults.add(Fault(Reply(code), method=wire.DIAL, times=1))
        with pytest.raises((RelayFailed, RelayRejected)):
            await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        dial, call = await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        assert (dial.state, call.state) == (DialState.ANSWERED, CallState.ANSWERED)
        assert len(relay.sent(wire.DIAL)) == 2

    async def test_what_rang_in_vain_is_not_dialled_again(self, relay: World, gateway: Running) -> None:
        """The same tag is the same attempt: nobody answered it."""
        relay.emulator.devices["+1"] = Busy()
        for _ in range(2):
            with pytest.raises(DialFailed):
                await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        assert len(relay.sent(wire.DIAL)) == 1

    async def test_defaults_are_left_to_relay(self, relay: World, gateway: Running) -> None:
        """What was not asked for is not sent."""
        await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        (frame,) = relay.sent(wire.DIAL)
        assert set(frame.params) == {"tag", "devices"}

    async def test_groups_in_turn(self, relay: World, gateway: Running) -> None:
        """The second group rings when the first one has not answered."""
        relay.emulator.devices["+1"] = Busy()
        relay.emulator.devices["+2"] = NoAnswer(after=0.0)
        _, call = await gateway.engine.calls.dial(dial_of("t", ["+1"], ["+2"], ["+3"]), in_time())
        assert call.device is not None
        assert "+3" in call.device.params_json
        legs = [known for known in gateway.registry.calls() if known.tag == "t" and known is not call]
        assert sorted(leg.end_reason for leg in legs if leg.ended) == ["busy", "noAnswer"]

    async def test_devices_at_the_same_time(self, relay: World, gateway: Running) -> None:
        """The first device to answer wins; the others end."""
        relay.emulator.devices["+1"] = NoAnswer()
        relay.emulator.devices["+2"] = NoAnswer()
        _, call = await gateway.engine.calls.dial(dial_of("t", ["+1", "+3", "+2"]), in_time())
        assert call.device is not None
        assert "+3" in call.device.params_json
        losers = {leg.call_id for leg in relay.emulator.calls.values() if leg.call_id != call.call_id}
        assert len(losers) == 2
        for loser in losers:
            assert (await gateway.call(loser, CallState.ENDED)).end_reason == "cancel"

    @pytest.mark.parametrize("behaviour", [Busy(), NoAnswer(after=0.0)])
    async def test_nobody_answers(self, relay: World, gateway: Running, behaviour: Busy | NoAnswer) -> None:
        """That no device answered is an error, and asking again tells the same."""
        relay.emulator.devices["+1"] = behaviour
        for _ in range(2):
            with pytest.raises(DialFailed) as caught:
                await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
            assert caught.value.details == {"tag": "t"}
        assert len(relay.sent(wire.DIAL)) == 1
        assert (await gateway.until_type(EventType.DIAL_FAILED)).subject == gateway.registry.dial("t")

    async def test_the_same_tag_again(self, relay: World, gateway: Running) -> None:
        """However often one asks with a tag, at once or later, it is one attempt with one call."""
        order = dial_of("t", ["+1"])
        outcomes = await asyncio.gather(*(gateway.engine.calls.dial(order, in_time()) for _ in range(4)))
        outcomes.append(await gateway.engine.calls.dial(order, in_time()))
        assert len({call.call_id for _, call in outcomes}) == 1
        assert len(relay.sent(wire.DIAL)) == 1

    async def test_a_caller_who_leaves(self, relay: World, gateway: Running) -> None:
        """RELAY goes on ringing; who asks again with the tag joins the attempt."""
        relay.emulator.devices["+1"] = NoAnswer()
        dialing = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
        ringing = await gateway.until_type(EventType.CALL_RINGING)
        dialing.cancel()
        await asyncio.wait([dialing])
        joining = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
        await asyncio.wait([joining], timeout=0.01)
        await relay.emulator.answer_far_end(ringing.call_id)
        assert (await joining)[1].call_id == ringing.call_id
        assert len(relay.sent(wire.DIAL)) == 1

    async def test_a_refusal(self, relay: World, gateway: Running) -> None:
        """RELAY refuses what it does not understand; the attempt has failed."""
        with pytest.raises(RelayRejected):
            await gateway.engine.calls.dial(DialOrder("t", [[{"type": "pigeon", "params": {}}]]), in_time())
        assert (await gateway.until_type(EventType.DIAL_FAILED)).subject == gateway.registry.dial("t")

    async def test_never_late(self, relay: World, gateway: Running) -> None:
        """After the deadline nothing is sent, and the attempt has failed."""
        with pytest.raises(DeadlineExceeded):
            await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time(-1))
        await gateway.until_type(EventType.DIAL_FAILED)
        with failing(gateway.journal), pytest.raises(JournalUnavailable):
            await gateway.engine.calls.dial(dial_of("u", ["+1"]), in_time())
        await gateway.engine.drain(0.0)
        with pytest.raises(Draining):
            await gateway.engine.calls.dial(dial_of("v", ["+1"]), in_time())
        assert not relay.sent(wire.DIAL)

    async def test_a_lost_answer(self, relay: World, gateway: Running) -> None:
        """The outcome is unknown to the caller; asking again waits for what RELAY reports."""
        relay.emulator.faults.add(Fault(CloseSocket("after"), method=wire.DIAL, times=1))
        with pytest.raises(OutcomeUnknown):
            await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        dial, _ = await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        assert dial.state is DialState.ANSWERED
        assert len(relay.sent(wire.DIAL)) == 1

    async def test_silence(self, relay: World) -> None:
        """A dial that RELAY says nothing more about has failed in the end."""
        async with running_engine(relay.emulator, dial_timeout=0.05) as gateway:
            relay.emulator.faults.add(Fault(Reply("200"), method=wire.DIAL))
            with pytest.raises(DialFailed):
                await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())

    async def test_silence_while_the_clock_jumps(self, relay: World) -> None:
        """It has the seconds that pass, not those that the machine's clock jumps."""
        skew = [0]
        clock = Clock(lambda: time.time_ns() // 1000 + sum(skew))
        async with running_engine(relay.emulator, clock=clock, dial_timeout=60.0, sweep_interval=0.01) as gateway:
            relay.emulator.faults.add(Fault(Reply("200"), method=wire.DIAL))
            dialing = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
            await relay.command(wire.DIAL)
            skew.append(3600 * 1_000_000)
            await relay.incoming(gateway)  # time is told, and the sweep comes by
            await asyncio.wait([dialing], timeout=0.05)
            assert not dialing.done()
            dialing.cancel()

    async def test_the_session_is_lost(self, relay: World, gateway: Running) -> None:
        """Nobody would report on a dial of a session that could not be restored."""
        relay.emulator.devices["+1"] = NoAnswer()
        dialing = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
        await gateway.until_type(EventType.CALL_RINGING)
        await relay.emulator.disconnect(restart=True)
        with pytest.raises(DialFailed):
            await dialing

    async def test_the_process_leaves_while_relay_thinks(self, relay: World, gateway: Running) -> None:
        """A dial that was sent is not taken for a failed one: the next process hears what becomes of it."""
        relay.emulator.faults.add(Fault(Hold(), method=wire.DIAL))
        dialing = asyncio.create_task(gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time()))
        await relay.command(wire.DIAL)
        await gateway.engine.drain(0.0)
        with pytest.raises(OutcomeUnknown):
            await dialing
        dial = gateway.registry.dial("t")
        assert dial is not None
        assert dial.state is DialState.DIALING

    async def test_a_call_that_was_not_reported(self, relay: World, gateway: Running) -> None:
        """The call that answered is known from the dial's own report if RELAY has sent no other."""
        relay.emulator.faults.add(Fault(Drop(), event_type=wire.CALL_STATE, direction=SERVER_TO_CLIENT))
        dial, call = await gateway.engine.calls.dial(dial_of("t", ["+1"]), in_time())
        assert (call.call_id, call.state, call.node_id) == (dial.call_id, CallState.ANSWERED, dial.node_id)


class TestContexts:
    """UpdateContexts."""

    async def test_adding_and_removing(self, relay: World, gateway: Running) -> None:
        """RELAY is told what changes; calls of a new context come in, also after a reconnect."""
        contexts = await gateway.engine.update_contexts(["support", "sales"], ["default"], in_time())
        assert contexts == ["sales", "support"]
        assert relay.session.contexts == {"sales", "support"}
        (receive,) = relay.sent(wire.RECEIVE)
        (unreceive,) = relay.sent(wire.UNRECEIVE)
        assert (receive.params, unreceive.params) == ({"contexts": ["sales", "support"]}, {"contexts": ["default"]})
        await relay.emulator.disconnect(restart=True)
        await gateway.until_type(EventType.SESSION_GAP)
        assert relay.session.contexts == {"sales", "support"}
        await relay.incoming(gateway, context="sales")

    async def test_while_draining(self, gateway: Running) -> None:
        """A process that leaves takes no new contexts."""
        await gateway.engine.drain(0.0)
        with pytest.raises(Draining):
            await gateway.engine.update_contexts(["more"], [], in_time())


async def test_reports_about_unknown_calls_are_taken_in(relay: World, gateway: Running) -> None:
    """Somebody may wait for a call that this session never heard of."""
    params = {"call_id": "c", "node_id": "n", "call_state": "answered", "direction": "outbound"}
    await relay.emulator.send_event(wire.CALL_STATE, params)
    call = await gateway.call("c", CallState.ANSWERED)
    assert isinstance(call, Call)
    assert (call.node_id, call.direction) == ("n", Direction.OUTBOUND)
