"""What errors of the gateway look like to people, and which exit code they have."""

import threading
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
import pytest

from callstream.v1 import call_service_pb2
from gateway.cli.client.channel import failure_of
from gateway.cli.client.target import Target
from gateway.domain.errors import (
    CallNotFound,
    CallstreamError,
    DeadlineExceeded,
    InvalidRequest,
    OutcomeUnknown,
    RelayDisconnected,
    StreamLimit,
    Violation,
)
from tests.support.command_line import Ran, run
from tests.support.scripted_contract import scripted_contract


def failing(error: CallstreamError) -> Callable[[Any], NoReturn]:
    """An answer that is this error."""

    def answer(_request: Any) -> NoReturn:
        raise error

    return answer


def answered(error: CallstreamError, *words: str) -> Ran:
    """A command whose RPC fails so."""
    names = ("GetCall", "Dial", "StartStream")
    with scripted_contract({name: failing(error) for name in names}) as contract:
        return run(*words, "--address", contract.address)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (CallNotFound("c"), 1, "error: CALL_NOT_FOUND: no call 'c' is known\n"),
        (StreamLimit(16, "enough"), 1, "error: STREAM_LIMIT: enough\n"),
        (RelayDisconnected("no session"), 3, "error: RELAY_DISCONNECTED: no session\n"),
        (DeadlineExceeded("late", sent=True), 3, "error: DEADLINE_EXCEEDED: late\n"),
    ],
)
def test_an_error_is_a_line_with_its_reason(error: CallstreamError, code: int, text: str) -> None:
    """3 where trying again may help, else 1; nothing on standard output."""
    assert answered(error, "call", "get", "c") == Ran(code, "", text)


def test_every_wrong_field_is_a_line() -> None:
    """So that all can be mended at once."""
    error = InvalidRequest([Violation("call_id", "is required"), Violation("url", "must begin with wss://")])
    assert answered(error, "call", "get", "c") == Ran(
        1,
        "",
        "error: INVALID_REQUEST: call_id: is required\nerror: INVALID_REQUEST: url: must begin with wss://\n",
    )


def test_an_unknown_outcome_tells_how_to_settle_it() -> None:
    """With the id that was made up, as asking again with another one would make a second stream or call."""
    shown = answered(OutcomeUnknown("the answer was lost"), "stream", "start", "c", "wss://x/y")
    assert shown.code == 3
    assert shown.err.startswith("error: OUTCOME_UNKNOWN: the answer was lost\nerror: ask again with --control-id ")
    shown = answered(OutcomeUnknown("the answer was lost"), "call", "dial", "--from", "+1", "--to", "+2", "--tag", "t")
    assert "ask again with --tag t: that waits for the same attempt" in shown.err


def test_an_absent_gateway_is_told() -> None:
    """With its address and what to look at."""
    shown = run("call", "get", "c", "--address", "127.0.0.1:1")
    assert shown.code == 3
    assert "error: no gateway answers at 127.0.0.1:1 (" in shown.err
    assert "is `callstream serve` running there? See --address, --tls and --ca-file" in shown.err


def test_a_silent_gateway_is_told() -> None:
    """When --timeout has passed; the variable sets it, too."""
    release = threading.Event()

    def silent(_request: Any) -> call_service_pb2.GetCallResponse:
        release.wait(30)
        return call_service_pb2.GetCallResponse()

    with scripted_contract({"GetCall": silent}) as contract:
        shown = run(
            "call", "get", "c", environment={"CALLSTREAM_ADDRESS": contract.address, "CALLSTREAM_TIMEOUT": "50ms"}
        )
        release.set()
    assert shown == Ran(3, "", "error: DEADLINE_EXCEEDED: no answer in time; see --timeout\n")


def test_another_server_is_told_by_its_status() -> None:
    """Something listens there, but it is no gateway."""
    with scripted_contract({}) as contract:
        shown = run("call", "get", "c", "--address", contract.address)
    assert shown.code == 1
    assert shown.err.startswith("error: UNIMPLEMENTED: ")


def test_trailers_that_contradict_the_status_are_passed_over() -> None:
    """The status itself is what counts."""

    class Foreign(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.NOT_FOUND

        def details(self) -> str:
            return "nothing here"

        def trailing_metadata(self) -> Any:
            return (("grpc-status-details-bin", b"\x08\x03"),)

    assert failure_of(Foreign(), Target("a:1")).message == "NOT_FOUND: nothing here"
