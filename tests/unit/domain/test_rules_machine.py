"""The promises about streams and calls, held over random stories by a judge who reads nothing but the events.

The machine plays RELAY and the clients: reports in any order, unknown words, missing fields, commands, answers, timers,
lost sessions, forgetting. The judge keeps its own small books and knows no table of the gateway.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.domain.calls import Call, CallState, Dial, DialState
from gateway.domain.events import Draft, Event, EventType, SessionChange, key_of
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
    stream_happened,
    stream_reported,
)
from gateway.domain.streams import EndReason, Stream, StreamInput, StreamKey, StreamState
from tests.support.domain_values import GIVEN, contents, events_of

CALLS: Final = st.sampled_from(["call-1", "call-2"])
STREAMS: Final = st.sampled_from(["stream-1", "stream-2"])
KEYS: Final = st.tuples(CALLS, STREAMS)
TAGS: Final = st.sampled_from(["dial-1", "dial-2"])
MAYBE: Final = st.sampled_from(["", "word"])
STREAM_WORDS: Final = st.sampled_from(["streaming", "finished", "paused", ""])
CALL_WORDS: Final = st.sampled_from(["created", "ringing", "answered", "ending", "ended", "held", ""])
DIAL_WORDS: Final = st.sampled_from(["dialing", "answered", "failed", "busy", ""])
# What the gateway itself brings upon a stream; RELAY's reports and ends of calls and sessions have rules of their own.
HAPPENINGS: Final = st.sampled_from(
    [
        happened
        for happened in StreamInput
        if happened
        not in {
            StreamInput.STREAMING,
            StreamInput.FINISHED,
            StreamInput.OTHER,
            StreamInput.CALL_ENDED,
            StreamInput.SESSION_LOST,
        }
    ]
)

OVER: Final = {"STREAM_FINISHED", "STREAM_FAILED"}
MAY_FOLLOW: Final = {
    "STREAM_STARTING": {"STREAM_STREAMING", "STREAM_STOPPING", "STREAM_UNKNOWN"} | OVER,
    "STREAM_UNKNOWN": {"STREAM_STARTING", "STREAM_STREAMING", "STREAM_STOPPING"} | OVER,
    "STREAM_STREAMING": {"STREAM_STOPPING"} | OVER,
    "STREAM_STOPPING": {"STREAM_STARTING", "STREAM_STREAMING"} | OVER,
}


class Judge:
    """Reads events as a client does, and objects to what breaks a promise."""

    def __init__(self) -> None:
        self.sequence = 0
        self.streams: dict[StreamKey, str] = {}  # the last event type that named a state, by stream
        self.ends: Counter[tuple[StreamKey, int]] = Counter()  # terminal events, by life
        self.ended_calls: set[str] = set()
        self.decided: Counter[str] = Counter()

    def read(self, event: Event) -> None:
        """Takes in the next event."""
        assert event.sequence == self.sequence + 1
        self.sequence = event.sequence
        match event.subject:
            case Stream() as stream:
                self._read_stream(event.type.name, stream)
            case Call() as call:
                self._read_call(event.type.name, call)
            case Dial() as dial:
                assert event.type.name == f"DIAL_{dial.state.name}"
                assert bool(dial.call_id) <= (dial.state is DialState.ANSWERED)
                self.decided[dial.tag] += dial.state is not DialState.DIALING
                assert self.decided[dial.tag] <= 1
            case _:
                assert event.type in {EventType.SESSION_GAP, EventType.RELAY_OTHER}

    def _read_stream(self, kind: str, stream: Stream) -> None:
        last = self.streams.get(stream.key)
        if kind != "STREAM_UPDATED":
            new_life = last is None or (last in OVER and (stream.key, stream.create_time) not in self.ends)
            assert new_life or kind in MAY_FOLLOW[str(last)]
            self.streams[stream.key] = kind
        assert self.streams[stream.key] == f"STREAM_{stream.state.name}"
        self.ends[stream.key, stream.create_time] += kind in OVER
        assert self.ends[stream.key, stream.create_time] == (not stream.active)
        assert not (stream.active and stream.call_id in self.ended_calls)

    def _read_call(self, kind: str, call: Call) -> None:
        assert (kind == "CALL_ENDED") is (call.ended and call.call_id not in self.ended_calls)
        if kind == "CALL_ENDED":
            self.ended_calls.add(call.call_id)
            alive = {key for key, last in self.streams.items() if key[0] == call.call_id and last not in OVER}
            assert not alive
        assert call.ended is (call.call_id in self.ended_calls)

    def forget(self, keys: list[str]) -> None:
        """What was forgotten may begin anew."""
        self.ended_calls = {call_id for call_id in self.ended_calls if _call_key(call_id) not in keys}
        self.streams = {key: last for key, last in self.streams.items() if _stream_key(key) not in keys}
        self.decided = Counter({tag: n for tag, n in self.decided.items() if _dial_key(tag) not in keys})


def _call_key(call_id: str) -> str:
    return key_of(Call(call_id, CallState.UNKNOWN, 0, 0))


def _stream_key(key: StreamKey) -> str:
    return key_of(Stream(*key, StreamState.UNKNOWN, 0, 0))


def _dial_key(tag: str) -> str:
    return key_of(Dial(tag, DialState.DIALING, 0, 0))


class Stories(RuleBasedStateMachine):
    """RELAY, clients and timers, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.registry = Registry()
        self.judge = Judge()
        self.newest: dict[str, Event] = {}  # what a compacted journal would hold

    def _decide(self, rule: Callable[..., Decision], *args: Any, reported: bool = False, **named: Any) -> None:
        self.now += 1
        before = self.registry.sequence
        decision = rule(self.registry, *args, **named)
        assert rule(self.registry, *args, **named) == decision  # it only reads
        self._journal(decision)
        assert not reported or self.registry.sequence > before  # every report of RELAY is kept
        for key in decision.stops:
            stream = self.registry.stream(*key)
            assert stream is not None
            assert stream.state is StreamState.STOPPING or not stream.active
            call = self.registry.call(key[0])
            assert call is None or not call.ended

    def _journal(self, decision: Decision) -> None:
        for event in events_of(decision.drafts, self.registry.sequence + 1, self.now):
            self.registry.apply(event)
            self.judge.read(event)
            if event.subject is not None and key_of(event.subject):
                self.newest[key_of(event.subject)] = event

    @rule(key=KEYS, max_duration=st.sampled_from([0, 5]))
    def a_client_starts_a_stream(self, key: StreamKey, max_duration: int) -> None:
        """A start is taken if the call is not over and the control id is free."""
        self._decide(call_mentioned, key[0], "node-1", self.now)
        call, known = self.registry.call(key[0]), self.registry.stream(*key)
        if call is None or call.ended or (known is not None and known.active):
            return
        stream = Stream(*key, StreamState.STARTING, self.now, self.now, max_duration=max_duration)
        self._journal(Decision((Draft.of(EventType.STREAM_STARTING, stream),)))

    @rule(key=KEYS, happened=HAPPENINGS, reason=st.sampled_from([EndReason.STOP_REQUESTED, EndReason.MAX_DURATION]))
    def something_happens_to_a_stream(self, key: StreamKey, happened: StreamInput, reason: EndReason) -> None:
        """An answer comes or is lost, a timer rings, a stop is sent."""
        told = {StreamInput.REJECTED, StreamInput.NOT_SENT, StreamInput.ANSWER_LOST}
        error = GIVEN if happened in told else None
        self._decide(stream_happened, key, happened, self.now, reason=reason, error=error)

    @rule(key=KEYS, word=STREAM_WORDS, field=MAYBE, hanging_up=st.booleans())
    def relay_reports_on_a_stream(self, key: StreamKey, word: str, field: str, hanging_up: bool) -> None:
        """A stream's event arrives, perhaps late, perhaps with next to nothing in it."""
        told = StreamReport(*key, word, node_id=field, segment_id=field, url=field, name=field, tag=field)
        self._decide(stream_reported, told, self.now, hanging_up=hanging_up, reported=True)

    @rule(call_id=CALLS, word=CALL_WORDS, field=MAYBE, received=st.booleans())
    def relay_reports_on_a_call(self, call_id: str, word: str, field: str, received: bool) -> None:
        """A call's event arrives."""
        told = CallReport(call_id, word, received=received, node_id=field, tag=field, end_reason=field)
        self._decide(call_reported, told, self.now, reported=True)

    @rule(tag=TAGS, word=DIAL_WORDS, call_id=st.one_of(CALLS, st.just("")))
    def relay_reports_on_a_dial(self, tag: str, word: str, call_id: str) -> None:
        """A dial's event arrives."""
        self._decide(dial_reported, DialReport(tag, word, call_id=call_id, node_id="n"), self.now, reported=True)

    @rule(tag=TAGS, state=st.sampled_from([DialState.DIALING, DialState.FAILED]))
    def a_client_dials(self, tag: str, state: DialState) -> None:
        """A dial is sent, or refused by RELAY."""
        self._decide(dial_moved, tag, state, self.now)

    @rule(call_id=CALLS)
    def relay_has_no_such_call(self, call_id: str) -> None:
        """A command on a call is refused with 404 or 410."""
        self._decide(call_gone, call_id, self.now, "not_found")

    @precondition(lambda self: self.registry.sequence)
    @rule()
    def the_session_is_lost(self) -> None:
        """A fresh session takes the place of one that could not be restored."""
        self._decide(session_lost, SessionChange("lost", self.now), self.now)
        assert not self.registry.active_stream_count
        assert not self.registry.dialing()
        assert all(call.state is CallState.UNKNOWN for call in self.registry.active_calls())

    @rule(age=st.integers(0, 20), keep=st.integers(0, 6))
    def the_past_is_forgotten(self, age: int, keep: int) -> None:
        """What ended some time ago is dropped."""
        forgotten = self.registry.forget_before(self.now - age, keep)
        self.judge.forget(forgotten)
        self.newest = {key: event for key, event in self.newest.items() if key not in forgotten}

    @invariant()
    def nothing_outlives_its_call(self) -> None:
        """No stream is active on a call that has ended."""
        for stream in self.registry.active_streams():
            call = self.registry.call(stream.call_id)
            assert call is not None
            assert not call.ended

    @invariant()
    def a_restart_takes_everything_back(self) -> None:
        """The newest event of each key makes the same registry."""
        rebuilt = Registry()
        for event in sorted(self.newest.values(), key=lambda event: event.sequence):
            rebuilt.apply(event)
        assert contents(rebuilt) == contents(self.registry)

    def teardown(self) -> None:
        """Whatever has happened, the ends of all calls leave no stream behind."""
        for call_id in {stream.call_id for stream in self.registry.active_streams()}:
            self._decide(call_reported, CallReport(call_id, "ended"), self.now, reported=True)
        assert self.registry.active_streams() == []


TestStories = Stories.TestCase
TestStories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
