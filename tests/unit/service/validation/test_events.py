"""Requests about events become queries, or every wrong field is listed."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.domain.events import SESSION_EVENTS, EventType
from gateway.journal.record import Filter
from gateway.service.cursor import Cursor, encode_cursor
from gateway.service.validation import events
from gateway.service.validation.queries import (
    AfterCursor,
    FromNow,
    FromOldest,
    FromTime,
    HistoryQuery,
    Start,
    Until,
    WatchQuery,
)
from tests.support.violations import violations

CURSOR = Cursor("0123456789abcdef", 42)
EVERYTHING = Filter(unscoped_types=SESSION_EVENTS)


def watch(**fields: Any) -> stream_service_pb2.WatchEventsRequest:
    """A request for a watch."""
    return stream_service_pb2.WatchEventsRequest(**fields)


def history(**fields: Any) -> stream_service_pb2.ListEventsRequest:
    """A request for history."""
    return stream_service_pb2.ListEventsRequest(**fields)


def filtered(**fields: Any) -> stream_service_pb2.WatchEventsRequest:
    """A request for a watch with a filter."""
    return watch(filter=stream_service_pb2.EventFilter(**fields))


class TestWatch:
    """watch_events."""

    def test_defaults(self) -> None:
        """An empty request watches everything from now on, for ever."""
        assert events.watch_events(watch()) == WatchQuery(EVERYTHING, FromNow(), False, 15.0, Until.FOREVER, None)

    def test_every_field(self) -> None:
        """Each field of the request has its place in the query."""
        request = watch(
            filter=stream_service_pb2.EventFilter(
                call_ids=["c"],
                control_ids=["s"],
                types=[event_pb2.EVENT_TYPE_STREAM_FINISHED, event_pb2.EVENT_TYPE_STREAM_FAILED],
                labels={"a": "b"},
            ),
            include_snapshot=True,
            bookmark_interval=Duration(seconds=1, nanos=500_000_000),
            until=stream_service_pb2.WATCH_UNTIL_STREAM_ENDED,
            max_age=Duration(seconds=3600),
        )
        ends = frozenset({EventType.STREAM_FINISHED, EventType.STREAM_FAILED})
        assert events.watch_events(request) == WatchQuery(
            filter=Filter(frozenset({"c"}), frozenset({"s"}), ends, {"a": "b"}, SESSION_EVENTS),
            start=FromNow(),
            include_snapshot=True,
            bookmark_interval=1.5,
            until=Until.STREAM_ENDED,
            max_age=3600.0,
        )

    @pytest.mark.parametrize(
        ("fields", "start"),
        [
            ({"after_cursor": encode_cursor(CURSOR)}, AfterCursor(CURSOR)),
            ({"start_time": Timestamp(seconds=5, nanos=1)}, FromTime(5_000_001)),
            ({"start_time": Timestamp()}, FromTime(0)),
            ({"from_oldest": True}, FromOldest()),
        ],
    )
    def test_starts(self, fields: dict[str, Any], start: Start) -> None:
        """Each start is understood."""
        assert events.watch_events(watch(**fields)).start == start

    def test_every_type_can_be_asked_for(self) -> None:
        """The filter takes each type of the contract but UNSPECIFIED."""
        numbers = [number for number in event_pb2.EventType.values() if number]
        assert events.watch_events(filtered(types=numbers)).filter.types == frozenset(EventType)

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"after_cursor": ""}, "after_cursor", "it is no cursor"),
            ({"after_cursor": "x"}, "after_cursor", "it is no cursor"),
            ({"after_cursor": "x" * 257}, "after_cursor", "256 bytes"),
            ({"start_time": Timestamp(nanos=-1)}, "start_time", "google.protobuf.Timestamp"),
            ({"from_oldest": False}, "from_oldest", "must be true"),
            ({"from_oldest": True, "include_snapshot": True}, "include_snapshot", "does not go together"),
            ({"start_time": Timestamp(), "include_snapshot": True}, "include_snapshot", "does not go together"),
            ({"bookmark_interval": Duration()}, "bookmark_interval", "at least 1 s and at most 60 s"),
            ({"bookmark_interval": Duration(seconds=61)}, "bookmark_interval", "at least 1 s and at most 60 s"),
            ({"max_age": Duration(nanos=1)}, "max_age", "at least 1 s"),
            ({"until": 4}, "until", "no known value"),
            ({"until": 2}, "until", "exactly one call_id and one control_id"),
            ({"until": 3}, "until", "exactly one call_id"),
        ],
    )
    def test_wrong(self, fields: dict[str, Any], field: str, says: str) -> None:
        """Each wrong field is named, with what to write instead."""
        wrong = violations(events.watch_events, watch(**fields))
        assert set(wrong) == {field}
        assert says in wrong[field]

    @pytest.mark.parametrize(
        ("until", "call_ids", "control_ids", "good"),
        [
            (Until.STREAM_ENDED, ["c"], ["s"], True),
            (Until.STREAM_ENDED, ["c", "c"], ["s", "s"], True),
            (Until.STREAM_ENDED, ["c"], [], False),
            (Until.STREAM_ENDED, [], ["s"], False),
            (Until.STREAM_ENDED, ["c"], ["s", "t"], False),
            (Until.CALL_ENDED, ["c"], [], True),
            (Until.CALL_ENDED, ["c"], ["s"], True),
            (Until.CALL_ENDED, ["c", "d"], [], False),
            (Until.FOREVER, ["c", "d"], ["s", "t"], True),
        ],
    )
    def test_until_needs_a_subject(self, until: Until, call_ids: list[str], control_ids: list[str], good: bool) -> None:
        """A watch that ends with something must say with what."""
        request = filtered(call_ids=call_ids, control_ids=control_ids)
        request.until = stream_service_pb2.WatchUntil.Value(f"WATCH_UNTIL_{until.name}")
        if good:
            assert events.watch_events(request).until is until
        else:
            assert set(violations(events.watch_events, request)) == {"until"}

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"call_ids": ["c", "", "d"]}, "filter.call_ids[1]"),
            ({"call_ids": ["c", "c" * 257]}, "filter.call_ids[1]"),
            ({"call_ids": ["c"] * 101}, "filter.call_ids"),
            ({"control_ids": ["\n"]}, "filter.control_ids[0]"),
            ({"control_ids": ["c"] * 101}, "filter.control_ids"),
            ({"types": [1, 0]}, "filter.types[1]"),
            ({"types": [1, 2, 91]}, "filter.types[2]"),
            ({"types": [1] * 33}, "filter.types"),
            ({"labels": {"k": "\n"}}, 'filter.labels["k"]'),
            ({"labels": {str(n): "" for n in range(33)}}, "filter.labels"),
        ],
    )
    def test_wrong_filters(self, fields: dict[str, Any], field: str) -> None:
        """The path leads to the wrong item of the filter."""
        assert set(violations(events.watch_events, filtered(**fields))) == {field}

    def test_everything_at_once(self) -> None:
        """One answer lists all that is to be mended."""
        wrong = violations(
            events.watch_events,
            watch(
                filter=stream_service_pb2.EventFilter(call_ids=[""], types=[99]),  # type: ignore[list-item]
                after_cursor="?",
                include_snapshot=True,
                bookmark_interval=Duration(seconds=90),
                until=3,
                max_age=Duration(),
            ),
        )
        assert set(wrong) == {
            "filter.call_ids[0]",
            "filter.types[0]",
            "after_cursor",
            "include_snapshot",
            "bookmark_interval",
            "max_age",
        }


class TestHistory:
    """list_events."""

    def test_defaults(self) -> None:
        """An empty request reads from the oldest event, without waiting."""
        assert events.list_events(history()) == HistoryQuery(EVERYTHING, FromOldest(), 100, 0.0)

    @pytest.mark.parametrize(
        ("fields", "start"),
        [
            ({"after_cursor": encode_cursor(CURSOR)}, AfterCursor(CURSOR)),
            ({"start_time": Timestamp(seconds=5)}, FromTime(5_000_000)),
            ({"from_now": True}, FromNow()),
        ],
    )
    def test_starts(self, fields: dict[str, Any], start: Start) -> None:
        """Each start is understood."""
        assert events.list_events(history(**fields)).start == start

    def test_a_long_poll(self) -> None:
        """Page size and wait are taken over; a minute is the longest wait."""
        query = events.list_events(history(page_size=1000, wait=Duration(seconds=60)))
        assert (query.page_size, query.wait) == (1000, 60.0)

    def test_the_filter_is_that_of_a_watch(self) -> None:
        """Session events pass every filter of calls and streams."""
        query = events.list_events(history(filter=stream_service_pb2.EventFilter(call_ids=["c"])))
        assert query.filter == Filter(call_ids=frozenset({"c"}), unscoped_types=SESSION_EVENTS)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"after_cursor": "?"}, "after_cursor"),
            ({"start_time": Timestamp(nanos=1_000_000_000)}, "start_time"),
            ({"from_now": False}, "from_now"),
            ({"page_size": -1}, "page_size"),
            ({"wait": Duration(seconds=60, nanos=1)}, "wait"),
            ({"wait": Duration(nanos=-1)}, "wait"),
            ({"filter": stream_service_pb2.EventFilter(call_ids=[""])}, "filter.call_ids[0]"),
        ],
    )
    def test_wrong(self, fields: dict[str, Any], field: str) -> None:
        """Each wrong field is named."""
        assert set(violations(events.list_events, history(**fields))) == {field}
