"""The details of errors, as clients read them."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

import callstream
from callstream import ErrorDetails
from callstream.v1.stream_service_pb2 import ListStreamsRequest
from tests.support.scripted_watches import Fails, ScriptedWatches


class _Foreign(grpc.RpcError):
    """An error whose details are no google.rpc.Status."""

    def trailing_metadata(self) -> Any:
        """Not what it should be."""
        return (("grpc-status-details-bin", b""),)

    def code(self) -> grpc.StatusCode:
        """Another one than in the details."""
        return grpc.StatusCode.INTERNAL

    def details(self) -> str:
        """Another one than in the details."""
        return "x"


def test_all_details_are_unpacked() -> None:
    """Reason, wrong fields and the time to wait are there; details of other kinds are passed over."""
    wrong = [error_details_pb2.BadRequest.FieldViolation(field="url", description="is required")]
    more = (
        error_details_pb2.BadRequest(field_violations=wrong),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        error_details_pb2.Help(),
    )
    script = [Fails(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", more)]
    with (
        ScriptedWatches(script) as server,
        callstream.connect(server.address) as client,
        pytest.raises(grpc.RpcError) as failed,
    ):
        client.streams.ListStreams(ListStreamsRequest(), timeout=10)
    details = callstream.error_details(failed.value)
    assert details == ErrorDetails("INVALID_REQUEST", {}, {"url": "is required"}, 1.5)


def test_what_cannot_be_read_is_no_error() -> None:
    """The details of another server are left alone."""
    assert callstream.error_details(_Foreign()) == ErrorDetails()
