"""What RELAY's answers mean."""

import json
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import OutcomeUnknown, RelayFailed, RelayRejected
from gateway.relay import frames
from gateway.relay.answers import RefusalKind, event_time, flag, id_text, outcome_of, refusal_of, text
from gateway.relay.commands import Result


def outcome(**answer: Any) -> Any:
    """What an answer to calling.stream means."""
    frame = frames.decode_frame(json.dumps({"id": "1", **answer}).encode())
    assert frame is not None
    return outcome_of("calling.stream", frame)


@pytest.mark.parametrize("code", ["200", "201", "299", 200])
def test_any_2xx_is_success(code: Any) -> None:
    """Codes are text, and everything from 200 to 299 is good."""
    body = {"code": code, "message": "Stream started", "call_id": "c"}
    assert outcome(result=body) == Result(str(code), "Stream started", body)


@pytest.mark.parametrize("body", [{}, {"protocol": "p"}, {"code": None}, {"code": ""}, {"code": []}, {"code": True}])
def test_no_code_is_success(body: Any) -> None:
    """A result without a code, as connect's is, is success."""
    assert outcome(result=body) == Result("", "", body)


@pytest.mark.parametrize("code", ["400", "402", "404", "409", "410", "422", "-32001", "2000", "20", "x"])
def test_other_codes_are_refusals(code: str) -> None:
    """RELAY's refusal names its code, its message and the command."""
    error = outcome(result={"code": code, "message": "no"})
    assert isinstance(error, RelayRejected)
    assert (error.method, error.code, error.relay_message) == ("calling.stream", code, "no")


@pytest.mark.parametrize("code", ["500", "503", 599])
def test_5xx_is_a_failure_of_relay(code: Any) -> None:
    """RELAY's own failures may be tried again."""
    error = outcome(result={"code": code, "message": "down"})
    assert isinstance(error, RelayFailed)
    assert (error.code, error.relay_message) == (str(code), "down")


def test_json_rpc_error_is_a_refusal() -> None:
    """A JSON-RPC error is a refusal, its code a number as text."""
    error = outcome(error={"code": -32602, "message": "bad", "data": {}})
    assert isinstance(error, RelayRejected)
    assert (error.code, error.relay_message) == ("-32602", "bad")


@pytest.mark.parametrize("error", ["text", 7, [], {"code": None, "message": None}, {}])
def test_unreadable_error_is_a_refusal_all_the_same(error: Any) -> None:
    """Whatever stands in `error`, RELAY has said no."""
    refusal = outcome(error=error)
    assert isinstance(refusal, RelayRejected)
    assert (refusal.code, refusal.relay_message) == ("", "")


def test_null_error_is_none() -> None:
    """Some peers send both members, one of them null."""
    assert isinstance(outcome(error=None, result={"code": "200"}), Result)


@pytest.mark.parametrize("answer", [{}, {"result": None}, {"result": []}, {"result": "200"}])
def test_unreadable_result_leaves_the_outcome_open(answer: Any) -> None:
    """An answer that says nothing settles nothing."""
    assert isinstance(outcome(**answer), OutcomeUnknown)


@pytest.mark.parametrize(
    ("code", "resuming", "kind"),
    [
        ("-32002", True, RefusalKind.CREDENTIALS),
        ("-32002", False, RefusalKind.CREDENTIALS),
        ("-32001", False, RefusalKind.CREDENTIALS),
        ("401", False, RefusalKind.CREDENTIALS),
        ("403", False, RefusalKind.CREDENTIALS),
        ("-32003", True, RefusalKind.STALE),
        ("-32602", True, RefusalKind.STALE),
        ("-32003", False, RefusalKind.OTHER),
        ("-32602", False, RefusalKind.OTHER),
        ("-32603", True, RefusalKind.OTHER),
        ("", True, RefusalKind.OTHER),
    ],
)
def test_refused_connect(code: str, resuming: bool, kind: RefusalKind) -> None:
    """Only credentials and stale state are told apart, and nothing is stale that was not resumed."""
    refused = refusal_of(RelayRejected("signalwire.connect", code, "why"), resuming=resuming)
    assert (refused.kind, refused.code, refused.message) == (kind, code, "why")


def test_failed_or_unreadable_connect() -> None:
    """A 5xx or an answer that can't be read is neither: it is tried again."""
    assert refusal_of(RelayFailed("signalwire.connect", "503", "down"), resuming=True).kind is RefusalKind.OTHER
    assert refusal_of(OutcomeUnknown("unreadable"), resuming=True).message == "unreadable"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'"e-1"', "e-1"),
        (b'"\\u00e9"', "é"),
        (b"17", "17"),
        (b"1.50", "1.50"),
        (b"", ""),
        (b"null", ""),
        (b"true", ""),
        (b"{}", ""),
        (b"[1]", ""),
        (b"[" * 5000, ""),
    ],
)
def test_ids_as_text(raw: bytes, expected: str) -> None:
    """Texts and numbers identify an event; `true` or an object would make different events look the same."""
    assert id_text(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"1777565701.56", 1777565701.56),
        (b"1777565701", 1777565701.0),
        (b"", None),
        (b"null", None),
        (b'"1777565701"', None),
        (b"true", None),
        (b"-1", None),
        (b"0", None),
        (b"1e12", None),
        (b"1e999", None),
        (b"9" * 400, None),
    ],
)
def test_timestamps(raw: bytes, expected: float | None) -> None:
    """Float seconds of this age are a time; all else is none."""
    assert event_time(frames.Envelope("x", msgspec.Raw(b"{}"), msgspec.Raw(raw))) == expected


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (b"12.5", b'{"timestamp":99}', 12.5),
        (b"", b'{"timestamp":99.5}', 99.5),
        (b"null", b'{"timestamp":99.5}', 99.5),
        (b"", b'{"timestamp":"soon"}', None),
        (b"", b'{"about":"\\"timestamp\\""}', None),
        (b"", b'["timestamp"]', None),
    ],
)
def test_the_inner_time_counts_if_there_is_no_outer_one(outer: bytes, inner: bytes, expected: float | None) -> None:
    """RELAY's time stands in the outer params; where it does not, the inner ones are looked at."""
    assert event_time(frames.Envelope("x", msgspec.Raw(inner), msgspec.Raw(outer))) == expected


def test_fields_of_params() -> None:
    """A flag is only believed if it is true, a text only if it is one."""
    params = msgspec.Raw(b'{"restart":true,"no":"true","state":"s","n":1}')
    assert (flag(params, "restart"), flag(params, "no"), flag(params, "missing")) == (True, False, False)
    assert (text(params, "state"), text(params, "n"), text(msgspec.Raw(b"[]"), "state")) == ("s", "", "")
