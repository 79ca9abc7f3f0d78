"""Lists over pages, and lists that wait."""

import json
from typing import Any

from callstream.v1 import call_pb2, call_service_pb2, event_pb2, stream_pb2, stream_service_pb2
from tests.support.command_line import run
from tests.support.scripted_contract import scripted_contract

CALLS = [call_pb2.Call(call_id=f"c{number}") for number in range(5)]


def pages(request: Any) -> call_service_pb2.ListCallsResponse:
    """Two calls a page."""
    start = int(request.page_token or 0)
    end = start + min(request.page_size, 2)
    token = str(end) if end < len(CALLS) else ""
    return call_service_pb2.ListCallsResponse(calls=CALLS[start:end], next_page_token=token)


def listed(*words: str) -> list[str]:
    """The ids of a list."""
    with scripted_contract({"ListCalls": pages}) as contract:
        shown = run("call", "list", "--json", *words, "--address", contract.address)
    assert shown.code == 0
    return [call["call_id"] for call in json.loads(shown.out)["calls"]]


def test_all_pages_are_one_list() -> None:
    """Users see no pages."""
    assert listed() == ["c0", "c1", "c2", "c3", "c4"]


def test_a_limit_cuts_it() -> None:
    """Within a page or after some."""
    assert listed("--limit", "1") == ["c0"]
    assert listed("--limit", "3") == ["c0", "c1", "c2"]


def test_filters_are_passed_on_and_what_has_ended_is_left_out() -> None:
    """Unless it is asked for."""
    with scripted_contract({"ListCalls": lambda _: call_service_pb2.ListCallsResponse()}) as contract:
        address = ("--address", contract.address)
        run("call", "list", "--direction", "inbound", "--context", "x", "--tag", "t", *address)
        run("call", "list", "--all", *address)
        run("call", "list", "--state", "ended", "--state", "RINGING", *address)
    first, second, third = contract.requests
    assert call_pb2.CALL_STATE_ENDED not in first.states
    assert (first.direction, first.context, first.tag) == (call_pb2.CALL_DIRECTION_INBOUND, "x", "t")
    assert list(second.states) == []
    assert list(third.states) == [call_pb2.CALL_STATE_ENDED, call_pb2.CALL_STATE_RINGING]


def test_streams_are_listed_in_the_same_way() -> None:
    """With their own filters."""
    response = stream_service_pb2.ListStreamsResponse(streams=[stream_pb2.Stream(call_id="c", control_id="s")])
    with scripted_contract({"ListStreams": lambda _: response}) as contract:
        address = ("--address", contract.address)
        shown = run("stream", "list", "--call", "c", "--name", "n", "--label", "a=b", *address)
        as_json = run("stream", "list", "--all", "--json", *address)
        run("stream", "list", "--state", "failed", *address)
    first, second, third = contract.requests
    assert [line.split() for line in shown.out.splitlines()] == [["CALL", "CONTROL", "ID"], ["c", "s"]]
    assert json.loads(as_json.out)["streams"][0]["control_id"] == "s"
    assert (first.call_id, first.name, dict(first.labels)) == ("c", "n", {"a": "b"})
    assert stream_pb2.STREAM_STATE_FINISHED not in first.states
    assert list(second.states) == []
    assert list(third.states) == [stream_pb2.STREAM_STATE_FAILED]


def test_a_waiting_list_asks_again_at_each_sign_of_change() -> None:
    """First once the watch stands, so that no call can slip between; it ends with the first that matches."""
    found = [[], [], [CALLS[0]]]

    def watch(request: stream_service_pb2.WatchEventsRequest) -> Any:
        assert event_pb2.EVENT_TYPE_CALL_RECEIVED in request.filter.types
        assert event_pb2.EVENT_TYPE_STREAM_STARTING not in request.filter.types
        yield stream_service_pb2.WatchEventsResponse(cursor="a", opened=stream_service_pb2.WatchOpened())
        for _ in range(10):
            yield stream_service_pb2.WatchEventsResponse(cursor="b", events=stream_service_pb2.EventBatch())

    answers = {
        "WatchEvents": watch,
        "ListCalls": lambda _: call_service_pb2.ListCallsResponse(calls=found.pop(0)),
    }
    with scripted_contract(answers) as contract:
        shown = run("call", "list", "--wait", "--address", contract.address)
    assert shown.out.splitlines() == ["CALL", "c0"]
    assert found == []


def test_a_wait_that_ends_without_a_call_is_an_empty_list() -> None:
    """A watch that is complete has nothing more to tell."""
    answers = {
        "WatchEvents": lambda _: [],
        "ListCalls": lambda _: call_service_pb2.ListCallsResponse(),
    }
    with scripted_contract(answers) as contract:
        shown = run("call", "list", "--wait", "--json", "--address", contract.address)
    assert json.loads(shown.out)["calls"] == []
