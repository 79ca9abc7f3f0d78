"""Events of RELAY: the envelope, and the inner params of those that are understood (README: answers, calls, streams).

Decoding is tolerant: any field may be missing or null, unknown fields are ignored, and so are those of a wrong type.
Params of which a needed id is missing yield no payload; the event is still passed on, as it came.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from gateway.relay import wire

__all__ = [
    "MAX_TEXT",
    "CallReceivePayload",
    "CallStatePayload",
    "DialPayload",
    "Payload",
    "RelayEvent",
    "StreamPayload",
    "Text",
    "decode_payload",
]

T = TypeVar("T", bound=msgspec.Struct)

MAX_TEXT: Final = 16_384
"""Characters that one field may have. Longer ones are no ids, addresses or words, and count as of a wrong type: an
event that no client could receive would stop every watch that meets it."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class StreamPayload(msgspec.Struct, frozen=True):
    """`calling.call.stream`."""

    call_id: Text
    control_id: Text
    state: Text = ""
    node_id: Text = ""
    segment_id: Text = ""
    url: Text = ""
    name: Text = ""
    tag: Text = ""


class CallStatePayload(msgspec.Struct, frozen=True):
    """`calling.call.state`."""

    call_id: Text
    call_state: Text = ""
    node_id: Text = ""
    segment_id: Text = ""
    tag: Text = ""
    direction: Text = ""
    device: dict[str, Any] | None = None
    end_reason: Text = ""


class CallReceivePayload(msgspec.Struct, frozen=True):
    """`calling.call.receive`: an inbound call."""

    call_id: Text
    call_state: Text = ""
    node_id: Text = ""
    segment_id: Text = ""
    tag: Text = ""
    direction: Text = ""
    device: dict[str, Any] | None = None
    context: Text = ""


class DialPayload(msgspec.Struct, frozen=True):
    """`calling.call.dial`; `call_id`, `winner_node_id` and `device` are those of the call that answered."""

    tag: Text
    dial_state: Text = ""
    node_id: Text = ""
    call_id: Text = ""
    winner_node_id: Text = ""
    device: dict[str, Any] | None = None


class _Dial(msgspec.Struct):
    tag: Text
    dial_state: Text = ""
    node_id: Text = ""
    call: dict[str, Any] | None = None


Payload = StreamPayload | CallStatePayload | CallReceivePayload | DialPayload


class RelayEvent(msgspec.Struct, frozen=True):
    """One `signalwire.event`.

    Attributes:
        event_id: The JSON-RPC id as text, "" if there is none; then it cannot be acknowledged.
        event_type: RELAY's word for what it is.
        timestamp: RELAY's time in seconds, None if it gave none.
        raw_params: The inner params, JSON as sent.
        payload: The same, typed; None if the type is not known or the params are malformed.
        ack_id: The JSON-RPC id as it was sent, JSON.
        connection: Which of the session's connections it came on; an acknowledgement is only good there.
    """

    event_id: str
    event_type: str
    timestamp: float | None
    raw_params: bytes
    payload: Payload | None = None
    ack_id: bytes = b""
    connection: int = 0


_Typed = StreamPayload | CallStatePayload | CallReceivePayload | _Dial
_TYPES: Final[Mapping[str, type[_Typed]]] = {
    wire.CALL_STREAM: StreamPayload,
    wire.CALL_STATE: CallStatePayload,
    wire.CALL_RECEIVE: CallReceivePayload,
    wire.CALL_DIAL: _Dial,
}
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[_Typed]]] = {
    name: msgspec.json.Decoder(kind) for name, kind in _TYPES.items()
}


def decode_payload(event_type: str, raw_params: bytes) -> Payload | None:
    """The typed params of an event, None if its type is not known or an id that it needs is missing."""
    if event_type not in _DECODERS:
        return None
    try:
        told = _typed(event_type, raw_params)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if isinstance(told, _Dial):
        return _dial(told) if told.tag else None
    complete = told.call_id and (not isinstance(told, StreamPayload) or told.control_id)
    return told if complete else None


def _typed(event_type: str, raw_params: bytes) -> _Typed:
    try:
        return _DECODERS[event_type].decode(raw_params)
    except msgspec.ValidationError:
        # Some field is null or of a wrong type: what is right is used, what is needed and wrong is found missing.
        told = msgspec.json.decode(raw_params, type=dict[str, Any])
        return _fitting(_TYPES[event_type], told)


def _dial(told: _Dial) -> DialPayload:
    call = told.call or {}
    device = call.get("device")
    return DialPayload(
        told.tag,
        told.dial_state,
        told.node_id,
        _text(call.get("call_id")),
        _text(call.get("node_id")),
        device if isinstance(device, dict) else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else ""


def _fitting(kind: type[T], told: Mapping[str, Any]) -> T:
    fields = {}
    for field in msgspec.structs.fields(kind):
        value = told.get(field.encode_name)
        try:
            fields[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            continue
    return msgspec.convert(fields, kind)
