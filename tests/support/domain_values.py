"""Calls, streams and their events, made for tests of the domain: what a test does not name is the same everywhere."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from gateway.domain.calls import Call, CallState
from gateway.domain.events import Draft, Event, EventType
from gateway.domain.registry import Registry
from gateway.domain.rules import Decision
from gateway.domain.streams import EndReason, ErrorOrigin, Stream, StreamError, StreamState

CREATED = 1_000
NOW = 5_000

LOST = StreamError("OUTCOME_UNKNOWN", "the answer was lost", ErrorOrigin.GATEWAY, retryable=True)
GIVEN = StreamError("GIVEN", "as the caller says", ErrorOrigin.RELAY, retryable=False, relay_code="422")


def stream_in(state: StreamState, **fields: Any) -> Stream:
    """A stream in a state, with the fields that every stream in that state has."""
    usual: dict[str, Any] = {}
    if state is StreamState.STREAMING:
        usual = {"accepted": True, "start_time": 2_000}
    elif state is StreamState.UNKNOWN:
        usual = {"error": LOST}
    elif state is StreamState.STOPPING:
        usual = {"end_reason": EndReason.STOP_REQUESTED}
    elif state is StreamState.FINISHED:
        usual = {"accepted": True, "start_time": 2_000, "end_time": 3_000, "end_reason": EndReason.REMOTE}
    elif state is StreamState.FAILED:
        usual = {"end_time": 3_000, "end_reason": EndReason.REJECTED, "error": GIVEN}
    return replace(Stream("call-1", "stream-1", state, CREATED, CREATED), **(usual | fields))


def call_in(state: CallState, **fields: Any) -> Call:
    """A call in a state."""
    return replace(Call("call-1", state, CREATED, CREATED, node_id="node-1"), **fields)


def events_of(drafts: Iterable[Draft], first: int, time: int = NOW) -> list[Event]:
    """The events that a journal makes of drafts, from sequence `first` on."""
    return [
        Event(sequence, f"event-{sequence}", draft.type, time, draft.call_id, draft.control_id, draft.subject)
        for sequence, draft in enumerate(drafts, start=first)
    ]


def apply(registry: Registry, decision: Decision, time: int = NOW) -> list[Event]:
    """Journals a decision and folds it into the registry; returns its events."""
    events = events_of(decision.drafts, registry.sequence + 1, time)
    for event in events:
        registry.apply(event)
    return events


def registry_with(*subjects: Stream | Call) -> Registry:
    """A registry that knows these."""
    registry = Registry()
    drafts = [
        Draft.of(
            EventType.of_stream(None, subject.state)
            if isinstance(subject, Stream)
            else EventType.of_call(None, subject.state),
            subject,
        )
        for subject in subjects
    ]
    apply(registry, Decision(drafts), CREATED)
    return registry


def contents(registry: Registry) -> Mapping[str, Any]:
    """Everything that a registry tells about calls and streams; equal contents mean equal registries."""
    calls, streams = list(registry.calls()), list(registry.streams())
    return {
        "calls": {call.call_id: (call, registry.sequence_of(call)) for call in calls},
        "streams": {stream.key: (stream, registry.sequence_of(stream)) for stream in streams},
        "order": {stream.call_id: registry.streams_of(stream.call_id) for stream in streams},
        "active calls": {call.call_id for call in registry.active_calls()},
        "active streams": {stream.key for stream in registry.active_streams()},
        "counts": (registry.active_call_count, registry.active_stream_count),
        "dialing": {dial.tag: (dial, registry.sequence_of(dial)) for dial in registry.dialing()},
    }
