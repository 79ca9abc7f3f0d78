"""Requests about events: watches and their history."""

from typing import Final

from callstream.v1 import stream_service_pb2
from gateway.domain.events import SESSION_EVENTS, EventType
from gateway.journal.record import Filter
from gateway.service.cursor import Cursor, decode_cursor
from gateway.service.validation.checks import Checks
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

__all__ = ["list_events", "watch_events"]

_MAX_IDS: Final = 100
_MAX_TYPES: Final = 32
_MAX_CURSOR_BYTES: Final = 256
_BOOKMARK_S: Final = 15.0
_MAX_BOOKMARK_S: Final = 60
_MAX_WAIT_S: Final = 60

_TYPES: Final = {kind.value: kind for kind in EventType}
_UNTIL: Final = {0: Until.FOREVER, 1: Until.FOREVER, 2: Until.STREAM_ENDED, 3: Until.CALL_ENDED}
_NO_CURSOR: Final = AfterCursor(Cursor("", 0))  # stands in for a wrong one, until the checks are finished


def watch_events(request: stream_service_pb2.WatchEventsRequest) -> WatchQuery:
    """The watch that is asked for.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    match_ = _filter(checks, request.filter)
    start = _watch_start(checks, request)
    if request.include_snapshot and request.WhichOneof("start") is not None:
        checks.wrong("include_snapshot", "does not go together with a start: leave one of them out")
    interval = _BOOKMARK_S
    if request.HasField("bookmark_interval"):
        interval = checks.length("bookmark_interval", request.bookmark_interval, 1, _MAX_BOOKMARK_S) / 1_000_000
    max_age = None
    if request.HasField("max_age"):
        max_age = checks.length("max_age", request.max_age, 1) / 1_000_000
    until = _until(checks, request.until, match_)
    checks.finish()
    return WatchQuery(match_, start, request.include_snapshot, interval, until, max_age)


def list_events(request: stream_service_pb2.ListEventsRequest) -> HistoryQuery:
    """The page of history that is asked for.

    Raises:
        InvalidRequest: Lists every wrong field.
    """
    checks = Checks()
    match_ = _filter(checks, request.filter)
    start = _history_start(checks, request)
    size = checks.page_size(request.page_size)
    wait = 0.0
    if request.HasField("wait"):
        wait = checks.length("wait", request.wait, 0, _MAX_WAIT_S) / 1_000_000
    checks.finish()
    return HistoryQuery(match_, start, size, wait)


def _filter(checks: Checks, wanted: stream_service_pb2.EventFilter) -> Filter:
    call_ids = checks.texts("filter.call_ids", wanted.call_ids, _MAX_IDS, checks.required_text)
    control_ids = checks.texts("filter.control_ids", wanted.control_ids, _MAX_IDS, checks.required_text)
    types: frozenset[EventType] = frozenset()
    if len(wanted.types) > _MAX_TYPES:
        checks.wrong("filter.types", f"has too many items: use at most {_MAX_TYPES}")
    else:
        types = checks.choices("filter.types", wanted.types, _TYPES)
    return Filter(
        call_ids=frozenset(call_ids),
        control_ids=frozenset(control_ids),
        types=types,
        labels=checks.labels("filter.labels", wanted.labels),
        unscoped_types=SESSION_EVENTS,
    )


def _watch_start(checks: Checks, request: stream_service_pb2.WatchEventsRequest) -> Start:
    match request.WhichOneof("start"):
        case "after_cursor":
            return _after_cursor(checks, request.after_cursor)
        case "start_time":
            return FromTime(checks.time("start_time", request.start_time))
        case "from_oldest":
            if not request.from_oldest:
                checks.wrong("from_oldest", "must be true if set: leave it out to begin now")
            return FromOldest()
        case _:
            return FromNow()


def _history_start(checks: Checks, request: stream_service_pb2.ListEventsRequest) -> Start:
    match request.WhichOneof("start"):
        case "after_cursor":
            return _after_cursor(checks, request.after_cursor)
        case "start_time":
            return FromTime(checks.time("start_time", request.start_time))
        case "from_now":
            if not request.from_now:
                checks.wrong("from_now", "must be true if set: leave it out to begin with the oldest event")
            return FromNow()
        case _:
            return FromOldest()


def _after_cursor(checks: Checks, text: str) -> AfterCursor:
    if len(text.encode()) > _MAX_CURSOR_BYTES:
        checks.wrong("after_cursor", f"is too long: use at most {_MAX_CURSOR_BYTES} bytes")
        return _NO_CURSOR
    try:
        return AfterCursor(decode_cursor(text))
    except ValueError as error:
        checks.wrong("after_cursor", f"{error}: use a cursor as a response gave it")
        return _NO_CURSOR


def _until(checks: Checks, number: int, match_: Filter) -> Until:
    until = checks.choice("until", number, _UNTIL)
    if until is Until.STREAM_ENDED and (len(match_.call_ids) != 1 or len(match_.control_ids) != 1):
        checks.wrong("until", "needs a filter with exactly one call_id and one control_id for STREAM_ENDED")
    if until is Until.CALL_ENDED and len(match_.call_ids) != 1:
        checks.wrong("until", "needs a filter with exactly one call_id for CALL_ENDED")
    return until
