"""The registry is a fold of the events: look-ups, what is remembered, and any checkpoint plus the rest is the whole."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.events import Event, EventType, SessionChange, Subject, key_of
from gateway.domain.registry import Registry
from gateway.domain.streams import EndReason, Stream, StreamState
from tests.support.domain_values import CREATED, call_in, contents, stream_in

EVERYTHING: Final = 10**9  # more than a registry here ever holds


def fold(subjects: list[Subject | None]) -> Registry:
    """The registry after events about these, one by one."""
    registry = Registry()
    for event in _events(subjects):
        registry.apply(event)
    return registry


def _events(subjects: list[Subject | None]) -> list[Event]:
    # The types of events don't matter to a registry.
    return [
        Event(sequence, f"event-{sequence}", EventType.RELAY_OTHER, CREATED, subject=subject)
        for sequence, subject in enumerate(subjects, start=1)
    ]


def stream(control_id: str, state: StreamState = StreamState.STREAMING, **fields: Any) -> Stream:
    """A stream of call-1."""
    return stream_in(state, control_id=control_id, **fields)


def test_nothing_is_known_at_first() -> None:
    """An empty registry answers every look-up with nothing."""
    registry = Registry()
    assert registry.call("call-1") is None
    assert registry.stream("call-1", "stream-1") is None
    assert registry.dial("tag") is None
    assert registry.streams_of("call-1") == []
    assert registry.stream_named("call-1", "music") is None
    assert registry.sequence == registry.sequence_of(call_in(CallState.CREATED)) == 0
    assert registry.forget_before(EVERYTHING, keep=0) == []


def test_the_newest_state_is_found_by_id() -> None:
    """Calls, streams and dials are what the last event about them says, and their sequence is that event's."""
    ringing, answered = call_in(CallState.RINGING), call_in(CallState.ANSWERED)
    starting, streaming = stream("s", StreamState.STARTING), stream("s")
    dial = Dial("tag", DialState.DIALING, 1, 1)
    registry = fold([ringing, starting, dial, streaming, answered])
    assert registry.call("call-1") == answered
    assert registry.stream("call-1", "s") == streaming
    assert registry.dial("tag") == dial
    assert registry.dialing() == [dial]
    assert [registry.sequence_of(subject) for subject in (ringing, streaming, dial)] == [5, 4, 3]
    assert list(registry.calls()) == [answered]
    assert list(registry.streams()) == [streaming]


def test_events_about_nothing_move_the_sequence_only() -> None:
    """Events of the session, and those that nothing is made of, leave calls and streams alone."""
    registry = fold([call_in(CallState.CREATED), SessionChange("lost"), None])
    assert registry.sequence == 3
    assert registry.sequence_of(SessionChange("lost")) == 0
    assert contents(registry) == contents(fold([call_in(CallState.CREATED)]))


@pytest.mark.parametrize("state", StreamState, ids=lambda state: state.name)
def test_active_streams_are_those_that_have_not_ended(state: StreamState) -> None:
    """A stream leaves the active ones with its end, and comes back when its control id is used again."""
    active = state not in {StreamState.FINISHED, StreamState.FAILED}
    registry = fold([stream("s"), stream("s", state)])
    assert registry.active_streams() == ([stream("s", state)] if active else [])
    assert registry.active_stream_count == active
    again = fold([stream("s", StreamState.FAILED), stream("s", StreamState.STARTING)])
    assert again.active_stream_count == 1


@pytest.mark.parametrize("state", CallState, ids=lambda state: state.name)
def test_active_calls_are_those_that_have_not_ended(state: CallState) -> None:
    """A call is active until it has ended, also while its state is not known."""
    registry = fold([call_in(CallState.CREATED), call_in(state)])
    assert registry.active_calls() == ([] if state is CallState.ENDED else [call_in(state)])
    assert registry.active_call_count == (state is not CallState.ENDED)


def test_dialing_leaves_out_what_was_decided() -> None:
    """Answered and failed dials are not waited for."""
    dials = [Dial(state.name, state, 1, 1) for state in DialState]
    assert fold([*dials]).dialing() == [Dial("DIALING", DialState.DIALING, 1, 1)]


def test_the_streams_of_a_call_come_by_age() -> None:
    """The order is that of creation, not that of the events."""
    old, young = stream("z", create_time=10), stream("a", create_time=20)
    other = stream_in(StreamState.STREAMING, call_id="call-2")
    assert fold([young, other, old]).streams_of("call-1") == [old, young]


def test_a_name_finds_the_active_stream_or_the_last_that_ended() -> None:
    """Names can be used again: the active stream comes first, then the one that ended last."""
    early = stream("a", StreamState.FINISHED, name="music", end_time=100)
    late = stream("b", StreamState.FINISHED, name="music", end_time=200)
    active = stream("c", StreamState.STARTING, name="music", create_time=1)
    other = stream("d", name="speech")
    assert fold([late, early, other]).stream_named("call-1", "music") == late
    assert fold([late, active, early, other]).stream_named("call-1", "music") == active
    assert fold([late]).stream_named("call-2", "music") is None


def test_what_ended_long_ago_is_forgotten() -> None:
    """Ended calls, streams and dials go by age and are named; what is active stays, however old."""
    gone: list[Subject | None] = [
        call_in(CallState.ENDED, update_time=10),
        stream("old", StreamState.FINISHED, update_time=10),
        Dial("old", DialState.FAILED, 1, 10),
    ]
    kept: list[Subject | None] = [
        stream("recent", StreamState.FAILED, update_time=20),
        stream("active", call_id="call-2", update_time=1),
        Dial("active", DialState.DIALING, 1, 1),
        call_in(CallState.ANSWERED, call_id="call-2", update_time=1),
    ]
    registry = fold(gone + kept)
    assert registry.forget_before(20, keep=EVERYTHING) == [key_of(subject) for subject in gone]
    assert contents(registry)["streams"].keys() == {("call-1", "recent"), ("call-2", "active")}
    assert (registry.call("call-1"), registry.dial("old")) == (None, None)
    assert registry.sequence_of(call_in(CallState.ENDED)) == 0
    assert registry.forget_before(20, keep=EVERYTHING) == []


def test_no_more_than_so_many_ended_ones_are_kept() -> None:
    """Beyond the bound the oldest go first, however young."""
    ended: list[Subject | None] = [stream(name, StreamState.FINISHED, update_time=100) for name in "abc"]
    registry = fold([*ended, stream("active")])
    assert registry.forget_before(0, keep=1) == [key_of(ended[0]), key_of(ended[1])]
    assert {known.control_id for known in registry.streams()} == {"c", "active"}


def test_an_ended_stream_that_is_heard_of_again_is_young_again() -> None:
    """The order of forgetting is that of the last event, and a new life under the same id is not forgotten."""
    a, b, c = (stream(name, StreamState.FINISHED, update_time=100) for name in "abc")
    registry = fold([a, b, c, a, stream("b", StreamState.STARTING)])
    assert registry.forget_before(0, keep=1) == [key_of(c)]
    assert registry.forget_before(EVERYTHING, keep=0) == [key_of(a)]
    assert [known.control_id for known in registry.streams()] == ["b"]


def test_a_call_of_unknown_state_is_forgotten_once_its_streams_have_ended() -> None:
    """A call whose session was lost is not kept for ever, but as long as one of its streams is to be settled."""
    lost = call_in(CallState.UNKNOWN, update_time=10)
    registry = fold([lost, stream("s", StreamState.STOPPING)])
    assert registry.forget_before(20, keep=0) == []
    registry.apply(_events([None, None, stream("s", StreamState.FINISHED, update_time=30)])[-1])
    assert registry.forget_before(20, keep=EVERYTHING) == [key_of(lost)]
    assert registry.active_call_count == 0


_ids = st.sampled_from(["1", "2"])
_times = st.integers(1, 9)
_calls = st.builds(Call, _ids, st.sampled_from(CallState), _times, _times)
_reasons = st.sampled_from([EndReason.UNSPECIFIED, EndReason.REMOTE])
_streams = st.builds(Stream, _ids, _ids, st.sampled_from(StreamState), _times, _times, end_reason=_reasons)
_dials = st.builds(Dial, _ids, st.sampled_from(DialState), _times, _times)
_subjects = st.lists(st.one_of(_calls, _streams, _dials, st.just(SessionChange("up")), st.none()), max_size=25)


@given(_subjects, st.integers(0, 25), _times, st.integers(0, 4))
def test_a_checkpoint_and_the_rest_is_the_whole(
    subjects: list[Subject | None], at: int, forget_time: int, keep: int
) -> None:
    """The newest event of each key up to anywhere, and all events after it, make the same registry as all events."""
    events = _events(subjects)
    newest = {key_of(event.subject): event for event in events[:at] if key_of(event.subject)}
    checkpoint = sorted(newest.values(), key=lambda event: event.sequence)
    whole, folded = Registry(), Registry()
    for event in events:
        whole.apply(event)
    for event in checkpoint + events[at:]:
        folded.apply(event)
    assert contents(folded) == contents(whole)
    assert folded.forget_before(forget_time, keep) == whole.forget_before(forget_time, keep)
    assert contents(folded) == contents(whole)


@given(_subjects, _times, st.integers(0, 4))
def test_forgetting_is_bounded_below_and_above(subjects: list[Subject | None], time: int, keep: int) -> None:
    """Nothing active is forgotten, nothing that is forgotten can be found, and of what ended at most `keep` is left."""
    registry = fold(subjects)
    live, streams, dialing = registry.active_calls(), registry.active_streams(), registry.dialing()
    forgotten = registry.forget_before(time, keep)
    assert registry.active_streams() == streams
    assert registry.dialing() == dialing
    assert [call for call in live if call.state is not CallState.UNKNOWN] == [
        call for call in registry.active_calls() if call.state is not CallState.UNKNOWN
    ]
    known: list[Stream | Call] = [*registry.calls(), *registry.streams()]
    assert not set(forgotten) & {key_of(subject) for subject in known}
    busy = {stream.call_id for stream in streams}
    ended = [
        subject
        for subject in known
        if (isinstance(subject, Stream) and not subject.active)
        or (isinstance(subject, Call) and subject.state in {CallState.ENDED, CallState.UNKNOWN})
    ]
    assert sum(subject.call_id not in busy or isinstance(subject, Stream) for subject in ended) <= keep
