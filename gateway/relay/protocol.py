"""The RELAY protocol without I/O: frames and the time go in; what happened, frames and the next deadline come out.

One `Protocol` lives as long as one connection::

    OPENING ──connect's result──▶ OPEN ──┐
       │                                 ├──▶ OVER   refused, silent for too long, or asked to leave
       └─────────────────────────────────┘

It never sleeps, knows no socket and decides nothing: whether to try again, and with what, is the session's business.
"""

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.domain.errors import CallstreamError, OutcomeUnknown
from gateway.domain.identifiers import random_uuid
from gateway.relay import frames, wire
from gateway.relay.answers import Refused, event_id, event_time, flag, id_text, outcome_of, refusal_of, text
from gateway.relay.commands import Command, Result
from gateway.relay.payloads import RelayEvent, decode_payload
from gateway.relay.resume import ResumeState

__all__ = [
    "Answered",
    "Arrived",
    "AuthorizationChanged",
    "Connected",
    "Dead",
    "DisconnectAsked",
    "Happening",
    "Protocol",
    "ProtocolState",
    "Timeouts",
]

_VERSION: Final = {"major": 2, "minor": 0, "revision": 0}
_MAX_HELD: Final = 20_000
"""Events that are kept while RELAY has not answered connect. It sends those beyond again: they are not acknowledged."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for RELAY, in seconds.

    A connection on which nothing is heard for `ping_interval` is pinged, and is dead once `ping_failures` pings in a
    row have gone without any sign of life for `ping_timeout` each.
    """

    connect: float = 15.0
    request: float = 30.0
    ping_interval: float = 30.0
    ping_timeout: float = 10.0
    ping_failures: int = 3


class ProtocolState(enum.Enum):
    """Where the connection is."""

    OPENING = enum.auto()
    OPEN = enum.auto()
    OVER = enum.auto()


@dataclass(frozen=True, slots=True)
class Connected:
    """The session is there. `restored` says whether it is the one that was to be resumed."""

    protocol: str
    restored: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A request is done: with RELAY's result, or with the error to raise."""

    request_id: str
    outcome: Result | CallstreamError


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event came."""

    event: RelayEvent


@dataclass(frozen=True, slots=True)
class AuthorizationChanged:
    """RELAY gave a new authorization state, a secret: the next resume needs it. To be kept, and then `kept`."""

    authorization_state: str = field(repr=False)
    ack_id: bytes


@dataclass(frozen=True, slots=True)
class DisconnectAsked:
    """RELAY will close the connection; with `restart` the session is not to be resumed."""

    restart: bool


@dataclass(frozen=True, slots=True)
class Dead:
    """Nothing more will come of this connection."""

    reason: str


Happening = Connected | Refused | Answered | Arrived | AuthorizationChanged | DisconnectAsked | Dead


@dataclass(slots=True)
class _Pending:
    method: str
    due: float
    secrets: tuple[str, ...]


class Protocol:
    """One connection's side of the conversation."""

    def __init__(self, timeouts: Timeouts, connection: int = 0, new_id: Callable[[], str] = random_uuid) -> None:
        self._timeouts = timeouts
        self._connection = connection
        self._new_id = new_id
        self.state = ProtocolState.OPENING
        self.malformed = 0
        """Frames that could not be read."""
        self.passed_over = 0
        """Events that came in too large a number before the answer to connect."""
        self._resuming = ""
        self._connect_id = ""
        self._connect_due = 0.0
        self._ping_due = 0.0
        self._ping_id = ""
        self._silent_pings = 0
        self._pending: dict[str, _Pending] = {}
        self._happened: list[Happening] = []
        self._held: list[Arrived | AuthorizationChanged] = []
        self._to_send: list[bytes] = []

    # What the shell does.

    def open(
        self,
        now: float,
        *,
        authentication: Mapping[str, Any],
        contexts: Iterable[str],
        agent: str,
        resume: ResumeState | None,
    ) -> None:
        """Asks for the session: once, as the first thing."""
        params: dict[str, Any] = {
            "version": _VERSION,
            "agent": agent,
            "event_acks": True,
            "authentication": dict(authentication),
            "contexts": sorted(contexts),
        }
        if resume is not None:
            self._resuming = resume.protocol
            params["protocol"] = resume.protocol
            if resume.authorization_state:
                params["authorization_state"] = resume.authorization_state
        self._connect_id = self._new_id()
        self._connect_due = now + self._timeouts.connect
        self._ping_due = now + self._timeouts.ping_interval
        self._to_send.append(frames.request(self._connect_id, wire.CONNECT, params))

    def request(self, command: Command, now: float) -> str:
        """Sends a command, and returns the id under which it will be answered.

        Raises:
            ValueError: It is larger than RELAY takes a frame to be, or cannot be written as JSON; nothing is sent.
        """
        request_id = self._new_id()
        try:
            frame = frames.request(request_id, command.method, command.params)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"{command.method} cannot be written as JSON") from error
        if len(frame) > wire.MAX_FRAME_BYTES:
            # RELAY would close the connection, and all that is under way would be lost with it.
            raise ValueError(f"{command.method} is {len(frame)} bytes, RELAY takes {wire.MAX_FRAME_BYTES}")
        self._pending[request_id] = _Pending(command.method, now + self._timeouts.request, command.secrets)
        self._to_send.append(frame)
        return request_id

    def forget(self, request_id: str) -> None:
        """Nobody waits for this answer any more."""
        self._pending.pop(request_id, None)

    def acknowledge(self, events: Iterable[RelayEvent]) -> None:
        """Tells RELAY that it need not send these events again. Those of another connection are passed over."""
        self._to_send += [
            frames.ack(event.ack_id) for event in events if event.ack_id and event.connection == self._connection
        ]

    def kept(self, changed: AuthorizationChanged) -> None:
        """The authorization state is safe: RELAY need not send it again."""
        self._reply(frames.ack, changed.ack_id)

    @property
    def pending(self) -> int:
        """How many requests wait for their answer."""
        return len(self._pending)

    def happened(self) -> list[Happening]:
        """Hands over what happened since the last call, in order."""
        happened, self._happened = self._happened, []
        return happened

    def data_to_send(self) -> list[bytes]:
        """Hands over the frames to send since the last call, in order."""
        data, self._to_send = self._to_send, []
        return data

    def next_deadline(self) -> float:
        """When `tick` has something to do, at the latest; infinity once it is over."""
        if self.state is ProtocolState.OVER:
            return math.inf
        # Requests all have the same time, so the first one sent is the first one due.
        due = min(self._ping_due, next(iter(self._pending.values())).due) if self._pending else self._ping_due
        return min(due, self._connect_due) if self.state is ProtocolState.OPENING else due

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.state is ProtocolState.OVER:
            return
        if self.state is ProtocolState.OPENING and now >= self._connect_due:
            self._over(Dead("RELAY did not answer signalwire.connect"))
            return
        late = [request_id for request_id, pending in self._pending.items() if pending.due <= now]
        for request_id in late:
            method = self._pending.pop(request_id).method
            self._happened.append(Answered(request_id, OutcomeUnknown(f"RELAY did not answer {method}")))
        if now >= self._ping_due:
            self._ping(now)

    def excuse(self, now: float) -> None:
        """Nothing was read for a reason of the gateway's own: the silence until now is not RELAY's."""
        self._ping_id = ""
        self._silent_pings = 0
        self._ping_due = max(self._ping_due, now + self._timeouts.ping_timeout)

    def _ping(self, now: float) -> None:
        if self._ping_id:
            self._silent_pings += 1
        if self._silent_pings >= self._timeouts.ping_failures:
            self._over(Dead("RELAY has fallen silent"))
            return
        self._ping_id = self._new_id()
        self._ping_due = now + self._timeouts.ping_timeout
        self._to_send.append(frames.request(self._ping_id, wire.PING, {}))

    def _over(self, last: Happening) -> None:
        self.state = ProtocolState.OVER
        self._happened.append(last)

    # What RELAY does.

    def receive(self, data: bytes, now: float) -> None:
        """A WebSocket message came."""
        if self.state is ProtocolState.OVER:
            return
        self._ping_id = ""
        self._silent_pings = 0
        self._ping_due = now + self._timeouts.ping_interval
        frame = frames.decode_frame(data)
        if frame is None:
            self.malformed += 1
        elif frame.method:
            self._asked(frame)
        else:
            self._answered(frame)

    def receive_eof(self, reason: str) -> None:
        """The connection broke."""
        if self.state is not ProtocolState.OVER:
            self._over(Dead(reason))

    def lost(self) -> list[Answered]:
        """After the end: every request that is still unanswered has an unknown outcome."""
        lost = [
            Answered(request_id, OutcomeUnknown(f"the connection was lost before RELAY answered {pending.method}"))
            for request_id, pending in self._pending.items()
        ]
        self._pending.clear()
        return lost

    def _asked(self, frame: frames.Incoming) -> None:
        raw_id = bytes(frame.id)
        match frame.method:
            case wire.EVENT:
                self._event(frame, raw_id)
            case wire.PING:
                self._reply(frames.ack, raw_id)
            case wire.DISCONNECT:
                self._reply(frames.ack, raw_id)
                self._over(DisconnectAsked(flag(frame.params, "restart")))
            case _:
                self._reply(frames.error_reply, raw_id)

    def _reply(self, make: Callable[[bytes], bytes], raw_id: bytes) -> None:
        if raw_id and raw_id != b"null":
            self._to_send.append(make(raw_id))

    def _event(self, frame: frames.Incoming, raw_id: bytes) -> None:
        envelope = frames.decode_envelope(frame.params)
        if envelope is None:
            self.malformed += 1
            self._reply(frames.ack, raw_id)  # it would only come again
            return
        if envelope.event_type == wire.AUTHORIZATION_STATE:
            state = text(envelope.params, "authorization_state")
            if state:
                self._came(AuthorizationChanged(state, raw_id))
            else:
                self._reply(frames.ack, raw_id)
            return
        raw_params = bytes(envelope.params)
        arrived = Arrived(
            RelayEvent(
                event_id=event_id(raw_id),
                event_type=envelope.event_type,
                timestamp=event_time(envelope),
                raw_params=raw_params,
                payload=decode_payload(envelope.event_type, raw_params),
                ack_id=b"" if raw_id == b"null" else raw_id,
                connection=self._connection,
            )
        )
        self._came(arrived)

    def _came(self, what: Arrived | AuthorizationChanged) -> None:
        """Events may come before the answer to connect; they are told after it."""
        if self.state is ProtocolState.OPEN:
            self._happened.append(what)
        elif len(self._held) < _MAX_HELD:
            self._held.append(what)
        else:
            self.passed_over += 1

    def _answered(self, frame: frames.Incoming) -> None:
        answer_id = id_text(bytes(frame.id))
        if answer_id == self._connect_id and self.state is ProtocolState.OPENING:
            self._connect_answered(frame)
            return
        pending = self._pending.pop(answer_id, None)
        if pending is not None:
            self._happened.append(Answered(answer_id, outcome_of(pending.method, frame, pending.secrets)))

    def _connect_answered(self, frame: frames.Incoming) -> None:
        outcome = outcome_of(wire.CONNECT, frame)
        if isinstance(outcome, Result):
            protocol = outcome.body.get("protocol")
            name = protocol if isinstance(protocol, str) else ""
            restored = outcome.body.get("session_restored")
            if not isinstance(restored, bool):
                restored = bool(self._resuming) and name == self._resuming
            self.state = ProtocolState.OPEN
            self._happened += [Connected(name, restored and bool(self._resuming)), *self._held]
            self._held = []
        else:
            self._over(refusal_of(outcome, resuming=bool(self._resuming)))
