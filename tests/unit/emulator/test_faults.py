"""Which frames faults match, when they strike, and how they add up."""

from typing import Any

import msgspec
import pytest

from gateway.emulator.actions import ACTIONS, CloseSocket, Delay, Drop, Duplicate, HalfOpen, Hold, Reorder, SendRaw
from gateway.emulator.faults import Fault, FaultSet, Subject
from gateway.emulator.frames import CLIENT_TO_SERVER, SERVER_TO_CLIENT
from gateway.emulator.plan import Deliver

EVENT = {
    "jsonrpc": "2.0", "id": "e", "method": "signalwire.event",
    "params": {"event_type": "calling.call.stream", "params": {"call_id": "c", "control_id": "k"}},
}  # fmt: skip


def passes(fault: Fault, frame: dict[str, Any], direction: Any = SERVER_TO_CLIENT) -> bool:
    """Whether a frame gets past one fault."""
    faults = FaultSet()
    faults.add(fault)
    return faults.plan(direction, frame, Subject.of(frame)).passes


@pytest.mark.parametrize(
    ("frame", "subject"),
    [
        (EVENT, Subject("signalwire.event", "calling.call.stream", "c", "k")),
        ({"method": "calling.end", "params": {"call_id": "c"}}, Subject("calling.end", "", "c", "")),
        ({"method": "x", "params": {"event_type": "d", "params": {"call": {"call_id": "c"}}}}, Subject("x", "d", "c")),
        ({"method": "x", "params": {"event_type": "d", "params": []}}, Subject("x", "d")),
        ({"method": "x", "params": 5}, Subject("x")),
        ({"method": "x"}, Subject("x")),
    ],
)
def test_subjects(frame: dict[str, Any], subject: Subject) -> None:
    """Method, event type, call and control id are found where RELAY has them."""
    assert Subject.of(frame) == subject


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, True),
        ({"direction": SERVER_TO_CLIENT}, True),
        ({"direction": CLIENT_TO_SERVER}, False),
        ({"method": "signalwire.event"}, True),
        ({"method": "calling.end"}, False),
        ({"event_type": "calling.call.stream", "call_id": "c", "control_id": "k"}, True),
        ({"event_type": "calling.call.state"}, False),
        ({"call_id": "other"}, False),
        ({"control_id": "other"}, False),
        ({"response": False}, True),
        ({"response": True}, False),
        ({"probability": 0.0}, False),
        ({"nth": 2}, False),
    ],
)
def test_everything_given_must_hold(rule: dict[str, Any], struck: bool) -> None:
    """A fault strikes only where all of its matches hold."""
    assert passes(Fault(Drop(), **rule), EVENT) is not struck


def test_nth_and_times_count_matches() -> None:
    """`nth` is where a fault begins, `times` how often it strikes from there."""
    faults = FaultSet()
    name = faults.add(Fault(Drop(), nth=2, times=2))
    passed = [faults.plan(SERVER_TO_CLIENT, EVENT, Subject()).passes for _ in range(5)]
    assert passed == [True, False, False, True, True]
    assert faults.struck(name) == 2


def test_faults_add_up_in_order() -> None:
    """A duplicate made first is delayed twice; made after the delay both copies are late as well."""
    faults = FaultSet()
    names = [faults.add(Fault(action)) for action in (Duplicate(), Delay(1), Delay(2), Hold(), Reorder())]
    plan = faults.plan(SERVER_TO_CLIENT, EVENT, Subject())
    assert plan.effects == [Deliver(EVENT, 3, names[3], after_next=True)] * 2
    assert plan.struck == names


def test_effects_around_a_frame() -> None:
    """Raw texts and closes stand before or after it; half-open leaves nothing else."""
    before, after = CloseSocket(), CloseSocket(when="after")
    faults = FaultSet()
    for action in (before, after, SendRaw("a"), SendRaw("b", when="after")):
        faults.add(Fault(action))
    effects = faults.plan(SERVER_TO_CLIENT, EVENT, Subject()).effects
    assert effects == [SendRaw("a"), before, Deliver(EVENT), after, SendRaw("b", when="after")]
    faults.add(Fault(HalfOpen()))
    assert faults.plan(SERVER_TO_CLIENT, EVENT, Subject()).effects == [HalfOpen()]


def test_a_request_of_the_server_is_not_answered_by_itself() -> None:
    """A reply makes sense for a client's request or a response only; an event stays as it is."""
    faults = FaultSet()
    faults.add(msgspec.convert({"action": {"do": "reply", "code": "500"}}, Fault))
    assert faults.plan(SERVER_TO_CLIENT, EVENT, Subject()).effects == [Deliver(EVENT)]


def test_held_frames_go_in_order_and_by_name() -> None:
    """Releasing one fault leaves what another holds; removing releases too."""
    gone: list[str] = []
    faults = FaultSet()
    one, two = faults.add(Fault(Hold())), faults.add(Fault(Hold()))
    for name, text in ((one, "a"), (two, "b"), (one, "c")):
        faults.hold(name, lambda text=text: gone.append(text))  # type: ignore[misc] # binds the loop's text
    assert faults.release(one) == 2
    assert gone == ["a", "c"]
    assert faults.held == 1
    faults.remove(two)
    assert gone == ["a", "c", "b"]
    assert [name for name, _ in faults] == [one]
    with pytest.raises(KeyError):
        faults.remove(two)


def test_chance_depends_on_seed_and_place_only() -> None:
    """A rule draws the same numbers whatever other rules there are; another seed draws others."""

    def drawn(seed: int, others: int) -> list[bool]:
        faults = FaultSet()
        faults.reseed(seed)
        faults.add(Fault(Drop(), probability=0.5))
        for _ in range(others):
            faults.add(Fault(Delay(1), probability=0.5))
        return [faults.plan(SERVER_TO_CLIENT, EVENT, Subject()).passes for _ in range(50)]

    assert drawn(1, 0) == drawn(1, 3)
    assert drawn(1, 0) != drawn(2, 0)


def test_every_action_has_a_form_in_json() -> None:
    """Each action can be read back from the JSON it is written as."""
    examples = [
        '{"do":"drop"}', '{"do":"duplicate","n":2}', '{"do":"delay","seconds":0.5}', '{"do":"hold"}',
        '{"do":"reorder"}', '{"do":"omit","fields":["result.protocol"]}', '{"do":"patch","set":{"result.code":"201"}}',
        '{"do":"reply","code":"500","message":"m"}', '{"do":"reply_error","code":-32000,"message":"m"}',
        '{"do":"close","when":"after","code":1011}', '{"do":"half_open"}',
        '{"do":"send_raw","text":"x","when":"after","binary":true}',
    ]  # fmt: skip
    faults = [msgspec.json.decode(f'{{"action":{example}}}', type=Fault) for example in examples]
    assert [type(fault.action) for fault in faults] == list(ACTIONS)
    assert [msgspec.json.encode(fault.action).decode() for fault in faults] == examples
