"""The life of a stream: the whole table, written out, and what fills the fields."""

from typing import Final

import pytest
from msgspec.structs import replace

from gateway.domain.streams import (
    ACTIVE,
    NEXT,
    EndReason,
    Stream,
    StreamError,
    StreamInput,
    StreamState,
    advance,
)
from tests.support.domain_values import CREATED, GIVEN, LOST, NOW, stream_in

SCENES: Final = {
    "starting": stream_in(StreamState.STARTING),
    "accepted": stream_in(StreamState.STARTING, accepted=True),
    "unknown": stream_in(StreamState.UNKNOWN),
    "streaming": stream_in(StreamState.STREAMING, max_duration=60_000_000),
    # Stopped by a client while RELAY's answer to the start was still awaited.
    "stopping": stream_in(StreamState.STOPPING),
    # Stopped because RELAY accepted the start and then said nothing.
    "overdue": stream_in(StreamState.STOPPING, accepted=True, end_reason=EndReason.START_TIMEOUT),
    # Stopped after it had streamed for as long as it might.
    "spent": stream_in(StreamState.STOPPING, accepted=True, start_time=2_000, end_reason=EndReason.MAX_DURATION),
}

# From, input, to; then the end reason, the error's reason, and "concluded" (the end is inferred) or "stop" (RELAY is to
# stop it). GIVEN is the error that came with the input, OUTCOME_UNKNOWN the one that the stream in doubt had already.
MATRIX: Final = """
starting  ACCEPTED       STARTING   -               -
starting  REJECTED       FAILED     REJECTED        GIVEN
starting  NOT_SENT       FAILED     NEVER_STREAMED  GIVEN
starting  ANSWER_LOST    UNKNOWN    -               GIVEN
starting  STREAMING      STREAMING  -               -
starting  FINISHED       FAILED     NEVER_STREAMED  NEVER_STREAMED
starting  OTHER          STARTING   -               -
starting  STOP           STOPPING   STOP_REQUESTED  -
starting  STOP_MISSED    STARTING   -               -
starting  STOP_REFUSED   STARTING   -               -
starting  STOP_TIMEOUT   STARTING   -               -
starting  START_TIMEOUT  STOPPING   START_TIMEOUT   -               stop
starting  CALL_ENDED     FINISHED   CALL_ENDED      -               concluded
starting  SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

accepted  ACCEPTED       STARTING   -               -
accepted  REJECTED       FAILED     REJECTED        GIVEN
accepted  NOT_SENT       STARTING   -               -
accepted  ANSWER_LOST    STARTING   -               -
accepted  STREAMING      STREAMING  -               -
accepted  FINISHED       FAILED     NEVER_STREAMED  NEVER_STREAMED
accepted  OTHER          STARTING   -               -
accepted  STOP           STOPPING   STOP_REQUESTED  -
accepted  STOP_MISSED    STARTING   -               -
accepted  STOP_REFUSED   STARTING   -               -
accepted  STOP_TIMEOUT   STARTING   -               -
accepted  START_TIMEOUT  STOPPING   START_TIMEOUT   -               stop
accepted  CALL_ENDED     FINISHED   CALL_ENDED      -               concluded
accepted  SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

unknown   ACCEPTED       STARTING   -               -
unknown   REJECTED       FAILED     REJECTED        GIVEN
unknown   NOT_SENT       UNKNOWN    -               OUTCOME_UNKNOWN
unknown   ANSWER_LOST    UNKNOWN    -               OUTCOME_UNKNOWN
unknown   STREAMING      STREAMING  -               -
unknown   FINISHED       FAILED     NEVER_STREAMED  NEVER_STREAMED
unknown   OTHER          STARTING   -               -
unknown   STOP           STOPPING   STOP_REQUESTED  -
unknown   STOP_MISSED    UNKNOWN    -               OUTCOME_UNKNOWN
unknown   STOP_REFUSED   UNKNOWN    -               OUTCOME_UNKNOWN
unknown   STOP_TIMEOUT   UNKNOWN    -               OUTCOME_UNKNOWN
unknown   START_TIMEOUT  STOPPING   START_TIMEOUT   -               stop
unknown   CALL_ENDED     FINISHED   CALL_ENDED      -               concluded
unknown   SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

streaming ACCEPTED       STREAMING  -               -
streaming REJECTED       STREAMING  -               -
streaming NOT_SENT       STREAMING  -               -
streaming ANSWER_LOST    STREAMING  -               -
streaming STREAMING      STREAMING  -               -
streaming FINISHED       FINISHED   REMOTE          -
streaming OTHER          STREAMING  -               -
streaming STOP           STOPPING   STOP_REQUESTED  -
streaming STOP_MISSED    STREAMING  -               -
streaming STOP_REFUSED   STREAMING  -               -
streaming STOP_TIMEOUT   STREAMING  -               -
streaming START_TIMEOUT  STREAMING  -               -
streaming CALL_ENDED     FINISHED   CALL_ENDED      -               concluded
streaming SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

stopping  ACCEPTED       STOPPING   STOP_REQUESTED  -
stopping  REJECTED       FAILED     REJECTED        GIVEN
stopping  NOT_SENT       FAILED     NEVER_STREAMED  GIVEN
stopping  ANSWER_LOST    STOPPING   STOP_REQUESTED  -
stopping  STREAMING      STOPPING   STOP_REQUESTED  -
stopping  FINISHED       FINISHED   STOP_REQUESTED  -
stopping  OTHER          STOPPING   STOP_REQUESTED  -
stopping  STOP           STOPPING   STOP_REQUESTED  -
stopping  STOP_MISSED    FINISHED   STOP_REQUESTED  -               concluded
stopping  STOP_REFUSED   STARTING   -               -
stopping  STOP_TIMEOUT   FINISHED   STOP_REQUESTED  -               concluded
stopping  START_TIMEOUT  STOPPING   STOP_REQUESTED  -
stopping  CALL_ENDED     FINISHED   STOP_REQUESTED  -               concluded
stopping  SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

overdue   ACCEPTED       STOPPING   START_TIMEOUT   -
overdue   REJECTED       FAILED     REJECTED        GIVEN
overdue   NOT_SENT       STOPPING   START_TIMEOUT   -
overdue   ANSWER_LOST    STOPPING   START_TIMEOUT   -
overdue   STREAMING      STOPPING   START_TIMEOUT   -
overdue   FINISHED       FAILED     START_TIMEOUT   START_TIMEOUT
overdue   OTHER          STOPPING   START_TIMEOUT   -
overdue   STOP           STOPPING   START_TIMEOUT   -
overdue   STOP_MISSED    FAILED     START_TIMEOUT   START_TIMEOUT   concluded
overdue   STOP_REFUSED   STARTING   -               -
overdue   STOP_TIMEOUT   FAILED     START_TIMEOUT   START_TIMEOUT   concluded
overdue   START_TIMEOUT  STOPPING   START_TIMEOUT   -
overdue   CALL_ENDED     FAILED     START_TIMEOUT   START_TIMEOUT   concluded
overdue   SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded

spent     ACCEPTED       STOPPING   MAX_DURATION    -
spent     REJECTED       STOPPING   MAX_DURATION    -
spent     NOT_SENT       STOPPING   MAX_DURATION    -
spent     ANSWER_LOST    STOPPING   MAX_DURATION    -
spent     STREAMING      STOPPING   MAX_DURATION    -
spent     FINISHED       FINISHED   MAX_DURATION    -
spent     OTHER          STOPPING   MAX_DURATION    -
spent     STOP           STOPPING   MAX_DURATION    -
spent     STOP_MISSED    FINISHED   MAX_DURATION    -               concluded
spent     STOP_REFUSED   STREAMING  -               -
spent     STOP_TIMEOUT   FINISHED   MAX_DURATION    -               concluded
spent     START_TIMEOUT  STOPPING   MAX_DURATION    -
spent     CALL_ENDED     FINISHED   MAX_DURATION    -               concluded
spent     SESSION_LOST   FAILED     SESSION_LOST    SESSION_LOST    concluded
"""
ROWS: Final = [row.split() for row in MATRIX.splitlines() if row]

_END_REASONS_OF_FAILURE = {"REJECTED", "NEVER_STREAMED", "START_TIMEOUT", "SESSION_LOST"}


def test_the_table_is_complete() -> None:
    """Every active state says what follows from every input."""
    assert set(NEXT) == set(ACTIVE)
    assert all(set(row) == set(StreamInput) for row in NEXT.values())


def test_the_matrix_is_complete() -> None:
    """The expectations below leave out no scene and no input, and hold a scene for each active state."""
    assert [row[:2] for row in ROWS] == [[scene, happened.name] for scene in SCENES for happened in StreamInput]
    assert {stream.state for stream in SCENES.values()} == ACTIVE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_an_input_has_the_effect_that_the_matrix_says(row: list[str]) -> None:
    """Each input leads each stream to the state, reasons and order that the matrix holds."""
    scene, happened, state, end_reason, error, *marks = row
    moved = advance(SCENES[scene], StreamInput[happened], NOW, reason=EndReason.STOP_REQUESTED, error=_given(happened))
    after = moved.stream
    assert after.state.name == state
    assert after.end_reason.name.replace("UNSPECIFIED", "-") == end_reason
    assert (after.error.reason if after.error else "-") == error
    assert after.end_reason_inferred is ("concluded" in marks)
    assert moved.stop is ("stop" in marks)
    assert moved.changed is (after != SCENES[scene])
    assert after.update_time == (NOW if moved.changed else CREATED)
    assert after.end_time == (NOW if state in {"FINISHED", "FAILED"} else 0)
    assert (state == "FAILED") is (end_reason in _END_REASONS_OF_FAILURE and not after.active)


def _given(happened: str) -> StreamError | None:
    return GIVEN if happened in {"REJECTED", "NOT_SENT", "ANSWER_LOST"} else None


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("happened", StreamInput, ids=lambda happened: happened.name)
def test_what_shows_that_relay_has_the_stream_is_kept(scene: str, happened: StreamInput) -> None:
    """A 2xx answer and any report of RELAY mark the stream as accepted, and nothing else does."""
    proof = {StreamInput.ACCEPTED, StreamInput.STREAMING, StreamInput.FINISHED, StreamInput.OTHER}
    after = advance(SCENES[scene], happened, NOW).stream
    assert after.accepted is (SCENES[scene].accepted or happened in proof)


@pytest.mark.parametrize("scene", SCENES)
def test_the_start_time_is_the_first_report_of_streaming(scene: str) -> None:
    """`streaming` sets the start time once; a repetition does not move it."""
    before = SCENES[scene]
    first = advance(before, StreamInput.STREAMING, NOW).stream
    again = advance(first, StreamInput.STREAMING, NOW + 1)
    assert first.start_time == (before.start_time or NOW)
    assert again.stream is first
    assert not again.changed


def test_an_event_fills_the_fields_that_relay_knows() -> None:
    """Node, segment and tag are RELAY's to tell, each time anew; empty ones take nothing away."""
    told = {"node_id": "n", "segment_id": "s", "tag": "t", "url": "wss://a", "name": "b"}
    filled = advance(SCENES["starting"], StreamInput.OTHER, NOW, seen=told).stream
    assert {name: getattr(filled, name) for name in told} == told
    moved = advance(filled, StreamInput.OTHER, NOW + 1, seen=dict.fromkeys(told, "") | {"node_id": "m"})
    assert moved.stream == replace(filled, node_id="m", update_time=NOW + 1)


def test_an_echo_does_not_overwrite_what_was_asked_for() -> None:
    """Url and name stay as the client wrote them when RELAY reports them in another form."""
    asked = stream_in(StreamState.STARTING, accepted=True, url="wss://a/b", name="mine")
    moved = advance(asked, StreamInput.OTHER, NOW, seen={"url": "wss://a:443/b", "name": "MINE"})
    assert moved.stream is asked
    assert not moved.changed


@pytest.mark.parametrize(
    ("scene", "state", "why"),
    [
        ("starting", StreamState.FINISHED, EndReason.CALL_ENDED),
        ("unknown", StreamState.FINISHED, EndReason.CALL_ENDED),
        ("streaming", StreamState.FINISHED, EndReason.CALL_ENDED),
        ("stopping", StreamState.FINISHED, EndReason.STOP_REQUESTED),
        ("overdue", StreamState.FAILED, EndReason.START_TIMEOUT),
    ],
)
def test_finished_while_the_call_ends_is_the_call_s_doing(scene: str, state: StreamState, why: EndReason) -> None:
    """`finished` with an ending call ends a stream as CALL_ENDED by RELAY's own word, unless it was being stopped."""
    after = advance(SCENES[scene], StreamInput.FINISHED, NOW, reason=EndReason.CALL_ENDED).stream
    assert (after.state, after.end_reason, after.end_reason_inferred) == (state, why, False)


def test_a_stop_without_a_reason_was_asked_for() -> None:
    """No stream is STOPPING without a reason."""
    assert advance(SCENES["streaming"], StreamInput.STOP, NOW).stream.end_reason is EndReason.STOP_REQUESTED


@pytest.mark.parametrize(
    ("scene", "happened", "reason", "words"),
    [
        ("starting", StreamInput.REJECTED, "RELAY_REJECTED", "refused"),
        ("starting", StreamInput.NOT_SENT, "NEVER_STREAMED", "not sent"),
        ("starting", StreamInput.FINISHED, "NEVER_STREAMED", "before any audio"),
        ("overdue", StreamInput.STOP_TIMEOUT, "START_TIMEOUT", "accepted the start"),
        ("streaming", StreamInput.SESSION_LOST, "SESSION_LOST", "session was lost"),
    ],
)
def test_a_failure_without_a_cause_says_what_is_known(
    scene: str, happened: StreamInput, reason: str, words: str
) -> None:
    """Every FAILED stream has an error that fits its end."""
    error = advance(SCENES[scene], happened, NOW).stream.error
    assert error is not None
    assert error.reason == reason
    assert words in error.message


def test_a_start_that_was_never_answered_is_not_called_accepted() -> None:
    """The error of a start timeout claims RELAY's acceptance only if there was one."""
    stopping = advance(stream_in(StreamState.UNKNOWN), StreamInput.START_TIMEOUT, NOW).stream
    error = advance(stopping, StreamInput.STOP_MISSED, NOW).stream.error
    assert error is not None
    assert "did not answer" in error.message


ENDED: Final[dict[str, Stream]] = {
    "told": advance(SCENES["streaming"], StreamInput.FINISHED, CREATED).stream,
    "stop missed": advance(SCENES["stopping"], StreamInput.STOP_MISSED, CREATED).stream,
    "stop unanswered": advance(SCENES["spent"], StreamInput.STOP_TIMEOUT, CREATED).stream,
    "call ended": advance(SCENES["streaming"], StreamInput.CALL_ENDED, CREATED).stream,
    "refused": advance(SCENES["starting"], StreamInput.REJECTED, CREATED).stream,
    "never sent": advance(SCENES["starting"], StreamInput.NOT_SENT, CREATED).stream,
    "never streamed": advance(SCENES["accepted"], StreamInput.FINISHED, CREATED).stream,
    "overdue": advance(SCENES["overdue"], StreamInput.STOP_TIMEOUT, CREATED).stream,
    "session lost": advance(SCENES["streaming"], StreamInput.SESSION_LOST, CREATED).stream,
}
CONCLUDED: Final = {"stop missed", "stop unanswered", "call ended", "overdue", "session lost"}
# Sign of life, and the ended streams that it makes the gateway stop: they would stream for nobody.
STRAYS: Final = {
    StreamInput.STREAMING: {"stop missed", "stop unanswered", "never streamed", "overdue", "session lost"},
    StreamInput.ACCEPTED: {"stop missed", "stop unanswered", "overdue", "session lost"},
}


@pytest.mark.parametrize("scene", ENDED)
@pytest.mark.parametrize("happened", StreamInput, ids=lambda happened: happened.name)
def test_an_end_is_final(scene: str, happened: StreamInput) -> None:
    """Nothing changes an ended stream, except that `finished` confirms an end that was concluded."""
    before = ENDED[scene]
    moved = advance(before, happened, NOW, reason=EndReason.STOP_REQUESTED, error=LOST, seen={"node_id": "elsewhere"})
    if happened is StreamInput.FINISHED and scene in CONCLUDED:
        assert moved.changed
        assert moved.stream == replace(before, end_reason_inferred=False, update_time=NOW)
    else:
        assert not moved.changed
        assert moved.stream is before
    assert moved.stop is (scene in STRAYS.get(happened, set()))
