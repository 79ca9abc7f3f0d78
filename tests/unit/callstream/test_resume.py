"""How a watch goes on: decisions without a connection."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from callstream.resume import Bookmark, Events, Resumption, Snapshot, WatchOptions
from callstream.v1 import stream_service_pb2
from callstream.v1.event_pb2 import Event
from callstream.v1.stream_service_pb2 import WatchEventsRequest, WatchEventsResponse
from tests.support.watch_messages import bookmark, closing, events, opened, part

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
OUT_OF_RANGE = grpc.StatusCode.OUT_OF_RANGE
CANCELLED = grpc.StatusCode.CANCELLED


def resumption(chance: float = 1.0, **request: Any) -> Resumption:
    """A watch whose pauses are as long as they may be."""
    options = WatchOptions(backoff_initial=0.1, backoff_max=1.0)
    return Resumption(WatchEventsRequest(**request), options, lambda: chance)


def test_begins_with_the_users_request() -> None:
    """What is opened first is what was asked for, and the user's message stays as it is."""
    request = WatchEventsRequest(from_oldest=True)
    watch = Resumption(request, WatchOptions())
    assert watch.next_request() == request
    watch.received(events("c1", 1))
    assert watch.next_request() != request
    assert request == WatchEventsRequest(from_oldest=True)


@pytest.mark.parametrize(
    "start", [{"from_oldest": True}, {"after_cursor": "c0"}, {"start_time": Timestamp(seconds=5)}, {}]
)
def test_goes_on_at_the_last_cursor(start: dict[str, Any]) -> None:
    """After events and bookmarks only the cursor says where to begin."""
    watch = resumption(**start)
    assert watch.received(opened("c1")) is None
    assert watch.received(events("c2", 7, 8)) == Events("c2", (Event(sequence=7), Event(sequence=8)))
    assert watch.received(bookmark("c3")) == Bookmark("c3")
    assert watch.cursor == "c3"
    assert watch.next_request() == WatchEventsRequest(after_cursor="c3")


def test_now_is_when_the_watch_was_first_opened() -> None:
    """A watch from now on that breaks before anything came misses nothing of what happens meanwhile."""
    watch = resumption()
    watch.received(opened("c1"))
    assert watch.next_request() == WatchEventsRequest(after_cursor="c1")


def test_a_snapshot_counts_once_it_is_whole() -> None:
    """A connection that breaks in the middle begins the snapshot again, which then replaces what was shown."""
    watch = resumption(include_snapshot=True)
    watch.received(opened("c1"))
    assert watch.cursor == ""
    assert watch.received(part("c1", last=False)) == Snapshot("c1", (), (), last=False, reset=False)
    watch.failed(UNAVAILABLE)
    assert watch.next_request() == WatchEventsRequest(include_snapshot=True)
    assert watch.received(part("c2", last=False)) == Snapshot("c2", (), (), last=False, reset=True)
    assert watch.received(part("c2", last=True)) == Snapshot("c2", (), (), last=True, reset=True)
    assert watch.next_request() == WatchEventsRequest(after_cursor="c2")
    watch.failed(UNAVAILABLE)
    assert watch.received(events("c3", 1)) is not None
    assert watch.cursor == "c3"


def test_a_snapshot_of_which_nothing_was_shown_resets_nothing() -> None:
    """Only what was handed over has to be forgotten."""
    watch = resumption(include_snapshot=True)
    watch.received(opened("c1"))
    watch.failed(UNAVAILABLE)
    assert watch.received(part("c2", last=True)) == Snapshot("c2", (), (), last=True, reset=False)


@pytest.mark.parametrize(
    "start", [{"from_oldest": True}, {"after_cursor": "c0"}, {"start_time": Timestamp(seconds=5)}, {}]
)
def test_lost_history_begins_again_with_a_snapshot(start: dict[str, Any]) -> None:
    """OUT_OF_RANGE opens at once with a snapshot and no start, keeps the rest, and marks the snapshot."""
    watch = resumption(**start, until=stream_service_pb2.WATCH_UNTIL_CALL_ENDED)
    watch.received(events("c1", 1))
    assert watch.failed(OUT_OF_RANGE) == 0.0
    assert watch.cursor == ""
    assert watch.next_request() == WatchEventsRequest(
        include_snapshot=True, until=stream_service_pb2.WATCH_UNTIL_CALL_ENDED
    )
    watch.received(opened("c5"))
    watch.failed(UNAVAILABLE)
    assert watch.next_request().include_snapshot
    assert watch.received(part("c6", last=True)) == Snapshot("c6", (), (), last=True, reset=True)
    assert watch.next_request().after_cursor == "c6"


def test_history_that_is_lost_again_and_again_is_not_stormed() -> None:
    """Only the first time after a message is without a pause."""
    watch = resumption(after_cursor="c0")
    assert [watch.failed(OUT_OF_RANGE) for _ in range(3)] == [0.0, 0.2, 0.4]


def test_pauses_double_up_to_the_longest() -> None:
    """Each attempt in vain waits longer; a message begins anew, `opened` alone does not."""
    watch = resumption()
    assert [watch.failed(UNAVAILABLE) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    watch.received(opened())
    assert watch.failed(UNAVAILABLE) == 1.0
    watch.received(bookmark("c1"))
    assert watch.failed(UNAVAILABLE) == 0.1


@given(chance=st.floats(0, 1), failures=st.integers(0, 200))
def test_pauses_have_full_jitter(chance: float, failures: int) -> None:
    """A pause lies between nothing and its longest, so that clients do not come back together."""
    watch = resumption(chance)
    for _ in range(failures):
        watch.failed(UNAVAILABLE)
    assert watch.failed(UNAVAILABLE) == pytest.approx(chance * min(1.0, 0.1 * 2.0 ** min(failures, 30)))


def test_the_gateways_wish_is_honoured() -> None:
    """A pause is no shorter than `closing` or RetryInfo say; the wish counts once."""
    watch = resumption()
    watch.received(closing("c9", 3))
    assert watch.failed(UNAVAILABLE) == 3.0
    assert watch.failed(UNAVAILABLE, 2.0) == 2.0
    assert watch.failed(UNAVAILABLE) == 0.4


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in {UNAVAILABLE, OUT_OF_RANGE, CANCELLED}]
)
def test_other_errors_are_the_users(code: grpc.StatusCode) -> None:
    """What trying again would not mend is not tried again."""
    assert resumption().failed(code) is None


def test_silence() -> None:
    """A connection is dead after three intervals: the usual ones, those asked for, those the gateway tells."""
    assert resumption().silence == 45.0
    watch = Resumption(WatchEventsRequest(bookmark_interval=Duration(seconds=2)), WatchOptions(dead_after_intervals=4))
    assert watch.silence == 8.0
    watch.received(opened(interval=5))
    assert watch.silence == 20.0
    watch.received(opened())
    assert watch.silence == 20.0


def test_messages_of_later_versions_are_passed_over() -> None:
    """A message of a kind that is not known says nothing, and moves no cursor."""
    watch = resumption(include_snapshot=True)
    assert watch.received(WatchEventsResponse(cursor="c9")) is None
    assert watch.cursor == ""
