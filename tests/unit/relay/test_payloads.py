"""Typed inner params of events."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.relay.payloads import (
    CallReceivePayload,
    CallStatePayload,
    DialPayload,
    StreamPayload,
    decode_payload,
)

DEVICE = {"type": "phone", "params": {"from_number": "+1", "to_number": "+2"}}
TYPES = ["calling.call.stream", "calling.call.state", "calling.call.receive", "calling.call.dial"]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    "call_id",
    "control_id",
    "node_id",
    "tag",
    "state",
    "call_state",
    "dial_state",
    "device",
    "call",
    "direction",
]


def told(event_type: str, params: Any) -> Any:
    """The payload of an event with these params."""
    return decode_payload(event_type, json.dumps(params).encode())


def test_stream() -> None:
    """A stream's report has its ids, its state, and what RELAY echoes."""
    params = {
        "call_id": "c",
        "node_id": "n",
        "segment_id": "g",
        "control_id": "s",
        "state": "streaming",
        "url": "wss://e",
        "name": "main",
        "tag": "t",
    }
    assert told("calling.call.stream", params) == StreamPayload(**params)


def test_call_state() -> None:
    """A call's report has its state, direction, device and reason."""
    params = {"call_id": "c", "call_state": "ended", "direction": "inbound", "device": DEVICE, "end_reason": "busy"}
    assert told("calling.call.state", params) == CallStatePayload(
        "c", call_state="ended", direction="inbound", device=DEVICE, end_reason="busy"
    )


def test_call_receive() -> None:
    """An inbound call says on which context it came."""
    params = {"call_id": "c", "node_id": "n", "context": "office", "call_state": "created", "extra": [1]}
    assert told("calling.call.receive", params) == CallReceivePayload(
        "c", node_id="n", context="office", call_state="created"
    )


def test_dial_names_its_winner() -> None:
    """The call that answered is found in the inner object: there is no call id at the top."""
    params = {
        "tag": "t",
        "node_id": "n1",
        "dial_state": "answered",
        "call": {"call_id": "c", "node_id": "n2", "device": DEVICE, "dial_winner": True},
    }
    assert told("calling.call.dial", params) == DialPayload("t", "answered", "n1", "c", "n2", DEVICE)


@pytest.mark.parametrize("call", [None, [], "c", {}, {"call_id": 7, "node_id": [], "device": "phone"}])
def test_dial_without_a_winner(call: Any) -> None:
    """A dial that names no call, or names it wrongly, still has its state."""
    assert told("calling.call.dial", {"tag": "t", "dial_state": "failed", "call": call}) == DialPayload("t", "failed")


def test_wrong_types_cost_their_field_only() -> None:
    """A field of a wrong type is passed over, the others count."""
    params = {"call_id": "c", "control_id": "s", "state": "finished", "node_id": 7, "name": None, "tag": {"a": 1}}
    assert told("calling.call.stream", params) == StreamPayload("c", "s", "finished")


@pytest.mark.parametrize(
    ("event_type", "params"),
    [
        ("calling.call.stream", {"call_id": "c"}),
        ("calling.call.stream", {"call_id": "c", "control_id": 7}),
        ("calling.call.stream", {"call_id": "", "control_id": "s"}),
        ("calling.call.stream", {"call_id": "c", "control_id": ""}),
        ("calling.call.state", {"call_state": "ended"}),
        ("calling.call.receive", {"call_id": None}),
        ("calling.call.dial", {"dial_state": "answered"}),
        ("calling.call.dial", {"tag": ""}),
        ("calling.call.state", []),
        ("calling.call.state", "text"),
        ("calling.call.state", None),
        ("calling.play", {"call_id": "c"}),
    ],
)
def test_no_payload_without_its_ids(event_type: str, params: Any) -> None:
    """Params that lack a needed id, are no object, or are of an unknown type have no payload."""
    assert told(event_type, params) is None


@pytest.mark.parametrize("event_type", TYPES)
@pytest.mark.parametrize("raw", [b"", b"{", b'{"call_id":"\\ud800"}', b'{"call_id":' + b"[" * 20_000])
def test_broken_json_has_no_payload(event_type: str, raw: bytes) -> None:
    """What cannot be read is no payload, and no error."""
    assert decode_payload(event_type, raw) is None


@settings(deadline=None)  # a busy machine is no failure
@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(_FIELDS), _json))
def test_any_json_is_taken(event_type: str, params: dict[str, Any]) -> None:
    """Whatever RELAY puts into the fields, a payload has ids that are texts, or there is none."""
    payload = told(event_type, params)
    if payload is None:
        return
    assert isinstance(payload.tag if isinstance(payload, DialPayload) else payload.call_id, str)
    assert payload.tag == params["tag"] if isinstance(payload, DialPayload) else payload.call_id == params["call_id"]
