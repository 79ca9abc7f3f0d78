"""What follows for calls and dials: from RELAY's reports in any order, from commands, from the loss of a session."""

from itertools import permutations
from typing import Final

import pytest

from gateway.domain.calls import Call, CallState, Device, Dial, DialState, Direction
from gateway.domain.events import SessionChange
from gateway.domain.registry import Registry
from gateway.domain.rules import (
    CallReport,
    Decision,
    DialReport,
    StreamReport,
    call_gone,
    call_mentioned,
    call_reported,
    dial_moved,
    dial_reported,
    session_lost,
    stream_reported,
)
from tests.support.domain_values import CREATED, NOW, apply, call_in, registry_with

WORDS: Final = ["created", "ringing", "answered", "ending", "ended"]


def types(decision: Decision) -> list[str]:
    """The names of a decision's event types, in order."""
    return [draft.type.name for draft in decision.drafts]


def test_a_call_s_reports_in_order_are_its_events() -> None:
    """Each state of a call is an event of its own, and carries all that RELAY told."""
    registry, device = Registry(), Device("phone", "{}")
    seen = []
    for word in WORDS:
        told = CallReport(
            "call-1",
            word,
            node_id="n",
            segment_id="s",
            tag="t",
            direction=Direction.OUTBOUND,
            device=device,
            end_reason="busy" if word == "ended" else "",
        )
        seen += apply(registry, call_reported(registry, told, NOW))
    assert [event.type.name for event in seen] == [f"CALL_{word.upper()}" for word in WORDS]
    assert registry.call("call-1") == Call(
        *("call-1", CallState.ENDED, NOW, NOW, "n", "s", "t"),
        direction=Direction.OUTBOUND,
        device=device,
        end_reason="busy",
        answer_time=NOW,
        end_time=NOW,
    )


@pytest.mark.parametrize("words", list(permutations(WORDS)), ids="-".join)
def test_reports_in_any_order_never_undo_a_state(words: tuple[str, ...]) -> None:
    """Late reports are journalled as updates; once RELAY has reported the end, the call has ended, once."""
    registry, furthest = Registry(), -1
    for word in words:
        at = WORDS.index(word)
        (event,) = apply(registry, call_reported(registry, CallReport("call-1", word), NOW))
        assert event.type.name == (f"CALL_{word.upper()}" if at > furthest else "CALL_UPDATED")
        furthest = max(furthest, at)
        call = registry.call("call-1")
        assert call is not None
        assert call.state.name == WORDS[furthest].upper()


@pytest.mark.parametrize("word", ["", "held", "ENDED"])
def test_a_state_that_nobody_has_heard_of_makes_the_call_known(word: str) -> None:
    """An unknown word names the call and says nothing of its state."""
    registry = Registry()
    first = apply(registry, call_reported(registry, CallReport("call-1", word), NOW))
    again = apply(registry, call_reported(registry, CallReport("call-1", word, node_id="n"), NOW + 1))
    assert [event.type.name for event in first + again] == ["CALL_UNKNOWN", "CALL_UPDATED"]
    call = registry.call("call-1")
    assert call is not None
    assert (call.state, call.node_id) == (CallState.UNKNOWN, "n")


@pytest.mark.parametrize("word", ["created", "ringing", "", "queued"])
@pytest.mark.parametrize("before", [None, CallState.UNKNOWN, CallState.CREATED, CallState.RINGING])
def test_an_inbound_call_is_announced(word: str, before: CallState | None) -> None:
    """Clients learn of every inbound call by CALL_RECEIVED, whatever was heard of it before, in whatever words."""
    registry = registry_with(*([] if before is None else [call_in(before)]))
    told = CallReport("call-1", word, received=True, context="office", direction=Direction.INBOUND)
    (event,) = apply(registry, call_reported(registry, told, NOW))
    assert event.type.name == "CALL_RECEIVED"
    assert isinstance(event.subject, Call)
    ringing = word == "ringing" or before is CallState.RINGING
    assert event.subject.state is (CallState.RINGING if ringing else CallState.CREATED)
    assert (event.subject.context, event.subject.direction) == ("office", Direction.INBOUND)


def test_a_call_that_is_received_when_it_is_over_is_not_announced() -> None:
    """Nobody is told to answer a call that has ended; its end is told as an end, once."""
    over = CallReport("call-1", "ended", received=True)
    assert types(call_reported(Registry(), over, NOW)) == ["CALL_ENDED"]
    late = CallReport("call-1", "ringing", received=True)
    assert types(call_reported(registry_with(call_in(CallState.ENDED)), late, NOW)) == ["CALL_UPDATED"]


def test_a_command_makes_its_call_known() -> None:
    """A command that names a new call takes it in, once."""
    registry = Registry()
    (event,) = apply(registry, call_mentioned(registry, "call-1", "node-1", NOW))
    assert event.type.name == "CALL_UNKNOWN"
    assert event.subject == Call("call-1", CallState.UNKNOWN, NOW, NOW, "node-1")
    assert call_mentioned(registry, "call-1", "node-2", NOW) == Decision()


@pytest.mark.parametrize("how", ["command", "stream"])
def test_a_call_without_a_node_learns_it(how: str) -> None:
    """Commands are addressed with the node: the first one that is named is kept, and it is not asked for again."""
    registry = registry_with(call_in(CallState.ANSWERED, node_id=""))

    def named(node_id: str) -> list[str]:
        by_stream = StreamReport("call-1", "stream-1", "streaming", node_id=node_id)
        decision = (
            call_mentioned(registry, "call-1", node_id, NOW)
            if how == "command"
            else stream_reported(registry, by_stream, NOW)
        )
        return [event.type.name for event in apply(registry, decision) if isinstance(event.subject, Call)]

    assert [named(node_id) for node_id in ["", "node-1", "node-2"]] == [[], ["CALL_UPDATED"], []]
    call = registry.call("call-1")
    assert call is not None
    assert (call.node_id, call.state) == ("node-1", CallState.ANSWERED)
    over = registry_with(call_in(CallState.ENDED, node_id=""))
    assert call_mentioned(over, "call-1", "node-1", NOW) == Decision()


def test_a_call_that_relay_has_not_is_over() -> None:
    """A command refused with 404 or 410 ends the call by inference; calls that are unknown or over are left alone."""
    registry = registry_with(call_in(CallState.ANSWERED))
    (event,) = apply(registry, call_gone(registry, "call-1", NOW, "not_found"))
    assert event.type.name == "CALL_ENDED"
    assert isinstance(event.subject, Call)
    assert (event.subject.end_reason, event.subject.end_reason_inferred) == ("not_found", True)
    assert call_gone(registry, "call-1", NOW, "not_found") == Decision()
    assert call_gone(registry, "call-2", NOW, "not_found") == Decision()


def test_an_end_is_reported_once_though_relay_reports_it_twice() -> None:
    """CALL_ENDED is the last word on a call: a repetition, or the confirmation of a conclusion, is an update."""
    registry = registry_with(call_in(CallState.ANSWERED))
    ended = CallReport("call-1", "ended", end_reason="hangup")
    events = [*apply(registry, call_gone(registry, "call-1", NOW, "not_found"))]
    events += [
        *apply(registry, call_reported(registry, ended, NOW)),
        *apply(registry, call_reported(registry, ended, NOW)),
    ]
    assert [event.type.name for event in events] == ["CALL_ENDED", "CALL_UPDATED", "CALL_UPDATED"]
    assert [getattr(event.subject, "end_reason", "") for event in events] == ["not_found", "hangup", "hangup"]


def test_a_dial_goes_from_sent_to_answered() -> None:
    """The call that answered is taken in before DIAL_ANSWERED, which names it."""
    registry, device = Registry(), Device("phone", "{}")
    events = [*apply(registry, dial_moved(registry, "tag", DialState.DIALING, CREATED), CREATED)]
    told = DialReport("tag", "answered", call_id="call-1", node_id="n", device=device)
    events += apply(registry, dial_reported(registry, told, NOW))
    assert [event.type.name for event in events] == ["DIAL_DIALING", "CALL_ANSWERED", "DIAL_ANSWERED"]
    assert registry.dial("tag") == Dial("tag", DialState.ANSWERED, CREATED, NOW, "call-1", "n")
    call = registry.call("call-1")
    assert call is not None
    assert (call.node_id, call.tag, call.direction, call.device) == ("n", "tag", Direction.OUTBOUND, device)
    assert events[-1].call_id == "call-1"


@pytest.mark.parametrize("state", CallState, ids=lambda state: state.name)
def test_an_answered_dial_moves_its_call_forward_only(state: CallState) -> None:
    """A call that RELAY has reported as answered or beyond is not touched by its dial's answer."""
    registry = registry_with(call_in(state))
    decision = dial_reported(registry, DialReport("tag", "answered", call_id="call-1"), NOW)
    behind = state in {CallState.CREATED, CallState.RINGING, CallState.UNKNOWN}
    assert types(decision) == (["CALL_ANSWERED"] if behind else []) + ["DIAL_ANSWERED"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [("dialing", "DIAL_DIALING"), ("", "DIAL_DIALING"), ("busy", "DIAL_DIALING"), ("failed", "DIAL_FAILED")],
)
def test_only_an_answered_dial_names_a_call(word: str, kind: str) -> None:
    """A leg that RELAY names before anybody has answered, or when nobody has, is not the dial's call."""
    registry = Registry()
    decision = dial_reported(registry, DialReport("tag", word, call_id="call-1", node_id="n"), NOW)
    assert types(decision) == [kind]
    apply(registry, decision)
    dial = registry.dial("tag")
    assert dial is not None
    assert (dial.call_id, dial.node_id) == ("", "")
    assert registry.call("call-1") is None


def test_a_repeated_report_on_a_dial_does_not_age_it() -> None:
    """The update time moves only with a change."""
    registry = Registry()
    apply(registry, dial_moved(registry, "tag", DialState.DIALING, CREATED), CREATED)
    apply(registry, dial_reported(registry, DialReport("tag", "dialing"), NOW))
    assert registry.dial("tag") == Dial("tag", DialState.DIALING, CREATED, CREATED)


@pytest.mark.parametrize("decided", ["answered", "failed"])
@pytest.mark.parametrize("later", ["answered", "failed", "dialing", ""])
def test_a_dial_is_decided_once(decided: str, later: str) -> None:
    """What RELAY says of a decided dial is passed on, and no second end is told; the call that answered is known."""
    registry = Registry()
    apply(registry, dial_reported(registry, DialReport("tag", decided, call_id="call-1"), NOW))
    before = registry.dial("tag")
    events = apply(registry, dial_reported(registry, DialReport("tag", later, call_id="call-2"), NOW + 1))
    assert [event.type.name for event in events] == ["CALL_ANSWERED"] * (later == "answered") + ["RELAY_OTHER"]
    assert (events[-1].call_id, events[-1].subject) == ("call-2", None)
    assert registry.dial("tag") is before


def test_the_gateway_s_own_word_on_a_dial_comes_once() -> None:
    """Sending a dial again, or learning of a refusal after the decision, is no event."""
    registry = Registry()
    apply(registry, dial_moved(registry, "tag", DialState.DIALING, CREATED))
    assert dial_moved(registry, "tag", DialState.DIALING, NOW) == Decision()
    assert types(dial_moved(registry, "tag", DialState.FAILED, NOW)) == ["DIAL_FAILED"]
    apply(registry, dial_reported(registry, DialReport("tag", "answered", call_id="call-1"), NOW))
    assert dial_moved(registry, "tag", DialState.FAILED, NOW) == Decision()
    assert dial_moved(registry, "tag", DialState.DIALING, NOW) == Decision()


def test_a_lost_session_fails_the_dials_that_were_waited_for() -> None:
    """Nobody will hear who answers; what was decided stays."""
    registry = Registry()
    apply(registry, dial_moved(registry, "waiting", DialState.DIALING, CREATED))
    apply(registry, dial_reported(registry, DialReport("decided", "answered", call_id="call-1"), CREATED))
    decision = session_lost(registry, SessionChange("lost"), NOW)
    assert types(decision) == ["SESSION_GAP", "CALL_UNKNOWN", "DIAL_FAILED"]
    apply(registry, decision)
    assert registry.dialing() == []
