"""The one table from errors to gRPC statuses.

==================  =============================================================  =======================
status              errors (reason)                                                details beside ErrorInfo
==================  =============================================================  =======================
INVALID_ARGUMENT    InvalidRequest (INVALID_REQUEST)                               BadRequest
UNAUTHENTICATED     BadToken (BAD_TOKEN)
PERMISSION_DENIED   ScopeMissing (SCOPE), UrlNotAllowed (URL_NOT_ALLOWED),
                    NotAllowed (NOT_ALLOWED)
NOT_FOUND           CallNotFound (CALL_NOT_FOUND),
                    StreamNotFound (STREAM_NOT_FOUND)
ALREADY_EXISTS      StreamExists (STREAM_EXISTS)
FAILED_PRECONDITION CallEnded (CALL_ENDED), DialFailed (DIAL_FAILED),
                    RelayRejected (RELAY_REJECTED)
RESOURCE_EXHAUSTED  StreamLimit (STREAM_LIMIT), WatchLimit (WATCH_LIMIT),          RetryInfo
                    RateLimit (RATE_LIMIT)
OUT_OF_RANGE        CursorCompacted (CURSOR_COMPACTED),
                    CursorAhead (CURSOR_AHEAD),
                    EpochChanged (EPOCH_CHANGED)
UNAVAILABLE         RelayDisconnected (RELAY_DISCONNECTED),                        RetryInfo
                    RelayFailed (RELAY_FAILED),
                    JournalUnavailable (JOURNAL_UNAVAILABLE),
                    WatchExpired (MAX_AGE), Draining (DRAINING)
ABORTED             OutcomeUnknown (OUTCOME_UNKNOWN)
DEADLINE_EXCEEDED   DeadlineExceeded (DEADLINE_EXCEEDED)
INTERNAL            anything else (INTERNAL): a defect of the gateway
==================  =============================================================  =======================

Every status carries `google.rpc.ErrorInfo` with the domain "callstream". A status travels in HTTP/2 trailers, of which
many peers take 8 KiB and no more: texts are cut and made printable ASCII, and violations that don't fit are counted.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from gateway.domain.errors import (
    BadToken,
    CallstreamError,
    CursorCompacted,
    DeadlineExceeded,
    Denied,
    Exhausted,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    OutOfRange,
    StreamExists,
    Unavailable,
    Violation,
)
from gateway.service.cursor import Cursor, encode_cursor
from gateway.service.encode import duration

__all__ = ["DOMAIN", "grpc_status", "rich_status"]

DOMAIN: Final = "callstream"
"""ErrorInfo.domain of every error."""

_CODES: Final[Mapping[type[CallstreamError], grpc.StatusCode]] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    BadToken: grpc.StatusCode.UNAUTHENTICATED,
    Denied: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    StreamExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    OutcomeUnknown: grpc.StatusCode.ABORTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    CallstreamError: grpc.StatusCode.INTERNAL,
}

_MAX_MESSAGE: Final = 512
_MAX_VALUE: Final = 768
_MAX_FIELD: Final = 256
_MAX_VIOLATIONS_BYTES: Final = 3072


def grpc_status(error: CallstreamError, *, epoch: str = "") -> grpc.Status:
    """The status that a client sees for an error: pass its `code`, `details` and `trailing_metadata` to `abort`.

    Args:
        error: What went wrong.
        epoch: The journal's epoch. With it, the metadata of CURSOR_COMPACTED has `oldest_cursor`: the position before
            the oldest event that is left.
    """
    code = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    metadata = dict(error.details)
    more: list[Message] = []
    if isinstance(error, InvalidRequest):
        more.append(_bad_request(error.violations))
    if isinstance(error, Unavailable | Exhausted):
        wait = duration(max(0, round(error.retry_after * 1_000_000)))
        more.append(error_details_pb2.RetryInfo(retry_delay=wait))
    if isinstance(error, CursorCompacted) and epoch:
        metadata["oldest_cursor"] = encode_cursor(Cursor(epoch, max(0, error.oldest - 1)))
    return rich_status(code, error.reason, str(error), metadata, more)


def rich_status(
    code: grpc.StatusCode,
    reason: str,
    message: str,
    metadata: Mapping[str, str] | None = None,
    more: Sequence[Message] = (),
) -> grpc.Status:
    """A status with ErrorInfo, for what is refused before there is an error of the domain (tokens, rates, defects).

    Args:
        code: The gRPC status; not OK.
        reason: The stable word for clients to switch on, UPPER_SNAKE.
        message: For people. Never holds a secret.
        metadata: What a program needs to act.
        more: Further messages of `google.rpc`, to follow ErrorInfo.
    """
    info = error_details_pb2.ErrorInfo(
        reason=reason,
        domain=DOMAIN,
        metadata={name: _printable(value, _MAX_VALUE) for name, value in (metadata or {}).items()},
    )
    number, _ = code.value
    status = status_pb2.Status(code=number, message=_printable(message, _MAX_MESSAGE))
    for detail in (info, *more):
        status.details.add().Pack(detail)
    return cast("grpc.Status", rpc_status.to_status(status))


def _bad_request(violations: Sequence[Violation]) -> Message:
    bad_request = error_details_pb2.BadRequest()
    for index, violation in enumerate(violations):
        field = _printable(violation.field, _MAX_FIELD)
        description = _printable(violation.description, _MAX_FIELD)
        if bad_request.ByteSize() + len(field) + len(description) > _MAX_VIOLATIONS_BYTES:
            bad_request.field_violations.add(description=f"and {len(violations) - index} more wrong fields")
            break
        bad_request.field_violations.add(field=field, description=description)
    return cast("Message", bad_request)


def _printable(text: str, limit: int) -> str:
    safe = "".join(char if " " <= char <= "~" else char.encode("unicode_escape").decode() for char in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."
