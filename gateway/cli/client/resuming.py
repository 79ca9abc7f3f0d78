"""A watch that goes on at its cursor when the gateway leaves or the connection breaks."""

import time
from collections.abc import Callable, Generator
from typing import Final

import grpc

from callstream.v1 import stream_service_pb2, stream_service_pb2_grpc
from gateway.cli.output import remark
from gateway.relay.backoff import backoff

__all__ = ["follow"]

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


def follow(
    channel: grpc.Channel,
    request: stream_service_pb2.WatchEventsRequest,
    timeout: float | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[stream_service_pb2.WatchEventsResponse]:
    """Yields the responses of a watch until it is complete; opens it again, where it was, if the gateway leaves.

    A gateway that can't be reached at the very beginning is an error, as the address may be wrong. Close it to leave
    the watch.

    Args:
        channel: To the gateway.
        request: The watch to open first.
        timeout: Seconds after which to stop with DEADLINE_EXCEEDED; None never does.
        sleep: Pauses between attempts.

    Raises:
        grpc.RpcError: The watch failed for a reason other than an unavailable gateway, or never began.
    """
    stub = stream_service_pb2_grpc.StreamServiceStub(channel)
    expiry = None if timeout is None else time.monotonic() + timeout
    pauses = backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    begun = False
    while True:
        watch = stub.WatchEvents(request, timeout=None if expiry is None else max(0.0, expiry - time.monotonic()))
        least = 0.0
        try:
            for response in watch:
                if response.HasField("opened"):
                    begun, pauses = True, backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
                yield response
                least = response.closing.retry_after.ToMicroseconds() / 1e6
                request = _next(request, response)
        except grpc.RpcError as error:
            if not begun or error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            pause = max(next(pauses), least)
            remark(f"the gateway is not available ({error.details()}): going on in {pause:.1f} s")
        else:
            return
        finally:
            watch.cancel()
        sleep(pause)


def _next(
    request: stream_service_pb2.WatchEventsRequest, response: stream_service_pb2.WatchEventsResponse
) -> stream_service_pb2.WatchEventsRequest:
    """What to ask for if the watch breaks after this response."""
    if request.include_snapshot and not response.snapshot.last:
        return request  # half a snapshot is none: it comes anew
    following = stream_service_pb2.WatchEventsRequest()
    following.CopyFrom(request)
    following.include_snapshot = False
    following.after_cursor = response.cursor
    return following
