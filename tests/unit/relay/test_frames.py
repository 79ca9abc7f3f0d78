"""JSON-RPC frames."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.relay import frames


def test_request_is_json_rpc() -> None:
    """A request has its id, method and params."""
    assert json.loads(frames.request("1", "calling.answer", {"call_id": "é"})) == {
        "jsonrpc": "2.0",
        "id": "1",
        "method": "calling.answer",
        "params": {"call_id": "é"},
    }


@pytest.mark.parametrize("raw_id", [b'"e-1"', b"17", b'"with \\"quotes\\" and \\u00e9"', b"1.5"])
def test_answers_carry_the_id_as_it_was_sent(raw_id: bytes) -> None:
    """Acks and refusals repeat the id byte by byte."""
    assert frames.ack(raw_id) == b'{"jsonrpc":"2.0","id":' + raw_id + b',"result":{}}'
    assert json.loads(frames.ack(raw_id)) == {"jsonrpc": "2.0", "id": json.loads(raw_id), "result": {}}
    refusal = json.loads(frames.error_reply(raw_id))
    assert (refusal["id"], refusal["error"]["code"]) == (json.loads(raw_id), -32601)


def test_params_stay_raw() -> None:
    """What is inside is kept as it was sent, white space and all."""
    frame = frames.decode_frame(b'{"id": 1, "method": "m", "params": { "a" : [1 ,2] }}')
    assert frame is not None
    assert bytes(frame.params) == b'{ "a" : [1 ,2] }'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"[1,2]",
        b"null",
        b'"text"',
        b"17",
        b'{"method":7}',
        b'{"method":null}',
        b'{"id":"caf\xe9"}',
        b'{"params":{"x":"\xff"}}',
        b'{"params":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"\x00\x01\x02",
    ],
)
def test_what_is_no_frame(data: bytes) -> None:
    """Broken JSON, arrays, wrong types and bytes that are no UTF-8 are no frames, and no error."""
    assert frames.decode_frame(data) is None


@pytest.mark.parametrize("params", ["{}", "[]", '{"event_type":7,"params":{}}', '{"event_type":"x"}', '{"params":{}}'])
def test_envelope_needs_type_and_params(params: str) -> None:
    """An event without its type or its params cannot be told to anybody."""
    assert frames.decode_envelope(msgspec.Raw(params)) is None


def test_envelope_may_lack_everything_else() -> None:
    """Timestamp, channel, project and space may be missing."""
    envelope = frames.decode_envelope(msgspec.Raw(b'{"event_type":"x","params":{}}'))
    assert envelope is not None
    assert bytes(envelope.timestamp) == b""


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(["id", "method", "params", "result", "error", "x"]), st.text() | st.integers()))
def test_no_object_is_an_error(value: dict[str, Any]) -> None:
    """An object is a frame exactly if its method is a text or missing."""
    frame = frames.decode_frame(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    if frame is not None:
        assert frame.method == value.get("method", "")
    else:
        assert isinstance(value.get("method"), int) or any("\ud800" <= c <= "\udfff" for c in str(value))
