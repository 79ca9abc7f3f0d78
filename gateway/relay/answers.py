"""What RELAY's answers and their fields mean (RELAY sections 2 and 3). Tolerant: nothing that RELAY sends raises."""

import enum
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.domain.errors import CallstreamError, OutcomeUnknown, RelayFailed, RelayRejected
from gateway.relay import frames, wire
from gateway.relay.commands import Result

__all__ = ["RefusalKind", "Refused", "flag", "id_text", "outcome_of", "refusal_of", "seconds", "text"]

_PERMISSION_DENIED: Final = -32001


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


def refusal_of(error: CallstreamError) -> Refused:
    """What an unsuccessful answer to `signalwire.connect` means (RELAY section 2)."""
    code = error.code if isinstance(error, RelayRejected | RelayFailed) else ""
    kinds = {
        str(wire.AUTHENTICATION_FAILED): RefusalKind.CREDENTIALS,
        str(_PERMISSION_DENIED): RefusalKind.CREDENTIALS,
        "401": RefusalKind.CREDENTIALS,
        "403": RefusalKind.CREDENTIALS,
        str(wire.REQUESTER_VALIDATION_FAILED): RefusalKind.STALE,
    }
    message = error.relay_message if isinstance(error, RelayRejected | RelayFailed) else str(error)
    return Refused(kinds.get(code, RefusalKind.OTHER), code, message)


def outcome_of(method: str, frame: frames.Incoming) -> Result | CallstreamError:
    """What an answer means (RELAY section 3): codes are text, any 2xx is success, and so is none."""
    if bytes(frame.error) not in {b"", b"null"}:
        try:
            refusal = msgspec.json.decode(frame.error, type=frames.Refusal)
        except (msgspec.MsgspecError, ValueError):
            refusal = frames.Refusal()
        return RelayRejected(method, str(refusal.code), str(refusal.message))
    try:
        body = msgspec.json.decode(frame.result, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        return OutcomeUnknown(f"RELAY's answer to {method} can't be read")
    code, message = str(body.get("code") or ""), str(body.get("message") or "")
    if not code or (code.startswith("2") and len(code) == len("200")):
        return Result(code, message, body)
    if code.startswith("5") and len(code) == len("500"):
        return RelayFailed(method, code, message)
    return RelayRejected(method, code, message)


def _field(params: msgspec.Raw, name: str) -> Any:
    try:
        return msgspec.json.decode(params, type=dict[str, Any]).get(name)
    except (msgspec.MsgspecError, ValueError):
        return None


def flag(params: msgspec.Raw, name: str) -> bool:
    """A field of params that is only believed if it is true."""
    return _field(params, name) is True


def text(params: msgspec.Raw, name: str) -> str:
    """A text of params, "" if there is none."""
    value = _field(params, name)
    return value if isinstance(value, str) else ""


def id_text(raw_id: bytes) -> str:
    """A JSON-RPC id as text: strings as they are, numbers as written, "" for none."""
    if raw_id in {b"", b"null"}:
        return ""
    try:
        value = msgspec.json.decode(raw_id)
    except (msgspec.MsgspecError, ValueError):
        return ""
    return value if isinstance(value, str) else raw_id.decode()


def seconds(timestamp: Any) -> float | None:
    """A time in float seconds; None for anything that is no time."""
    good = isinstance(timestamp, int | float) and not isinstance(timestamp, bool)
    return float(timestamp) if good and 0 < timestamp < 1e11 else None  # noqa: PLR2004 - the year 5138
