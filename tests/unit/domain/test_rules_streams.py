"""What follows for streams: from RELAY's reports, from commands and timers, from the end of a call or a session."""

from typing import Any, Final

import pytest

from gateway.domain.calls import CallState
from gateway.domain.events import Draft, Event, EventType, SessionChange
from gateway.domain.registry import Registry
from gateway.domain.rules import (
    CallReport,
    Decision,
    StreamReport,
    call_gone,
    call_reported,
    session_lost,
    stream_happened,
    stream_reported,
)
from gateway.domain.streams import EndReason, Stream, StreamInput, StreamState
from tests.support.domain_values import GIVEN, NOW, apply, call_in, registry_with, stream_in

KEY: Final = ("call-1", "stream-1")
LIVE: Final = call_in(CallState.ANSWERED)
STREAMS: Final = {state.name: stream_in(state) for state in StreamState}


def report(state: str, **fields: Any) -> StreamReport:
    """RELAY's report on stream-1."""
    return StreamReport(*KEY, state, **fields)


def types(decision: Decision) -> list[str]:
    """The names of a decision's event types, in order."""
    return [draft.type.name for draft in decision.drafts]


def stream_of(draft: Draft) -> Stream:
    """The stream that a draft is about."""
    assert isinstance(draft.subject, Stream)
    return draft.subject


# What RELAY's words make of a stream in each state, while the call lives: the type of the event, and whether it is
# stopped. None stands for a stream that nobody has heard of.
REPORTS: Final = [
    (None, "streaming", "STREAM_STREAMING", False),
    (None, "finished", "STREAM_FINISHED", False),
    (None, "paused", "STREAM_STARTING", False),
    ("STARTING", "streaming", "STREAM_STREAMING", False),
    ("STARTING", "finished", "STREAM_FAILED", False),
    ("STARTING", "paused", "STREAM_UPDATED", False),
    ("UNKNOWN", "streaming", "STREAM_STREAMING", False),
    ("UNKNOWN", "finished", "STREAM_FAILED", False),
    ("UNKNOWN", "paused", "STREAM_STARTING", False),
    ("STREAMING", "streaming", "STREAM_UPDATED", False),
    ("STREAMING", "finished", "STREAM_FINISHED", False),
    ("STREAMING", "paused", "STREAM_UPDATED", False),
    ("STOPPING", "streaming", "STREAM_UPDATED", False),
    ("STOPPING", "finished", "STREAM_FINISHED", False),
    ("STOPPING", "paused", "STREAM_UPDATED", False),
    ("FINISHED", "streaming", "STREAM_UPDATED", False),
    ("FINISHED", "finished", "STREAM_UPDATED", False),
    ("FINISHED", "paused", "STREAM_UPDATED", False),
    ("FAILED", "streaming", "STREAM_STREAMING", False),  # another one, under the control id of one that was refused
    ("FAILED", "finished", "STREAM_UPDATED", False),
    ("FAILED", "paused", "STREAM_UPDATED", False),
    ("GIVEN UP", "streaming", "STREAM_UPDATED", True),
    ("GIVEN UP", "finished", "STREAM_UPDATED", False),
    ("GIVEN UP", "paused", "STREAM_UPDATED", False),
]
GIVEN_UP: Final = stream_in(
    StreamState.FAILED, accepted=True, end_reason=EndReason.START_TIMEOUT, end_reason_inferred=True
)


@pytest.mark.parametrize(("scene", "word", "kind", "stopped"), REPORTS)
def test_every_report_is_journalled_once(scene: str | None, word: str, kind: str, stopped: bool) -> None:
    """Each report of RELAY on each stream is one event, also if it changes nothing; strays are stopped."""
    known = [] if scene is None else [STREAMS.get(scene, GIVEN_UP)]
    decision = stream_reported(registry_with(LIVE, *known), report(word), NOW)
    assert types(decision) == [kind]
    assert list(decision.stops) == ([KEY] if stopped else [])


def test_the_reports_cover_every_state() -> None:
    """The table above leaves out no state."""
    assert {scene for scene, *_ in REPORTS} == {None, "GIVEN UP", *STREAMS}


def test_an_unknown_call_and_stream_are_taken_in() -> None:
    """A report on a stream of a call that nobody has heard of makes both known, with all that RELAY tells."""
    registry = Registry()
    told = report("streaming", node_id="node-9", segment_id="seg", url="wss://a", name="music", tag="tag")
    events = apply(registry, stream_reported(registry, told, NOW))
    assert [event.type.name for event in events] == ["CALL_UNKNOWN", "STREAM_STREAMING"]
    call, stream = registry.call("call-1"), registry.stream(*KEY)
    assert call is not None
    assert (call.state, call.node_id, call.segment_id, call.tag) == (CallState.UNKNOWN, "node-9", "seg", "tag")
    assert stream is not None
    assert (stream.node_id, stream.segment_id, stream.url, stream.name) == ("node-9", "seg", "wss://a", "music")
    assert (stream.accepted, stream.create_time, stream.start_time) == (True, NOW, NOW)


def test_a_report_with_nothing_but_its_ids_is_enough() -> None:
    """Missing fields take nothing away from what is known."""
    known = stream_in(StreamState.STREAMING, node_id="node-1", segment_id="seg", tag="tag", url="wss://a", name="music")
    draft = stream_reported(registry_with(LIVE, known), report(""), NOW).drafts[0]
    assert draft.subject is known


def test_a_stream_that_is_unknown_and_finished_has_streamed() -> None:
    """What ended before it was heard of ended as it should, as far as anybody can tell."""
    stream = stream_of(stream_reported(registry_with(LIVE), report("finished"), NOW).drafts[0])
    assert (stream.state, stream.end_reason) == (StreamState.FINISHED, EndReason.REMOTE)


@pytest.mark.parametrize(
    ("state", "hanging_up", "why"),
    [
        (CallState.ANSWERED, False, EndReason.REMOTE),
        (CallState.ANSWERED, True, EndReason.CALL_ENDED),
        (CallState.UNKNOWN, False, EndReason.REMOTE),
        (CallState.ENDING, False, EndReason.CALL_ENDED),
        (CallState.ENDED, False, EndReason.CALL_ENDED),
    ],
)
def test_finished_is_blamed_on_the_call_if_it_ends(state: CallState, hanging_up: bool, why: EndReason) -> None:
    """A stream that finishes while its call ends, or is being hung up, ended for that; by RELAY's own word."""
    registry = registry_with(call_in(state), stream_in(StreamState.STREAMING))
    stream = stream_of(stream_reported(registry, report("finished"), NOW, hanging_up=hanging_up).drafts[-1])
    assert (stream.state, stream.end_reason, stream.end_reason_inferred) == (StreamState.FINISHED, why, False)


@pytest.mark.parametrize("word", ["streaming", "paused"])
def test_a_stream_is_not_taken_in_alive_after_its_call(word: str) -> None:
    """A late report on an unknown stream of an ended call makes a stream that has ended, and nothing is stopped."""
    registry = registry_with(call_in(CallState.ENDED))
    decision = stream_reported(registry, report(word), NOW)
    stream = stream_of(decision.drafts[0])
    assert types(decision) == ["STREAM_FINISHED"]
    assert (stream.end_reason, stream.end_reason_inferred) == (EndReason.CALL_ENDED, True)
    assert not decision.stops


def test_nothing_is_stopped_on_a_call_that_is_over() -> None:
    """A stray stream has ended with its call: neither a report nor a late answer makes the gateway stop it."""
    registry = registry_with(call_in(CallState.ENDED), GIVEN_UP)
    assert not stream_reported(registry, report("streaming"), NOW).stops
    assert not stream_happened(registry, KEY, StreamInput.ACCEPTED, NOW).stops


def test_what_happens_to_nobody_s_stream_is_nothing() -> None:
    """A timer or an answer that comes for a forgotten stream decides nothing."""
    assert stream_happened(Registry(), KEY, StreamInput.START_TIMEOUT, NOW) == Decision()


def test_what_changes_nothing_is_not_journalled() -> None:
    """Only reports of RELAY are worth an event that changes nothing."""
    registry = registry_with(LIVE, stream_in(StreamState.STREAMING))
    assert stream_happened(registry, KEY, StreamInput.ACCEPTED, NOW) == Decision()


def test_a_start_that_is_overdue_is_stopped() -> None:
    """The start timeout is journalled as STOPPING, and RELAY is told."""
    registry = registry_with(LIVE, stream_in(StreamState.STARTING, accepted=True))
    decision = stream_happened(registry, KEY, StreamInput.START_TIMEOUT, NOW)
    assert types(decision) == ["STREAM_STOPPING"]
    assert list(decision.stops) == [KEY]


def test_a_late_answer_stops_a_stream_that_was_given_up() -> None:
    """A stop that overtook its start and was answered with 404 is repeated when the start is accepted after all."""
    registry = registry_with(LIVE, stream_in(StreamState.STOPPING))
    apply(registry, stream_happened(registry, KEY, StreamInput.STOP_MISSED, NOW))
    assert stream_happened(registry, KEY, StreamInput.ACCEPTED, NOW) == Decision(stops=(KEY,))


def test_the_error_and_the_reason_reach_the_stream() -> None:
    """What a command learned is in the event."""
    registry = registry_with(LIVE, stream_in(StreamState.STARTING))
    refused = stream_happened(registry, KEY, StreamInput.REJECTED, NOW, error=GIVEN)
    assert stream_of(refused.drafts[0]).error == GIVEN
    stopped = stream_happened(registry, KEY, StreamInput.STOP, NOW, reason=EndReason.MAX_DURATION)
    assert stream_of(stopped.drafts[0]).end_reason is EndReason.MAX_DURATION


@pytest.mark.parametrize("how", ["ended", "gone"])
def test_the_end_of_a_call_ends_its_streams_first(how: str) -> None:
    """Each active stream ends, by inference, before CALL_ENDED; ended ones and other calls are left alone."""
    streams = [stream_in(state, control_id=state.name) for state in StreamState]
    other = stream_in(StreamState.STREAMING, call_id="call-2")
    registry = registry_with(LIVE, *streams, call_in(CallState.ANSWERED, call_id="call-2"), other)
    ended = call_reported(registry, CallReport("call-1", "ended"), NOW)
    decision = ended if how == "ended" else call_gone(registry, "call-1", NOW, "not_found")
    assert types(decision) == ["STREAM_FINISHED"] * 4 + ["CALL_ENDED"]
    ends = [stream_of(draft) for draft in decision.drafts[:-1]]
    assert {stream.control_id: stream.end_reason.name for stream in ends} == {
        "STARTING": "CALL_ENDED",
        "UNKNOWN": "CALL_ENDED",
        "STREAMING": "CALL_ENDED",
        "STOPPING": "STOP_REQUESTED",
    }
    assert all(stream.end_reason_inferred for stream in ends)
    apply(registry, decision)
    assert registry.active_streams() == [other]


def test_finished_after_the_call_confirms_the_end_of_its_stream() -> None:
    """RELAY may report the end of a stream after that of its call: the inference is confirmed, nothing ends twice."""
    registry = registry_with(LIVE, stream_in(StreamState.STREAMING))
    apply(registry, call_reported(registry, CallReport("call-1", "ended"), NOW))
    decision = stream_reported(registry, report("finished"), NOW + 1)
    stream = stream_of(decision.drafts[0])
    assert types(decision) == ["STREAM_UPDATED"]
    assert (stream.end_reason, stream.end_reason_inferred) == (EndReason.CALL_ENDED, False)


def test_a_lost_session_ends_streams_and_forgets_what_calls_do() -> None:
    """The gap comes first, then each active stream as SESSION_LOST and to be stopped, then each call as UNKNOWN."""
    streams = [stream_in(state, control_id=state.name) for state in StreamState]
    over = call_in(CallState.ENDED, call_id="call-2")
    doubtful = call_in(CallState.UNKNOWN, call_id="call-3")
    registry = registry_with(LIVE, *streams, over, doubtful)
    change = SessionChange("refused", 17)
    decision = session_lost(registry, change, NOW)
    assert types(decision) == ["SESSION_GAP", *["STREAM_FAILED"] * 4, "CALL_UNKNOWN"]
    assert decision.drafts[0] == Draft(EventType.SESSION_GAP, change)
    assert {stream_of(draft).end_reason for draft in decision.drafts[1:-1]} == {EndReason.SESSION_LOST}
    assert set(decision.stops) == {stream.key for stream in streams if stream.active}
    apply(registry, decision)
    assert registry.active_stream_count == 0
    assert {call.call_id: call.state.name for call in registry.calls()} == {
        "call-1": "UNKNOWN",
        "call-2": "ENDED",
        "call-3": "UNKNOWN",
    }


@pytest.mark.parametrize(
    ("told_at", "state"), [(999, "STREAMING"), (1000, "FINISHED"), (1001, "FINISHED"), (0, "FINISHED")]
)
def test_late_news_of_a_former_stream(told_at: int, state: str) -> None:
    """What RELAY said before the stream's own audio began is about another one of its control id; 0 says nothing."""
    registry = registry_with(LIVE, stream_in(StreamState.STARTING))
    began = stream_reported(registry, report("streaming", relay_time=1000), NOW)
    registry.apply(Event(9, "e", began.drafts[0].type, NOW, *KEY, began.drafts[0].subject, relay_time=1000))
    late = stream_reported(registry, report("finished", relay_time=told_at), NOW)
    assert stream_of(late.drafts[-1]).state.name == state
    assert not late.stops
