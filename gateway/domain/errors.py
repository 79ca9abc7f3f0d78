"""The error tree: who is to blame and whether to try again is in the type.

::

    CallstreamError
    ├── InvalidRequest            the request is wrong; every wrong field is listed
    ├── BadToken                  nobody that the gateway knows
    ├── Denied                    somebody known, who may not do this
    │   ├── ScopeMissing          the token is not for this method
    │   ├── UrlNotAllowed         audio or webhooks may not go there
    │   └── NotAllowed            the token's limits exclude it
    ├── NotFound
    │   ├── CallNotFound          RELAY knows no such call, or it was forgotten
    │   └── StreamNotFound        the call has no such stream
    ├── StreamExists              the control id is taken by a different request
    ├── FailedPrecondition
    │   ├── CallEnded             the call is over: nothing can be done with it
    │   ├── DialFailed            no device answered
    │   └── RelayRejected         RELAY refused the command; carries RELAY's code
    ├── Exhausted
    │   ├── StreamLimit           too many streams on the call
    │   ├── WatchLimit            too many watches, in all or of one client
    │   └── RateLimit             too many starts of one client in a short time
    ├── OutOfRange
    │   ├── CursorCompacted       the history up to the oldest cursor is gone
    │   ├── CursorAhead           the cursor lies beyond the newest event
    │   └── EpochChanged          the cursor is of another journal
    ├── Unavailable               nothing was done: try again after `retry_after` seconds
    │   ├── RelayDisconnected     no session; nothing was sent
    │   ├── RelayFailed           RELAY answered with a 5xx code
    │   ├── JournalUnavailable    events can't be made durable now
    │   ├── WatchExpired          the watch has reached its max_age
    │   └── Draining              this process is leaving
    ├── OutcomeUnknown            sent, but the answer was lost: ask again with the same control id
    └── DeadlineExceeded          the caller's time ran out; `sent` says whether RELAY may have the command

Each class has a `reason`, the stable word that clients switch on. Attributes carry what a program needs, the message
is for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BadToken",
    "CallEnded",
    "CallNotFound",
    "CallstreamError",
    "CursorAhead",
    "CursorCompacted",
    "DeadlineExceeded",
    "Denied",
    "DialFailed",
    "Draining",
    "EpochChanged",
    "Exhausted",
    "FailedPrecondition",
    "InvalidRequest",
    "JournalUnavailable",
    "NotAllowed",
    "NotFound",
    "OutOfRange",
    "OutcomeUnknown",
    "RateLimit",
    "RelayDisconnected",
    "RelayFailed",
    "RelayRejected",
    "ScopeMissing",
    "StreamExists",
    "StreamLimit",
    "StreamNotFound",
    "Unavailable",
    "UrlNotAllowed",
    "Violation",
    "WatchExpired",
    "WatchLimit",
]


class CallstreamError(Exception):
    """Root of all errors that a client of the gateway can meet."""

    reason: ClassVar[str] = "INTERNAL"

    @property
    def details(self) -> Mapping[str, str]:
        """What a program needs to act, as text; becomes ErrorInfo.metadata."""
        return {}


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong field of a request: its path in the proto, and what to write instead."""

    field: str
    description: str


class InvalidRequest(CallstreamError):
    """The request can never work as it is; `violations` lists every wrong field."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in self.violations))


class BadToken(CallstreamError):
    """Nobody that the gateway knows: no token, none of its tokens, or one that has expired. It does not say which."""

    reason = "BAD_TOKEN"

    def __init__(self) -> None:
        super().__init__("a valid token is needed: send it as metadata, authorization: Bearer <token>")


class Denied(CallstreamError):
    """Somebody whom the gateway knows may not do this, however often it is tried."""


class ScopeMissing(Denied):
    """The token is not for this method; `scope` would be."""

    reason = "SCOPE"

    def __init__(self, method: str, scope: str) -> None:
        self.method = method
        self.scope = scope
        super().__init__(f"{method} needs a token with the scope {scope}")

    @property
    def details(self) -> Mapping[str, str]:
        """The method and the scope that it needs."""
        return {"method": self.method, "scope": self.scope}


class UrlNotAllowed(Denied):
    """Audio or webhooks may not go there; `field` is the request's, `place` the host and port that nobody allowed."""

    reason = "URL_NOT_ALLOWED"

    def __init__(self, field: str, place: str) -> None:
        self.field = field
        self.place = place
        super().__init__(
            f"{field} leads to {place}, which is on no allow list: use an allowed host, or have it allowed"
        )

    @property
    def details(self) -> Mapping[str, str]:
        """The field, and its host and port."""
        return {"field": self.field, "place": self.place}


class NotAllowed(Denied):
    """The token is limited, and this lies beyond; `limit` is the key of the limit in the tokens file."""

    reason = "NOT_ALLOWED"

    def __init__(self, limit: str, message: str) -> None:
        self.limit = limit
        super().__init__(message)

    @property
    def details(self) -> Mapping[str, str]:
        """The limit."""
        return {"limit": self.limit}


class NotFound(CallstreamError):
    """The thing asked for is not there."""


class CallNotFound(NotFound):
    """RELAY or the gateway knows no such call."""

    reason = "CALL_NOT_FOUND"

    def __init__(self, call_id: str, message: str = "") -> None:
        self.call_id = call_id
        super().__init__(message or f"no call {call_id!r} is known")

    @property
    def details(self) -> Mapping[str, str]:
        """The call's id."""
        return {"call_id": self.call_id}


class StreamNotFound(NotFound):
    """The call has no stream with that control id or name."""

    reason = "STREAM_NOT_FOUND"

    def __init__(self, call_id: str, stream: str) -> None:
        self.call_id = call_id
        self.stream = stream
        super().__init__(f"call {call_id!r} has no stream {stream!r}")

    @property
    def details(self) -> Mapping[str, str]:
        """The call's id and what was asked for."""
        return {"call_id": self.call_id, "stream": self.stream}


class StreamExists(CallstreamError):
    """The control id is in use by a request that differs; `details` shows the stream that has it."""

    reason = "STREAM_EXISTS"

    def __init__(self, call_id: str, control_id: str, state: str, url: str) -> None:
        self.call_id = call_id
        self.control_id = control_id
        self.state = state
        self.url = url
        super().__init__(
            f"call {call_id!r} already has a stream {control_id!r} ({state}); "
            "use another control_id, or conflict_policy REPLACE"
            if state
            else f"call {call_id!r} already has a stream of this control_id or name, and it is another client's"
        )

    @classmethod
    def of_another(cls, call_id: str) -> "StreamExists":
        """The same for a client that may not see the stream, and so learns nothing of it."""
        return cls(call_id, "", "", "")

    @property
    def details(self) -> Mapping[str, str]:
        """The existing stream."""
        return {"call_id": self.call_id, "control_id": self.control_id, "state": self.state, "url": self.url}


class FailedPrecondition(CallstreamError):
    """It can't be done in the present state; trying again as it is won't help."""


class CallEnded(FailedPrecondition):
    """The call is over."""

    reason = "CALL_ENDED"

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        super().__init__(f"call {call_id!r} has ended")

    @property
    def details(self) -> Mapping[str, str]:
        """The call's id."""
        return {"call_id": self.call_id}


class DialFailed(FailedPrecondition):
    """RELAY tried every device and none answered."""

    reason = "DIAL_FAILED"

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__(f"no device of dial {tag!r} answered")

    @property
    def details(self) -> Mapping[str, str]:
        """The dial's tag."""
        return {"tag": self.tag}


class RelayRejected(FailedPrecondition):
    """RELAY refused the command; `code` is RELAY's (RELAY results: 4xx as text, or a JSON-RPC error code)."""

    reason = "RELAY_REJECTED"

    def __init__(self, method: str, code: str, message: str) -> None:
        self.method = method
        self.code = code
        self.relay_message = message
        super().__init__(f"RELAY refused {method} with {code}: {message}")

    @property
    def details(self) -> Mapping[str, str]:
        """RELAY's method, code and message."""
        return {"relay_method": self.method, "relay_code": self.code, "relay_message": self.relay_message}


class Exhausted(CallstreamError):
    """A limit is reached; back off or ask for it to be raised."""

    def __init__(self, limit: int, message: str, retry_after: float = 1.0) -> None:
        self.limit = limit
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def details(self) -> Mapping[str, str]:
        """The limit."""
        return {"limit": str(self.limit)}


class StreamLimit(Exhausted):
    """The call has as many active streams as one call may have."""

    reason = "STREAM_LIMIT"


class WatchLimit(Exhausted):
    """The process serves as many watches as it may, in all or of this client."""

    reason = "WATCH_LIMIT"


class RateLimit(Exhausted):
    """The client has started as many streams as it may for now; `retry_after` is when the next one is due."""

    reason = "RATE_LIMIT"


class OutOfRange(CallstreamError):
    """The history asked for is not there: watch again with a snapshot."""


class CursorCompacted(OutOfRange):
    """Events after the cursor were compacted away; `oldest` is the first sequence that is left."""

    reason = "CURSOR_COMPACTED"

    def __init__(self, after: int, oldest: int) -> None:
        self.after = after
        self.oldest = oldest
        super().__init__(
            f"events after sequence {after} were compacted; the oldest left is {oldest}: watch again with a snapshot"
        )

    @property
    def details(self) -> Mapping[str, str]:
        """The oldest sequence that can be read."""
        return {"oldest_sequence": str(self.oldest)}


class CursorAhead(OutOfRange):
    """The cursor lies beyond the newest event: the journal lost its end (a power failure), or the cursor is made up."""

    reason = "CURSOR_AHEAD"

    def __init__(self, after: int, head: int) -> None:
        self.after = after
        self.head = head
        super().__init__(f"the cursor is at sequence {after}, the newest event is {head}: watch again with a snapshot")

    @property
    def details(self) -> Mapping[str, str]:
        """The newest sequence."""
        return {"head_sequence": str(self.head)}


class EpochChanged(OutOfRange):
    """The cursor is of another journal (its data directory was replaced, or keeps nothing)."""

    reason = "EPOCH_CHANGED"

    def __init__(self, cursor_epoch: str, epoch: str) -> None:
        self.cursor_epoch = cursor_epoch
        self.epoch = epoch
        super().__init__(f"the cursor is of epoch {cursor_epoch}, this journal is {epoch}: watch again with a snapshot")

    @property
    def details(self) -> Mapping[str, str]:
        """Both epochs."""
        return {"cursor_epoch": self.cursor_epoch, "epoch": self.epoch}


class Unavailable(CallstreamError):
    """Nothing was done. Try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RelayDisconnected(Unavailable):
    """There is no RELAY session now; the command was not sent."""

    reason = "RELAY_DISCONNECTED"


class RelayFailed(Unavailable):
    """RELAY answered with a 5xx code: it has not done what was asked."""

    reason = "RELAY_FAILED"

    def __init__(self, method: str, code: str, message: str, retry_after: float = 1.0) -> None:
        self.method = method
        self.code = code
        self.relay_message = message
        super().__init__(f"RELAY failed {method} with {code}: {message}", retry_after)

    @property
    def details(self) -> Mapping[str, str]:
        """RELAY's method, code and message."""
        return {"relay_method": self.method, "relay_code": self.code, "relay_message": self.relay_message}


class JournalUnavailable(Unavailable):
    """Events can't be made durable now (disk full, read-only), so no command is accepted."""

    reason = "JOURNAL_UNAVAILABLE"


class WatchExpired(Unavailable):
    """The watch has reached its max_age; open it again at its cursor."""

    reason = "MAX_AGE"


class Draining(Unavailable):
    """This process is shutting down; another one takes over."""

    reason = "DRAINING"


class OutcomeUnknown(CallstreamError):
    """The command was sent and its answer was lost. Ask again with the same control id: that settles it."""

    reason = "OUTCOME_UNKNOWN"


class DeadlineExceeded(CallstreamError):
    """The caller's deadline passed. `sent` tells whether RELAY may have the command."""

    reason = "DEADLINE_EXCEEDED"

    def __init__(self, message: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(message)

    @property
    def details(self) -> Mapping[str, str]:
        """Whether the command was sent."""
        return {"sent": str(self.sent).lower()}
