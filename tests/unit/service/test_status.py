"""Every error becomes the status that the contract names, and fits the trailers."""

import inspect
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from gateway.domain import errors
from gateway.domain.errors import CallstreamError, Violation
from gateway.service import status as status_module
from gateway.service.cursor import Cursor, decode_cursor
from gateway.service.status import grpc_status, rich_status

EPOCH = "0123456789abcdef"

# DESIGN's table, class by class; the words are what each error is made with.
EXPECTED: list[tuple[CallstreamError, grpc.StatusCode, str]] = [
    (errors.InvalidRequest([Violation("url", "use wss://")]), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (errors.BadToken(), grpc.StatusCode.UNAUTHENTICATED, "BAD_TOKEN"),
    (errors.ScopeMissing("m", "streams:write"), grpc.StatusCode.PERMISSION_DENIED, "SCOPE"),
    (errors.UrlNotAllowed("url", "x:443"), grpc.StatusCode.PERMISSION_DENIED, "URL_NOT_ALLOWED"),
    (errors.NotAllowed("contexts", "no"), grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
    (errors.CallNotFound("c"), grpc.StatusCode.NOT_FOUND, "CALL_NOT_FOUND"),
    (errors.StreamNotFound("c", "s"), grpc.StatusCode.NOT_FOUND, "STREAM_NOT_FOUND"),
    (errors.StreamExists("c", "s", "STREAMING", "wss://x"), grpc.StatusCode.ALREADY_EXISTS, "STREAM_EXISTS"),
    (errors.CallEnded("c"), grpc.StatusCode.FAILED_PRECONDITION, "CALL_ENDED"),
    (errors.DialFailed("t"), grpc.StatusCode.FAILED_PRECONDITION, "DIAL_FAILED"),
    (errors.RelayRejected("calling.stream", "422", "bad"), grpc.StatusCode.FAILED_PRECONDITION, "RELAY_REJECTED"),
    (errors.StreamLimit(8, "too many"), grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAM_LIMIT"),
    (errors.WatchLimit(8, "too many"), grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_LIMIT"),
    (errors.RateLimit(8, "too fast"), grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT"),
    (errors.CursorCompacted(3, 7), grpc.StatusCode.OUT_OF_RANGE, "CURSOR_COMPACTED"),
    (errors.CursorAhead(9, 7), grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD"),
    (errors.EpochChanged("a", "b"), grpc.StatusCode.OUT_OF_RANGE, "EPOCH_CHANGED"),
    (errors.RelayDisconnected("no session"), grpc.StatusCode.UNAVAILABLE, "RELAY_DISCONNECTED"),
    (errors.RelayFailed("calling.stream", "500", "oops"), grpc.StatusCode.UNAVAILABLE, "RELAY_FAILED"),
    (errors.JournalUnavailable("disk full"), grpc.StatusCode.UNAVAILABLE, "JOURNAL_UNAVAILABLE"),
    (errors.WatchExpired("old"), grpc.StatusCode.UNAVAILABLE, "MAX_AGE"),
    (errors.Draining("leaving"), grpc.StatusCode.UNAVAILABLE, "DRAINING"),
    (errors.OutcomeUnknown("the answer was lost"), grpc.StatusCode.ABORTED, "OUTCOME_UNKNOWN"),
    (errors.DeadlineExceeded("late", sent=True), grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
]


def tree(kind: type[CallstreamError] = CallstreamError) -> Iterator[type[CallstreamError]]:
    """All classes of the error tree."""
    yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


def leaves() -> set[type[CallstreamError]]:
    """The classes that errors are made of."""
    return {kind for kind in tree() if kind.__module__ == errors.__name__ and not kind.__subclasses__()}


def details(status: grpc.Status) -> SimpleNamespace:
    """The google.rpc messages of a status, by their names."""
    rich = status_pb2.Status.FromString(dict(status.trailing_metadata)["grpc-status-details-bin"])
    assert rich.message == status.details
    assert rich.code == status.code.value[0]
    found: dict[str, Any] = {}
    for packed in rich.details:
        name = packed.TypeName().removeprefix("google.rpc.")
        message = getattr(error_details_pb2, name)()
        assert packed.Unpack(message)
        found[name] = message
    return SimpleNamespace(**found)


class TestTable:
    """The table covers the tree."""

    def test_every_error_is_expected_here(self) -> None:
        """A new class of error needs a line in the table of this test."""
        assert {type(error) for error, _, _ in EXPECTED} == leaves()

    @pytest.mark.parametrize(("error", "code", "reason"), EXPECTED, ids=lambda value: getattr(value, "reason", None))
    def test_status_and_reason(self, error: CallstreamError, code: grpc.StatusCode, reason: str) -> None:
        """Each error has the status and the word that the contract promises."""
        status = grpc_status(error)
        info = details(status).ErrorInfo
        assert status.code is code
        assert (info.reason, info.domain) == (reason, "callstream")
        assert status.details == str(error)

    @pytest.mark.parametrize("kind", [kind for kind in tree() if kind is not CallstreamError], ids=lambda k: k.__name__)
    def test_every_class_has_a_row(self, kind: type[CallstreamError]) -> None:
        """No class falls through to INTERNAL."""
        assert any(base in status_module._CODES for base in kind.__mro__ if base is not CallstreamError)

    def test_the_docstring_is_the_table(self) -> None:
        """The table for people names each status, class and reason."""
        table = inspect.getdoc(status_module) or ""
        for error, code, reason in EXPECTED:
            assert f"{type(error).__name__} ({reason})" in table
            assert f"\n{code.name} " in table

    def test_an_error_without_a_row_is_a_defect(self) -> None:
        """The root of the tree is INTERNAL."""
        assert grpc_status(CallstreamError("?")).code is grpc.StatusCode.INTERNAL


class TestDetails:
    """What a program needs to act."""

    @pytest.mark.parametrize("error", [error for error, _, _ in EXPECTED], ids=lambda error: error.reason)
    def test_metadata_is_the_errors_details(self, error: CallstreamError) -> None:
        """ErrorInfo.metadata has what the error knows."""
        assert dict(details(grpc_status(error)).ErrorInfo.metadata) == dict(error.details)

    def test_all_violations_are_listed(self) -> None:
        """BadRequest has every wrong field."""
        error = errors.InvalidRequest([Violation("url", "use wss://"), Violation('labels["k"]', "too long")])
        found = details(grpc_status(error)).BadRequest.field_violations
        assert [(each.field, each.description) for each in found] == [
            ("url", "use wss://"),
            ('labels["k"]', "too long"),
        ]

    @pytest.mark.parametrize(
        "error",
        [errors.Draining("leaving", 2.5), errors.RelayFailed("m", "500", "x", 2.5), errors.WatchLimit(1, "full", 2.5)],
    )
    def test_retry_delay(self, error: CallstreamError) -> None:
        """What may be tried again says when."""
        delay = details(grpc_status(error)).RetryInfo.retry_delay
        assert (delay.seconds, delay.nanos) == (2, 500_000_000)

    def test_only_what_may_be_tried_again_says_when(self) -> None:
        """An error that trying again won't mend has no RetryInfo."""
        may = {type(error) for error, _, _ in EXPECTED if hasattr(details(grpc_status(error)), "RetryInfo")}
        assert may == {
            errors.StreamLimit,
            errors.WatchLimit,
            errors.RateLimit,
            errors.RelayDisconnected,
            errors.RelayFailed,
            errors.JournalUnavailable,
            errors.WatchExpired,
            errors.Draining,
        }

    @pytest.mark.parametrize(("oldest", "position"), [(7, 6), (0, 0)])
    def test_oldest_cursor(self, oldest: int, position: int) -> None:
        """CURSOR_COMPACTED tells a cursor from which all that is left can be read."""
        metadata = details(grpc_status(errors.CursorCompacted(3, oldest), epoch=EPOCH)).ErrorInfo.metadata
        assert decode_cursor(metadata["oldest_cursor"]) == Cursor(EPOCH, position)
        assert metadata["oldest_sequence"] == str(oldest)

    def test_other_refusals(self) -> None:
        """What is refused before the domain is asked looks the same to clients."""
        status = rich_status(grpc.StatusCode.UNAUTHENTICATED, "BAD_TOKEN", "no such token", {"scope": "read"})
        info = details(status).ErrorInfo
        assert status.code is grpc.StatusCode.UNAUTHENTICATED
        assert (info.reason, info.domain, dict(info.metadata)) == ("BAD_TOKEN", "callstream", {"scope": "read"})


def enormous(text: str) -> list[CallstreamError]:
    """Errors with as much text as somebody could put into them."""
    return [
        errors.StreamExists(text, text, text, text),
        errors.RelayRejected(text, text, text),
        errors.RelayFailed(text, text, text),
        errors.InvalidRequest([Violation(text, text)] * 100),
        errors.InvalidRequest([Violation("a", "b")] * 5000),
        errors.Draining(text),
    ]


class TestBounds:
    """A status fits the trailers, whatever RELAY or a client wrote."""

    @pytest.mark.parametrize("text", ["x", "%", "é", "\n", "\U0001f600", "\ud800"], ids=ascii)
    def test_trailers_stay_below_8_kib(self, text: str) -> None:
        """Percent-encoding and base64 included, with some room for the application's own trailers."""
        for error in enormous(text * 100_000):
            status = grpc_status(error, epoch=EPOCH)
            ((_, value),) = status.trailing_metadata
            message = "".join(char if char != "%" else "%25" for char in status.details)
            assert len(message) + len(value) * 4 / 3 < 7 * 1024

    def test_texts_are_printable(self) -> None:
        """Control characters and what is no ASCII are escaped, so that logs and headers stay whole."""
        status = grpc_status(errors.RelayRejected("m", "400", "a\r\nb é \ud800"))
        assert status.details == "RELAY refused m with 400: a\\r\\nb \\xe9 \\ud800"
        assert details(status).ErrorInfo.metadata["relay_message"] == "a\\r\\nb \\xe9 \\ud800"

    def test_cut_text_shows_it(self) -> None:
        """A text that was cut ends in dots, one that just fits does not."""
        cut, whole = (grpc_status(errors.Draining("x" * size)).details for size in (513, 512))
        assert cut == "x" * 509 + "..."
        assert whole == "x" * 512

    def test_violations_that_do_not_fit_are_counted(self) -> None:
        """The client learns that there is more to mend."""
        found = details(grpc_status(errors.InvalidRequest([Violation("f", "d" * 200)] * 40))).BadRequest
        *listed, rest = found.field_violations
        assert listed[0].field == "f"
        assert rest.description == f"and {40 - len(listed)} more wrong fields"


@pytest.fixture
async def aborting() -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server whose only method aborts with the worst error of all."""

    async def fail(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        status = grpc_status(errors.StreamExists("é" * 1000, "%" * 1000, "x", "y" * 5000))
        await context.abort(status.code, status.details, status.trailing_metadata)

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(fail)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Fail": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def test_a_client_receives_it(aborting: grpc.aio.Channel) -> None:
    """A real client unpacks the details of the largest status."""
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = aborting.unary_unary("/t.T/Fail")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(b"")
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    received = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    rich = status_pb2.Status.FromString(received)
    assert rich.message == caught.value.details()
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    assert info.reason == "STREAM_EXISTS"
