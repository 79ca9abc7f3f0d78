"""JSON-RPC 2.0 frames: read with the payload left raw, written once (README: transport to answers)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from gateway.relay import wire

__all__ = [
    "MAX_TYPE",
    "Envelope",
    "Incoming",
    "Refusal",
    "ack",
    "decode_envelope",
    "decode_frame",
    "error_reply",
    "request",
]

_NOTHING: Final = msgspec.Raw(b"")

MAX_TYPE: Final = 1024
"""Characters of an event type; nothing longer is one."""


class Incoming(msgspec.Struct):
    """A frame from RELAY: a request if `method` is set, else an answer. Ids, params and results as sent."""

    id: msgspec.Raw = _NOTHING
    method: str = ""
    params: msgspec.Raw = _NOTHING
    result: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING


class Envelope(msgspec.Struct):
    """The outer params of `signalwire.event`."""

    event_type: Annotated[str, msgspec.Meta(max_length=MAX_TYPE)]
    params: msgspec.Raw
    timestamp: msgspec.Raw = _NOTHING  # raw: a number that is out of range must not cost the event


class Refusal(msgspec.Struct):
    """A JSON-RPC error."""

    code: Any = ""
    message: Any = ""


_FRAME: Final = msgspec.json.Decoder(Incoming)
_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_ENCODER: Final = msgspec.json.Encoder()


def decode_frame(data: bytes) -> Incoming | None:
    """A frame, or None if it is none."""
    try:
        if not data.isascii():
            # What is left raw is not looked at by the decoder, and would break those who take it for text.
            data.decode()
        return _FRAME.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def decode_envelope(params: msgspec.Raw) -> Envelope | None:
    """The outer params of an event, or None if they are none."""
    try:
        return _ENVELOPE.decode(params)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def request(request_id: str, method: str, params: Mapping[str, Any]) -> bytes:
    """A request."""
    return _ENCODER.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def ack(raw_id: bytes) -> bytes:
    """The empty result that acknowledges an event or answers a ping, under the id as it was sent."""
    return b'{"jsonrpc":"2.0","id":' + raw_id + b',"result":{}}'


def error_reply(raw_id: bytes) -> bytes:
    """The answer to a request of RELAY's that nobody knows."""
    code = wire.METHOD_NOT_FOUND
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":"Method not found"}}' % (raw_id, code)
