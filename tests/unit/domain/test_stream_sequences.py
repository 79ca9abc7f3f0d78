"""What holds for a stream whatever happens to it, in whatever order."""

from dataclasses import dataclass
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.streams import (
    EndReason,
    Stream,
    StreamError,
    StreamInput,
    StreamState,
    advance,
)
from tests.support.domain_values import CREATED, GIVEN, stream_in

ENDED: Final = {StreamState.FINISHED, StreamState.FAILED}
FAILURES: Final = {
    EndReason.START_TIMEOUT,
    EndReason.NEVER_STREAMED,
    EndReason.REJECTED,
    EndReason.SESSION_LOST,
}
# Where each state may lead, as the contract tells clients; a stop that RELAY refuses leads back.
STEPS: Final = {
    StreamState.STARTING: {StreamState.STREAMING, StreamState.STOPPING, StreamState.UNKNOWN} | ENDED,
    StreamState.UNKNOWN: {StreamState.STARTING, StreamState.STREAMING, StreamState.STOPPING} | ENDED,
    StreamState.STREAMING: {StreamState.STOPPING} | ENDED,
    StreamState.STOPPING: {StreamState.STARTING, StreamState.STREAMING} | ENDED,
    StreamState.FINISHED: set(),
    StreamState.FAILED: set(),
}


@dataclass(frozen=True)
class Step:
    """One thing that happens, and how long after the last one."""

    happened: StreamInput
    reason: EndReason = EndReason.UNSPECIFIED
    error: StreamError | None = None
    node_id: str = ""
    later: int = 1


steps: Final = st.lists(
    st.builds(
        Step,
        st.sampled_from(StreamInput),
        st.sampled_from(
            [EndReason.UNSPECIFIED, EndReason.STOP_REQUESTED, EndReason.MAX_DURATION, EndReason.CALL_ENDED]
        ),
        st.sampled_from([None, GIVEN]),
        st.sampled_from(["", "node-1", "node-2"]),
        st.integers(0, 10),
    ),
    max_size=20,
)


@given(steps)
@example([Step(StreamInput.STOP), Step(StreamInput.STOP_MISSED), Step(StreamInput.ACCEPTED)])
@example([Step(StreamInput.STREAMING), Step(StreamInput.STOP), Step(StreamInput.REJECTED)])
@example([Step(StreamInput.STREAMING), Step(StreamInput.START_TIMEOUT, node_id="node-1")])
def test_the_promises_hold_after_every_step(steps: list[Step]) -> None:
    """Whatever happens, a stream moves along its states, ends at most once, and its fields tell a consistent story."""
    stream, now, ends, reported = stream_in(StreamState.STARTING), CREATED, 0, False
    for step in steps:
        now += step.later
        moved = advance(
            stream, step.happened, now, reason=step.reason, error=step.error, seen={"node_id": step.node_id}
        )
        reported |= stream.active and step.happened is StreamInput.STREAMING
        _a_step_is_legal(stream, step, moved.stream)
        assert moved.changed is (moved.stream != stream)
        assert moved.stream.update_time == (now if moved.changed else stream.update_time)
        assert not moved.stop or moved.stream.state in {StreamState.STOPPING, *ENDED}
        ends += stream.active and not moved.stream.active
        stream = moved.stream
        _the_fields_agree(stream)
        assert bool(stream.start_time) is reported
    assert ends == (not stream.active)


def _a_step_is_legal(before: Stream, step: Step, after: Stream) -> None:
    if after.state is not before.state:
        assert after.state in STEPS[before.state]
    if before.state is StreamState.STOPPING and after.active:
        assert (after.state is not StreamState.STOPPING) is (step.happened is StreamInput.STOP_REFUSED)
    if before.state is StreamState.STOPPING and after.state is StreamState.STOPPING:
        assert after.end_reason is before.end_reason
    if after.state is StreamState.UNKNOWN:
        assert not after.accepted
    assert after.accepted >= before.accepted
    assert after.create_time == before.create_time
    assert after.key == before.key
    if not before.active:
        assert (after.state, after.end_reason, after.error, after.end_time) == (
            before.state,
            before.end_reason,
            before.error,
            before.end_time,
        )
        assert before.end_reason_inferred >= after.end_reason_inferred


def _the_fields_agree(stream: Stream) -> None:
    stopping = stream.state is StreamState.STOPPING
    assert bool(stream.end_reason) is (stopping or not stream.active)
    assert bool(stream.end_time) is (not stream.active)
    assert (stream.state is StreamState.FAILED) is (not stream.active and stream.end_reason in FAILURES)
    assert stream.active or not stopping
    assert not (stream.active and stream.end_reason_inferred)
    if stream.state is StreamState.FAILED:
        assert stream.error is not None
    elif stream.state is not StreamState.UNKNOWN:
        assert stream.error is None
    if stream.start_time:
        assert stream.accepted
        assert stream.create_time <= stream.start_time <= stream.update_time
        assert stream.end_reason not in {EndReason.NEVER_STREAMED, EndReason.REJECTED}
    if stream.end_time:
        assert max(stream.create_time, stream.start_time) <= stream.end_time <= stream.update_time


@given(steps)
def test_every_stream_can_be_brought_to_an_end(steps: list[Step]) -> None:
    """Wherever a stream is, its call's end, the session's loss and an unanswered stop all end it."""
    stream = stream_in(StreamState.STARTING)
    for step in steps:
        stream = advance(stream, step.happened, CREATED, reason=step.reason, error=step.error).stream
    for happened in (StreamInput.CALL_ENDED, StreamInput.SESSION_LOST):
        assert not advance(stream, happened, CREATED).stream.active
    stopping = advance(stream, StreamInput.STOP, CREATED).stream
    assert not advance(stopping, StreamInput.STOP_TIMEOUT, CREATED).stream.active
