"""Frames as RELAY sends them, as it might one day, and as nobody should: hypothesis strategies for fuzzing."""

import json
from typing import Any

from hypothesis import strategies as st

from gateway.relay import wire

__all__ = [
    "CALL_IDS",
    "CODES",
    "CONTROL_IDS",
    "FRAMES",
    "JUNK",
    "NODE_IDS",
    "TAGS",
    "answer_frame",
    "as_text",
    "event_frame",
    "event_params",
]

CALL_IDS = st.sampled_from(["call-1", "call-2", "call-3"])
CONTROL_IDS = st.sampled_from(["a", "b", "c"])
NODE_IDS = st.sampled_from(["", "node-1", "node-2"])
TAGS = st.sampled_from(["tag-1", "tag-2"])
CODES = st.sampled_from(["200", "201", "404", "409", "410", "400", "422", "402", "500", "503", "", "2", "20", "-32602"])

_TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=4),  # lone surrogates, control characters
    st.sampled_from(["\x00", "\x1f", "\ud800", "e" * 5000, "Infinity", "null"]),
)
_NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=2**62, max_value=2**80),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 1e308, 5e-324, -0.0, 253_402_300_800, 1e11]),
)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value, and some that are none: NaN, infinities, texts that are no Unicode."""


def _often(good: st.SearchStrategy[Any], other: st.SearchStrategy[Any], share: int) -> st.SearchStrategy[Any]:
    """One in `share` is of the other kind; `one_of` would count each branch of the other as one."""
    return st.sampled_from([True] * (share - 1) + [False]).flatmap(lambda usual: good if usual else other)


def _mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One in 24 is junk: a frame has some ten fields."""
    return _often(good, JUNK, 24)


_DEVICES = st.one_of(
    st.just({"type": "phone", "params": {"from_number": "+15550001111", "to_number": "+15550002222", "timeout": 30}}),
    st.just({"type": "sip", "params": {"from": "sip:a@b", "to": "sip:c@d", "headers": [{"name": "X", "value": "1"}]}}),
    st.fixed_dictionaries({"type": JUNK, "params": JUNK}),
)
_ABOUT = {"node_id": _mostly(NODE_IDS), "segment_id": _mostly(st.just("segment-1")), "tag": _mostly(TAGS)}
_STREAM = st.fixed_dictionaries(
    {
        "call_id": _mostly(CALL_IDS),
        "control_id": _mostly(CONTROL_IDS),
        "state": _mostly(st.sampled_from(["streaming", "finished", "finished", "paused"])),
    },
    optional={**_ABOUT, "url": _mostly(st.just("wss://elsewhere/")), "name": _mostly(st.just("n1"))},
)
_CALL = {
    "call_id": _mostly(CALL_IDS),
    "call_state": _mostly(st.sampled_from(["created", "ringing", "answered", "ending", "ended", "answering"])),
}
_ABOUT_CALL = {
    **_ABOUT,
    "direction": _mostly(st.sampled_from(["inbound", "outbound"])),
    "device": _mostly(_DEVICES),
    "end_reason": _mostly(st.sampled_from(["hangup", "cancel"])),
    "context": _mostly(st.just("default")),
}
_DIAL = st.fixed_dictionaries(
    {"tag": _mostly(TAGS), "dial_state": _mostly(st.sampled_from(["dialing", "answered", "failed"]))},
    optional={
        "node_id": _mostly(NODE_IDS),
        "call": _mostly(
            st.fixed_dictionaries(
                {"call_id": _mostly(CALL_IDS)}, optional={"node_id": _mostly(NODE_IDS), "device": _mostly(_DEVICES)}
            )
        ),
    },
)
_PARAMS = {
    wire.CALL_STREAM: _STREAM,
    wire.CALL_STATE: st.fixed_dictionaries(_CALL, optional=_ABOUT_CALL),
    wire.CALL_RECEIVE: st.fixed_dictionaries(_CALL, optional=_ABOUT_CALL),
    wire.CALL_DIAL: _DIAL,
    wire.AUTHORIZATION_STATE: st.fixed_dictionaries({"authorization_state": _mostly(st.just("state-1"))}),
    "calling.call.play": st.fixed_dictionaries({"call_id": _mostly(CALL_IDS), "control_id": _mostly(CONTROL_IDS)}),
}
_EVENT_IDS = _often(
    st.integers(1, 400).map(lambda number: f"event-{number}"), st.integers(-5, 5) | st.floats(0, 3) | JUNK, 8
)


@st.composite
def event_params(draw: st.DrawFn) -> dict[str, Any]:
    """The outer params of an event, mostly complete."""
    kinds = [wire.CALL_STREAM] * 4 + [wire.CALL_STATE] * 4 + [*_PARAMS]
    event_type = draw(st.sampled_from(kinds))
    outer: dict[str, Any] = {
        "event_type": event_type,
        "timestamp": draw(_mostly(st.just(1777565701.56))),
        "params": draw(_mostly(_PARAMS[event_type])),
    }
    for name in draw(st.sampled_from([(), (), (), (), ("timestamp",), ("params",), ("event_type",)])):
        del outer[name]
    return outer


@st.composite
def event_frame(draw: st.DrawFn) -> dict[str, Any]:
    """`signalwire.event`, often with an id that came before."""
    frame = {"jsonrpc": "2.0", "id": draw(_EVENT_IDS), "method": wire.EVENT, "params": draw(_mostly(event_params()))}
    if draw(st.integers(0, 19)) == 0:
        del frame["id"]
    return frame


@st.composite
def answer_frame(draw: st.DrawFn, request_id: str) -> dict[str, Any]:
    """An answer to a request: a result with a code or without, an error, both, or neither."""
    result = st.fixed_dictionaries(
        {},
        optional={
            "code": _mostly(CODES),
            "message": _mostly(st.just("as you wish")),
            "protocol": _mostly(st.sampled_from(["protocol-1", "protocol-2"])),
            "session_restored": _mostly(st.booleans()),
        },
    )
    error = st.fixed_dictionaries(
        {"code": _mostly(st.sampled_from([-32002, -32003, -32602, -32601, "-32001"]))},
        optional={"message": _mostly(st.just("no"))},
    )
    parts = st.fixed_dictionaries({}, optional={"result": _mostly(result), "error": _mostly(error)})
    usual = st.fixed_dictionaries({"result": result})
    return {"jsonrpc": "2.0", "id": request_id, **draw(_often(usual, parts, 3))}


def as_text(frame: Any, *, ascii_only: bool = True) -> bytes:
    """A frame as it comes from the socket; lone surrogates are escaped, or else bytes that are no UTF-8."""
    return json.dumps(frame, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@st.composite
def _mutated(draw: st.DrawFn, frames: st.SearchStrategy[Any]) -> bytes:
    """A frame that something has bitten."""
    data = as_text(draw(frames), ascii_only=draw(st.booleans()))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, len(data)))
    piece = draw(st.sampled_from([b"", b'"', b"}", b"\\", b"\xff", b"\x00", b"[" * 5000, data[start:end] * 2]))
    return data[:start] + piece + data[end:]


def _nested(depth: int) -> bytes:
    envelope = b'{"jsonrpc":"2.0","id":"deep","method":"signalwire.event","params":{"event_type":"%s","params":%s}}'
    return envelope % (wire.CALL_STREAM.encode(), b'{"call_id":' * depth + b"1" + b"}" * depth)


_REQUESTS = st.fixed_dictionaries(
    {
        "jsonrpc": _mostly(st.just("2.0")),
        "method": st.sampled_from([wire.PING, wire.PING, wire.DISCONNECT, "signalwire.unheard", wire.EVENT]),
    },
    optional={"id": _mostly(st.integers(1, 9)), "params": JUNK | st.just({"restart": True})},
)
FRAMES: st.SearchStrategy[bytes] = _often(
    event_frame().map(as_text),
    st.one_of(
        _REQUESTS.map(as_text),
        JUNK.map(as_text),
        _mutated(event_frame() | _REQUESTS),
        st.binary(max_size=40),
        st.sampled_from([10, 500, 2000, 20_000]).map(_nested),
    ),
    3,
)
"""What may come over the socket."""
