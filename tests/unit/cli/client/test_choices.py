"""The contract's enums as words."""

import click
import pytest

from callstream.v1 import call_service_pb2, event_pb2, stream_pb2
from gateway.cli.client.choices import event_types, number, numbers

NAMES = event_pb2.EventType.keys()


def test_words_are_values() -> None:
    """With dashes for underscores; no word is UNSPECIFIED."""
    assert number(stream_pb2.Track.Value, "TRACK_", "both") == stream_pb2.TRACK_BOTH
    reasons = call_service_pb2.EndCallReason
    assert number(reasons.Value, "END_CALL_REASON_", "no-answer") == call_service_pb2.END_CALL_REASON_NO_ANSWER
    assert number(stream_pb2.Track.Value, "TRACK_", None) == stream_pb2.TRACK_UNSPECIFIED
    assert numbers(stream_pb2.Track.Value, "TRACK_", ["inbound", "both"]) == [1, 3]


@pytest.mark.parametrize("word", ["call-received", "CALL_RECEIVED", "EVENT_TYPE_CALL_RECEIVED"])
def test_types_are_taken_in_every_writing(word: str) -> None:
    """The contract's, the output's, and the one that is easy to type."""
    assert event_types(NAMES, [word]) == ["EVENT_TYPE_CALL_RECEIVED"]


def test_a_family_means_all_of_its_types() -> None:
    """Nothing but them."""
    found = event_types(NAMES, ["dial", "session-gap"])
    assert found == [
        "EVENT_TYPE_DIAL_DIALING",
        "EVENT_TYPE_DIAL_ANSWERED",
        "EVENT_TYPE_DIAL_FAILED",
        "EVENT_TYPE_SESSION_GAP",
    ]


def test_an_unknown_type_is_told_with_those_that_are() -> None:
    """Families first."""
    with pytest.raises(click.UsageError, match="use stream, call, dial, session for all of a kind, or one of stream-"):
        event_types(NAMES, ["unspecified"])
