"""What the gateway says of an error, beyond its gRPC status."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

__all__ = ["ErrorDetails", "error_details", "status_details"]


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The `google.rpc` messages of an error, unpacked.

    Attributes:
        reason: The word to switch on ("STREAM_NOT_FOUND"); empty if the error is not the gateway's (a broken
            connection, for one).
        metadata: What a program needs to act (`relay_code`, `oldest_cursor`, …).
        violations: For INVALID_ARGUMENT each wrong field, and what to write instead.
        retry_after: Seconds to wait before trying again; None if the gateway names none.
    """

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None


def error_details(error: grpc.RpcError) -> ErrorDetails:
    """Unpacks the details of an error, of the synchronous or the asyncio API. Never raises."""
    reason, metadata, violations, retry_after = "", {}, {}, None
    for packed in status_details(error):
        info = error_details_pb2.ErrorInfo()
        request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if packed.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif packed.Unpack(request):
            violations = {wrong.field: wrong.description for wrong in request.field_violations}
        elif packed.Unpack(retry):
            retry_after = retry.retry_delay.ToMicroseconds() / 1e6
    return ErrorDetails(reason, metadata, violations, retry_after)


def status_details(error: grpc.RpcError) -> tuple[Packed, ...]:
    """The details of an error as they were sent; empty if there are none, or none that can be read."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # another server's trailers
        return ()
    return () if status is None else tuple(status.details)
