"""Events: their types follow from states, their keys from what they are about."""

import pytest

from gateway.domain.calls import CallState, Dial, DialState
from gateway.domain.events import SESSION_EVENTS, Draft, EventType, SessionChange, Subject, key_of
from gateway.domain.streams import StreamState
from tests.support.domain_values import call_in, stream_in


@pytest.mark.parametrize("state", StreamState, ids=lambda state: state.name)
def test_a_stream_s_event_names_the_state_that_it_reached(state: StreamState) -> None:
    """A new state, and the first one, is the event's type; the same state again is an update."""
    assert EventType.of_stream(None, state).name == f"STREAM_{state.name}"
    for before in StreamState:
        kind = EventType.of_stream(before, state)
        assert kind.name == ("STREAM_UPDATED" if before is state else f"STREAM_{state.name}")


@pytest.mark.parametrize("state", CallState, ids=lambda state: state.name)
def test_a_call_s_event_names_the_state_that_it_reached(state: CallState) -> None:
    """A new state, and the first one, is the event's type; the same state again is an update."""
    assert EventType.of_call(None, state).name == f"CALL_{state.name}"
    for before in CallState:
        kind = EventType.of_call(before, state)
        assert kind.name == ("CALL_UPDATED" if before is state else f"CALL_{state.name}")


@pytest.mark.parametrize("state", DialState, ids=lambda state: state.name)
def test_a_dial_s_event_names_its_state(state: DialState) -> None:
    """Where a dial is makes its event's type."""
    assert EventType.of_dial(state).name == f"DIAL_{state.name}"


def test_events_of_the_session_are_those_of_its_name() -> None:
    """What concerns every call is what happens to the session."""
    assert {kind for kind in EventType if kind.name.startswith("SESSION_")} == SESSION_EVENTS


def test_a_draft_takes_the_ids_of_its_subject() -> None:
    """Filters find an event under the call and the stream that it is about."""
    dial = Dial("tag", DialState.ANSWERED, 1, 2, call_id="call-2")
    subjects: list[Subject] = [stream_in(StreamState.STARTING), call_in(CallState.CREATED), dial, SessionChange("new")]
    drafts = [Draft.of(EventType.RELAY_OTHER, subject) for subject in subjects]
    assert [draft.subject for draft in drafts] == subjects
    assert [(draft.call_id, draft.control_id) for draft in drafts] == [
        ("call-1", "stream-1"),
        ("call-1", ""),
        ("call-2", ""),
        ("", ""),
    ]


def test_every_subject_has_a_key_of_its_own() -> None:
    """Calls, streams and dials never share a key, whatever their ids; nothing is kept about the session."""
    streams = [
        stream_in(StreamState.STARTING, call_id=call_id, control_id=control_id)
        for call_id, control_id in [("a", "b"), ("a/b", "c"), ("a", "b/c"), ("b", "a"), ("ab", ""), ("", "ab")]
    ]
    calls = [call_in(CallState.CREATED, call_id=call_id) for call_id in ["a", "b", "stream", ""]]
    dials = [Dial(tag, DialState.DIALING, 1, 1) for tag in ["a", "b", "call", ""]]
    subjects: list[Subject] = [*streams, *calls, *dials]
    assert len({key_of(subject) for subject in subjects}) == len(subjects)
    assert key_of(streams[0]) == key_of(stream_in(StreamState.FAILED, call_id="a", control_id="b"))
    assert key_of(SessionChange("lost")) == key_of(None) == ""
