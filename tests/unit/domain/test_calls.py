"""The life of a call: the whole table, written out, and what holds in any order of reports."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.calls import CALL_WORDS, NEXT, CallInput, CallState, Device, Direction, advance
from tests.support.domain_values import CREATED, NOW, call_in

# Rows: the state; columns: the input. A report that comes late changes nothing, and nothing is undone.
TABLE: Final = """
          CREATED   RINGING   ANSWERED  ENDING    ENDED     MENTIONED GONE      SESSION_LOST
CREATED   CREATED   RINGING   ANSWERED  ENDING    ENDED     CREATED   ENDED     UNKNOWN
RINGING   RINGING   RINGING   ANSWERED  ENDING    ENDED     RINGING   ENDED     UNKNOWN
ANSWERED  ANSWERED  ANSWERED  ANSWERED  ENDING    ENDED     ANSWERED  ENDED     UNKNOWN
ENDING    ENDING    ENDING    ENDING    ENDING    ENDED     ENDING    ENDED     UNKNOWN
ENDED     ENDED     ENDED     ENDED     ENDED     ENDED     ENDED     ENDED     ENDED
UNKNOWN   CREATED   RINGING   ANSWERED  ENDING    ENDED     UNKNOWN   ENDED     UNKNOWN
"""
_HEADER, *_ROWS = (line.split() for line in TABLE.splitlines() if line)
CELLS: Final = [(row[0], happened, to) for row in _ROWS for happened, to in zip(_HEADER, row[1:], strict=True)]


def test_the_table_is_complete() -> None:
    """Every state says what follows from every input, and the expectations below leave out none."""
    assert {(state.name, happened.name) for state, row in NEXT.items() for happened in row} == {
        (state.name, happened.name) for state in CallState for happened in CallInput
    }
    assert len(CELLS) == len(CallState) * len(CallInput)


@pytest.mark.parametrize(("state", "happened", "to"), CELLS)
def test_an_input_leads_where_the_table_says(state: str, happened: str, to: str) -> None:
    """Each input leads each call to the state that the table holds, and only a change is stamped."""
    before = call_in(CallState[state])
    after = advance(before, CallInput[happened], NOW)
    assert after.state.name == to
    if state == to:
        assert after is before
    else:
        assert after.update_time == NOW


def test_relay_s_words_are_all_known() -> None:
    """Each state that RELAY reports has its input."""
    assert {word: happened.name for word, happened in CALL_WORDS.items()} == {
        "created": "CREATED",
        "ringing": "RINGING",
        "answered": "ANSWERED",
        "ending": "ENDING",
        "ended": "ENDED",
    }


def test_answer_and_end_are_timed() -> None:
    """The times of answer and end are those of the reports, and stay."""
    answered = advance(call_in(CallState.RINGING), CallInput.ANSWERED, NOW)
    ended = advance(answered, CallInput.ENDED, NOW + 5, end_reason="hangup")
    assert (ended.answer_time, ended.end_time, ended.end_reason) == (NOW, NOW + 5, "hangup")
    assert not ended.end_reason_inferred
    assert advance(ended, CallInput.ENDED, NOW + 9, end_reason="busy") is ended


def test_an_answer_after_a_lost_session_does_not_move_the_answer_time() -> None:
    """A call that is found answered again was answered when it first was."""
    answered = advance(call_in(CallState.RINGING), CallInput.ANSWERED, NOW)
    lost = advance(answered, CallInput.SESSION_LOST, NOW + 1)
    assert advance(lost, CallInput.ANSWERED, NOW + 2).answer_time == NOW


def test_a_concluded_end_says_so_until_relay_confirms_it() -> None:
    """The end of a call that RELAY has gone from is inferred; `ended` confirms it with RELAY's reason."""
    gone = advance(call_in(CallState.ANSWERED), CallInput.GONE, NOW, end_reason="not_found")
    assert (gone.end_reason, gone.end_reason_inferred, gone.end_time) == ("not_found", True, NOW)
    told = advance(gone, CallInput.ENDED, NOW + 1, end_reason="hangup")
    assert told == replace(gone, end_reason="hangup", end_reason_inferred=False, update_time=NOW + 1)


def test_a_confirmation_without_a_reason_keeps_the_concluded_one() -> None:
    """`ended` without a reason takes nothing away."""
    gone = advance(call_in(CallState.ANSWERED), CallInput.GONE, NOW, end_reason="not_found")
    told = advance(gone, CallInput.ENDED, NOW + 1)
    assert (told.end_reason, told.end_reason_inferred) == ("not_found", False)


def test_reports_fill_in_what_relay_knows() -> None:
    """Every report may tell more of the call, a late one too; empty fields take nothing away."""
    told = {
        "node_id": "node-2",
        "segment_id": "segment",
        "tag": "tag",
        "context": "office",
        "direction": Direction.INBOUND,
        "device": Device("phone", "{}"),
    }
    filled = advance(call_in(CallState.ENDING), CallInput.RINGING, NOW, seen=told)
    assert filled.state is CallState.ENDING
    assert {name: getattr(filled, name) for name in told} == told
    empty = {"node_id": "", "segment_id": "", "tag": "", "context": "", "direction": Direction.UNSPECIFIED}
    assert advance(filled, CallInput.RINGING, NOW + 1, seen=empty | {"device": None}) is filled


def test_over_and_about_to_be() -> None:
    """Ending calls are told apart from ended ones."""
    assert [state.name for state in CallState if call_in(state).ended] == ["ENDED"]
    assert [state.name for state in CallState if call_in(state).ending] == ["ENDING", "ENDED"]


_happenings = st.tuples(st.sampled_from(CallInput), st.integers(0, 5), st.sampled_from(["", "hangup", "busy"]))


@given(st.lists(_happenings, max_size=15))
def test_a_call_s_story_is_consistent_in_any_order_of_reports(happenings: list[tuple[CallInput, int, str]]) -> None:
    """The end is final and timed, states are not undone while the session lasts, and only a change is stamped."""
    call, now = call_in(CallState.UNKNOWN), CREATED
    for happened, later, word in happenings:
        now += later
        before, call = call, advance(call, happened, now, end_reason=word)
        assert (call is before) is (call == before)
        assert call.update_time == (before.update_time if call is before else now)
        assert bool(call.end_time) is call.ended
        assert call.ended >= before.ended
        assert call.end_time == before.end_time or not before.ended
        assert call.ended or not (call.end_reason or call.end_reason_inferred)
        if CallState.UNKNOWN not in {before.state, call.state}:
            assert call.state >= before.state
        assert call.create_time <= call.answer_time or not call.answer_time
        assert call.end_time >= call.answer_time or not call.end_time
