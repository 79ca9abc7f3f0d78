"""What RELAY's answers and their fields mean (README: connect, answers). Tolerant: nothing that RELAY sends raises."""

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.domain.errors import CallstreamError, OutcomeUnknown, RelayFailed, RelayRejected
from gateway.relay import frames, wire
from gateway.relay.commands import Result
from gateway.relay.redact import scrubbed

__all__ = ["RefusalKind", "Refused", "event_id", "event_time", "flag", "id_text", "outcome_of", "refusal_of", "text"]

_PERMISSION_DENIED: Final = -32001
_ID: Final = msgspec.json.Decoder(str | int | float)
_SECONDS: Final = msgspec.json.Decoder(float)


class _Inner(msgspec.Struct):
    timestamp: msgspec.Raw = msgspec.Raw(b"")


_INNER: Final = msgspec.json.Decoder(_Inner)
_MAX_ID: Final = 1024
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class RefusalKind(enum.Enum):
    """What a refused connect means."""

    CREDENTIALS = enum.auto()
    STALE = enum.auto()
    """The session that was to be resumed is not known (any more): connect without it."""
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Refused:
    """RELAY did not take `signalwire.connect`."""

    kind: RefusalKind
    code: str
    message: str


def refusal_of(error: CallstreamError, *, resuming: bool) -> Refused:
    """What an unsuccessful answer to `signalwire.connect` means (README: signalwire.connect)."""
    code = error.code if isinstance(error, RelayRejected | RelayFailed) else ""
    kinds = {
        str(wire.AUTHENTICATION_FAILED): RefusalKind.CREDENTIALS,
        str(_PERMISSION_DENIED): RefusalKind.CREDENTIALS,
        "401": RefusalKind.CREDENTIALS,
        "403": RefusalKind.CREDENTIALS,
        str(wire.REQUESTER_VALIDATION_FAILED): RefusalKind.STALE,
        str(
            wire.INVALID_PARAMS
        ): RefusalKind.STALE,  # only `protocol` and `authorization_state` change between attempts
    }
    message = error.relay_message if isinstance(error, RelayRejected | RelayFailed) else str(error)
    kind = kinds.get(code, RefusalKind.OTHER)
    return Refused(RefusalKind.OTHER if kind is RefusalKind.STALE and not resuming else kind, code, message)


def outcome_of(method: str, frame: frames.Incoming, secrets: Iterable[str] = ()) -> Result | CallstreamError:
    """What an answer means (README: answers): codes are text, any 2xx is success, and so is none.

    A message that quotes one of `secrets` is told without it.
    """
    if bytes(frame.error) not in {b"", b"null"}:
        try:
            refusal = msgspec.json.decode(frame.error, type=frames.Refusal)
        except _UNREADABLE:
            refusal = frames.Refusal()
        return RelayRejected(method, _word(refusal.code), scrubbed(_word(refusal.message), secrets))
    try:
        body = msgspec.json.decode(frame.result, type=dict[str, Any])
    except _UNREADABLE:
        return OutcomeUnknown(f"RELAY's answer to {method} can't be read")
    code, message = _word(body.get("code")), scrubbed(_word(body.get("message")), secrets)
    if not code or (code.startswith("2") and len(code) == len("200")):
        return Result(code, message, body)
    if code.startswith("5") and len(code) == len("500"):
        return RelayFailed(method, code, message)
    return RelayRejected(method, code, message)


def _word(value: Any) -> str:
    """Codes are text or numbers; anything else that stands in their place says nothing."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _field(params: msgspec.Raw, name: str) -> Any:
    try:
        return msgspec.json.decode(params, type=dict[str, Any]).get(name)
    except _UNREADABLE:
        return None


def flag(params: msgspec.Raw, name: str) -> bool:
    """A field of params that is only believed if it is true."""
    return _field(params, name) is True


def text(params: msgspec.Raw, name: str) -> str:
    """A text of params, "" if there is none."""
    value = _field(params, name)
    return value if isinstance(value, str) else ""


def id_text(raw_id: bytes) -> str:
    """A JSON-RPC id as text: strings as they are, numbers as written, "" for what identifies nothing."""
    try:
        value = _ID.decode(raw_id)
    except _UNREADABLE:
        return ""
    return value if isinstance(value, str) else raw_id.decode()


def event_id(raw_id: bytes) -> str:
    """The id of an event as text; of one that is too long to be passed on, its digest, which tells it apart as well."""
    text_id = id_text(raw_id)
    if len(text_id) <= _MAX_ID:
        return text_id
    return f"sha256-{hashlib.sha256(text_id.encode()).hexdigest()}"


def event_time(envelope: frames.Envelope) -> float | None:
    """RELAY's time of an event in float seconds; None if it gave none.

    It stands in the outer params; SignalWire's own SDK also looks for it in the inner ones.
    """
    outer = _seconds(envelope.timestamp)
    if outer is not None or b'"timestamp"' not in bytes(envelope.params):
        return outer
    try:
        return _seconds(_INNER.decode(envelope.params).timestamp)
    except _UNREADABLE:
        return None


def _seconds(timestamp: msgspec.Raw) -> float | None:
    try:
        value = _SECONDS.decode(timestamp)
    except _UNREADABLE:
        return None
    return value if 0 < value < 1e11 else None  # noqa: PLR2004 - the year 5138
