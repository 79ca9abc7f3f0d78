"""Lists over all their pages, and a list that waits for its first entry."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import grpc

from callstream.v1 import (
    call_pb2,
    call_service_pb2,
    call_service_pb2_grpc,
    event_pb2,
    stream_pb2,
    stream_service_pb2_grpc,
)
from callstream.v1 import stream_service_pb2 as stream_service
from gateway.cli.client.choices import event_types
from gateway.cli.client.resuming import follow

__all__ = ["calls", "calls_when_there", "streams"]

_PAGE: Final = 1000
_TIMEOUT_S: Final = 10.0


def calls(
    channel: grpc.Channel, request: call_service_pb2.ListCallsRequest, limit: int | None, timeout: float | None
) -> list[call_pb2.Call]:
    """The calls that match, of all pages.

    Args:
        channel: To the gateway.
        request: The filters.
        limit: How many at most.
        timeout: Seconds for each page; None means 10.

    Raises:
        grpc.RpcError: A page could not be had.
    """
    stub = call_service_pb2_grpc.CallServiceStub(channel)
    pages = _pages(stub.ListCalls, request, limit, timeout)
    return list(islice((call for page in pages for call in page.calls), limit))


def calls_when_there(
    channel: grpc.Channel, request: call_service_pb2.ListCallsRequest, limit: int | None, timeout: float | None
) -> list[call_pb2.Call]:
    """The calls that match, once there is one. As `calls`, but `timeout` is for all of it, and None has no end."""
    types = event_types(event_pb2.EventType.keys(), ["call"])
    watch = stream_service.WatchEventsRequest(
        filter=stream_service.EventFilter(types=[event_pb2.EventType.Value(name) for name in types])
    )
    # The list is asked for once the watch stands, so that no call can come between the two.
    with contextlib.closing(follow(channel, watch, timeout)) as responses:
        for _ in responses:
            found = calls(channel, request, limit, None)
            if found:
                return found
    return []


def streams(
    channel: grpc.Channel, request: stream_service.ListStreamsRequest, limit: int | None, timeout: float | None
) -> list[stream_pb2.Stream]:
    """The streams that match, of all pages; as `calls`."""
    stub = stream_service_pb2_grpc.StreamServiceStub(channel)
    pages = _pages(stub.ListStreams, request, limit, timeout)
    return list(islice((stream for page in pages for stream in page.streams), limit))


def _pages(method: Callable[..., Any], request: Any, limit: int | None, timeout: float | None) -> Iterator[Any]:
    request.page_size = min(limit or _PAGE, _PAGE)
    while True:
        page = method(request, timeout=timeout or _TIMEOUT_S)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
