"""What clients order, as values: checked by the service, carried out by the engine."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.domain.streams import Track

__all__ = ["AnswerCall", "ConflictPolicy", "DialOrder", "EndCall", "PassCall", "StartStream", "StopStream"]


class ConflictPolicy(enum.Enum):
    """What to do if the call has a stream of this control id already."""

    USE_EXISTING = enum.auto()
    FAIL = enum.auto()
    REPLACE = enum.auto()


class StartStream(msgspec.Struct, frozen=True):
    """Start a stream.

    `digest` is equal for equal requests, and does not cover the bearer token. A stream without `own_labels` is another
    client's: it is neither shown nor replaced.
    """

    call_id: str
    control_id: str
    url: str
    digest: str
    node_id: str = ""
    name: str = ""
    codec: str = ""
    track: Track = Track.UNSPECIFIED
    status_url: str = ""
    status_url_method: str = ""
    authorization_bearer_token: str = ""
    custom_parameters: Mapping[str, Any] | None = None
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    conflict_policy: ConflictPolicy = ConflictPolicy.USE_EXISTING
    until_streaming: bool = False
    max_duration: int = 0  # microseconds, 0 for no limit
    validate_only: bool = False
    own_labels: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Names it without what may be secret."""
        return f"StartStream(call_id={self.call_id!r}, control_id={self.control_id!r})"


@dataclass(frozen=True, slots=True)
class StopStream:
    """Stop a stream, named by control id or (if that is empty) by name."""

    call_id: str
    control_id: str = ""
    name: str = ""
    until_ended: bool = False


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Answer an inbound call."""

    call_id: str
    node_id: str = ""
    codecs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up; `reason` is RELAY's word."""

    call_id: str
    node_id: str = ""
    reason: str = "hangup"


@dataclass(frozen=True, slots=True)
class PassCall:
    """Decline an inbound call."""

    call_id: str
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class DialOrder:
    """Call somebody. `devices` are RELAY's device objects: groups in turn, the devices of a group in parallel."""

    tag: str
    devices: Sequence[Sequence[Mapping[str, Any]]]
    region: str = ""
    max_price_per_minute: float = 0.0
    max_duration_minutes: int = 0
