"""Watches that go on where they were."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
import pytest

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.cli.client.channel import open_channel
from gateway.cli.client.resuming import follow
from gateway.cli.client.target import Target
from gateway.domain.errors import CursorCompacted, Draining
from tests.support.scripted_contract import ScriptedContract, scripted_contract

Response = stream_service_pb2.WatchEventsResponse
OPENED = Response(cursor="c0", opened=stream_service_pb2.WatchOpened())


def events(cursor: str, *sequences: int) -> Response:
    """A batch."""
    batch = stream_service_pb2.EventBatch(events=[event_pb2.Event(sequence=number) for number in sequences])
    return Response(cursor=cursor, events=batch)


def in_turn(*answers: Iterable[Response | Exception]) -> Callable[[Any], Iterator[Response]]:
    """Answers each watch with the next ones; an error ends it."""
    turns = iter(answers)

    def answer(_request: Any) -> Iterator[Response]:
        for item in next(turns):
            if isinstance(item, Exception):
                raise item
            yield item

    return answer


def followed(contract: ScriptedContract, pauses: list[float], **request: Any) -> list[Response]:
    """All responses; the pauses it made are noted, not made."""
    with open_channel(Target(contract.address)) as channel:
        watch = stream_service_pb2.WatchEventsRequest(**request)
        return list(follow(channel, watch, 30.0, sleep=pauses.append))


def test_a_watch_that_is_cut_goes_on_at_its_cursor() -> None:
    """With its filter, and nothing else said about where to begin."""
    answers = in_turn([OPENED, events("c2", 1, 2), Draining("x")], [OPENED, Draining("x")], [OPENED, events("c3", 3)])
    pauses: list[float] = []
    with scripted_contract({"WatchEvents": answers}) as contract:
        wanted = stream_service_pb2.EventFilter(call_ids=["c"])
        found = followed(contract, pauses, filter=wanted, from_oldest=True)
    assert [event.sequence for response in found for event in response.events.events] == [1, 2, 3]
    first, second, third = contract.requests
    assert first.from_oldest
    assert (second.after_cursor, second.filter) == ("c2", wanted)
    assert third.after_cursor == "c0"  # what the second one's `opened` said
    assert len(pauses) == 2


def test_pauses_grow_until_the_gateway_is_back() -> None:
    """Then they begin anew; with jitter."""
    gone = [Draining("x")]
    answers = in_turn([OPENED, Draining("x")], gone, gone, [OPENED, Draining("x")], [OPENED])
    pauses: list[float] = []
    with scripted_contract({"WatchEvents": answers}) as contract:
        followed(contract, pauses)
    bounds = [(0.5, 1), (1, 2), (2, 4), (0.5, 1)]
    assert [low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True)] == [True] * 4


def test_the_servers_wish_is_the_least_pause() -> None:
    """`closing` tells how long to stay away."""
    closing = Response(cursor="c1", closing=stream_service_pb2.WatchClosing())
    closing.closing.retry_after.FromSeconds(20)
    pauses: list[float] = []
    with scripted_contract({"WatchEvents": in_turn([OPENED, closing, Draining("x")], [OPENED])}) as contract:
        followed(contract, pauses)
    assert pauses == [20]


def test_half_a_snapshot_is_asked_for_again() -> None:
    """A whole one is not: what follows it does."""
    part = Response(cursor="c5", snapshot=stream_service_pb2.WatchSnapshot())
    last = Response(cursor="c5", snapshot=stream_service_pb2.WatchSnapshot(last=True))
    answers = in_turn([OPENED, part, Draining("x")], [OPENED, part, last, Draining("x")], [OPENED])
    with scripted_contract({"WatchEvents": answers}) as contract:
        followed(contract, [], include_snapshot=True)
    asked = [(request.include_snapshot, request.after_cursor) for request in contract.requests]
    assert asked == [(True, ""), (True, ""), (False, "c5")]


def test_a_watch_that_never_began_is_an_error() -> None:
    """The address may be wrong."""
    with open_channel(Target("127.0.0.1:1")) as channel:
        responses = follow(channel, stream_service_pb2.WatchEventsRequest(), 30.0)
        with pytest.raises(grpc.RpcError) as failed:
            next(responses)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


def test_other_errors_are_not_tried_again() -> None:
    """A compacted cursor stays compacted."""
    pauses: list[float] = []
    with scripted_contract({"WatchEvents": in_turn([OPENED, CursorCompacted(1, 5)])}) as contract:
        with pytest.raises(grpc.RpcError) as failed:
            followed(contract, pauses)
        assert failed.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert pauses == []


def test_leaving_cancels_the_watch() -> None:
    """The server need not wait for the next keepalive."""
    left = threading.Event()

    def answer(_request: Any) -> Iterator[Response]:
        try:
            for number in range(1_000_000):
                yield events(f"c{number}", number)
        finally:
            left.set()

    with scripted_contract({"WatchEvents": answer}) as contract, open_channel(Target(contract.address)) as channel:
        responses = follow(channel, stream_service_pb2.WatchEventsRequest())
        next(responses)
        responses.close()
        assert left.wait(30)
