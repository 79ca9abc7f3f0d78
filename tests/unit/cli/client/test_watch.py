"""`callstream stream watch`."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from callstream.v1 import stream_service_pb2 as contract_streams
from gateway.domain.errors import CursorCompacted
from tests.support.command_line import Ran, run
from tests.support.scripted_contract import scripted_contract

Response = contract_streams.WatchEventsResponse
OPENED = Response(cursor="c0", opened=contract_streams.WatchOpened())
BOOKMARK = Response(cursor="c1", bookmark=contract_streams.WatchBookmark())


def event(sequence: int) -> event_pb2.Event:
    """An event that has little to say."""
    return event_pb2.Event(sequence=sequence, type=event_pb2.EVENT_TYPE_SESSION_UP)


def batch(cursor: str, *sequences: int) -> Response:
    """Several events in one message."""
    return Response(cursor=cursor, events=contract_streams.EventBatch(events=map(event, sequences)))


def snapshot(*, last: bool) -> Response:
    """A part of a snapshot."""
    part = contract_streams.WatchSnapshot(
        streams=[stream_pb2.Stream(call_id="c", control_id="s")], calls=[call_pb2.Call(call_id="c")], last=last
    )
    return Response(cursor="c9", snapshot=part)


def watched(*words: str, answer: Callable[[Any], Any] = lambda _: [OPENED]) -> tuple[Any, Ran]:
    """The request of a watch, and what it left behind."""
    with scripted_contract({"WatchEvents": answer}) as contract:
        shown = run("stream", "watch", *words, "--address", contract.address)
    return contract.requests[0], shown


def test_filters_are_passed_on() -> None:
    """Each may be repeated."""
    request, shown = watched(
        "--call", "a", "--call", "b", "--control-id", "s", "--type", "call-received", "--type", "dial", "--label", "k=v"
    )
    assert shown.code == 0
    assert list(request.filter.call_ids) == ["a", "b"]
    assert list(request.filter.control_ids) == ["s"]
    assert len(request.filter.types) == 4
    assert dict(request.filter.labels) == {"k": "v"}


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ([], None),
        (["--after", "x"], "after_cursor"),
        (["--since", "2026-01-31T12:00:00Z"], "start_time"),
        (["--from-oldest"], "from_oldest"),
        (["--snapshot"], None),
    ],
)
def test_a_watch_begins_where_it_is_told(words: list[str], start: str | None) -> None:
    """Now, if nowhere."""
    request, _ = watched(*words, "--until", "call-ended", "--call", "c")
    assert request.WhichOneof("start") == start
    assert request.include_snapshot == ("--snapshot" in words)
    assert request.until == contract_streams.WATCH_UNTIL_CALL_ENDED
    if start == "start_time":
        assert request.start_time.ToDatetime(dt.UTC) == dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def test_two_beginnings_are_wrong_usage() -> None:
    """Before anything is asked."""
    shown = run("stream", "watch", "--from-oldest", "--snapshot")
    assert shown.code == 2
    assert "use one of them" in shown.err


def test_events_are_lines_and_the_end_tells_where_to_go_on() -> None:
    """The latter apart from the output."""
    _, shown = watched(answer=lambda _: [OPENED, batch("c2", 1, 2), BOOKMARK])
    assert [line.split()[1:] for line in shown.out.splitlines()] == [["1", "SESSION_UP"], ["2", "SESSION_UP"]]
    assert shown.err == "go on with --after c1\n"


def test_a_complete_watch_has_nowhere_to_go_on() -> None:
    """Its stream or call has ended."""
    words = ("--call", "c", "--control-id", "s", "--until", "stream-ended")
    _, shown = watched(*words, answer=lambda _: [OPENED, batch("c2", 1)])
    assert shown.err == ""


def test_json_lines_have_a_cursor_where_one_can_go_on() -> None:
    """After the last event of a message, and at bookmarks."""
    _, shown = watched("--json", answer=lambda _: [OPENED, batch("c2", 1, 2), BOOKMARK])
    first, second, third = map(json.loads, shown.out.splitlines())
    assert (first["event"]["sequence"], "cursor" in first) == ("1", False)
    assert (second["event"]["sequence"], second["cursor"]) == ("2", "c2")
    assert third == {"cursor": "c1", "bookmark": {}}
    assert shown.err == ""


def test_a_limit_ends_it_within_a_message() -> None:
    """The cursor is that of the last whole message: events may come twice, and none is lost."""
    _, shown = watched("--limit", "3", answer=lambda _: [OPENED, batch("c2", 1, 2), batch("c4", 3, 4), batch("c5", 5)])
    assert len(shown.out.splitlines()) == 3
    assert shown.err == "go on with --after c2\n"
    _, shown = watched("--limit", "1", "--json", answer=lambda _: [OPENED, batch("c4", 3, 4)])
    assert "cursor" not in json.loads(shown.out)
    _, shown = watched("--limit", "2", answer=lambda _: [OPENED, batch("c4", 3, 4), batch("c5", 5)])
    assert shown.err == "go on with --after c4\n"


def test_a_snapshot_is_shown_first() -> None:
    """As tables, or an object a line."""
    parts = [OPENED, snapshot(last=False), Response(cursor="c9", snapshot=contract_streams.WatchSnapshot(last=True))]
    _, shown = watched("--snapshot", answer=lambda _: parts)
    assert shown.out.splitlines() == ["CALL", "c", "CALL  CONTROL ID", "c     s"]
    assert shown.err == "go on with --after c9\n"
    _, shown = watched("--snapshot", "--json", answer=lambda _: [OPENED, snapshot(last=True)])
    assert [next(iter(json.loads(line))) for line in shown.out.splitlines()] == ["call", "stream"]


def test_half_a_snapshot_is_no_place_to_go_on() -> None:
    """What its rest would have told would be missing."""

    def cut(_request: Any) -> Iterator[Response]:
        yield OPENED
        yield snapshot(last=False)
        raise CursorCompacted(1, 5)

    _, shown = watched("--snapshot", answer=cut)
    assert shown.code == 1
    assert "go on" not in shown.err
    assert "error: CURSOR_COMPACTED: " in shown.err
