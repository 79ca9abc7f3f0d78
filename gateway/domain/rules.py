"""What follows from what: each fact, command or timer becomes the events that it means.

All functions are pure. They read the registry and return a `Decision`: drafts of events to be journalled together, in
order, and the streams that RELAY must be told to stop. The caller journals the drafts, applies them to the registry,
and acts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain.calls import CALL_WORDS, Call, CallInput, CallState, Device, Dial, DialState, Direction
from gateway.domain.calls import advance as advance_call
from gateway.domain.events import Draft, EventType, SessionChange
from gateway.domain.registry import Registry
from gateway.domain.streams import EndReason, Stream, StreamError, StreamInput, StreamKey, StreamState, adopted
from gateway.domain.streams import advance as advance_stream

__all__ = [
    "CallReport",
    "Decision",
    "DialReport",
    "StreamReport",
    "call_gone",
    "call_mentioned",
    "call_passed",
    "call_reported",
    "dial_moved",
    "dial_reported",
    "session_lost",
    "stream_happened",
    "stream_reported",
]


_STREAM_WORDS: Final[Mapping[str, StreamInput]] = {
    "streaming": StreamInput.STREAMING,
    "finished": StreamInput.FINISHED,
}
"""RELAY's words for a stream's state."""


class Decision(msgspec.Struct, frozen=True):
    """Events to journal, and streams to stop at RELAY."""

    drafts: Sequence[Draft] = ()
    stops: Sequence[StreamKey] = ()


_NOTHING: Final = Decision()


class StreamReport(msgspec.Struct, frozen=True):
    """What `calling.call.stream` says."""

    call_id: str
    control_id: str
    state: str
    node_id: str = ""
    segment_id: str = ""
    url: str = ""
    name: str = ""
    tag: str = ""
    relay_time: int = 0  # microseconds since the epoch, by RELAY's clock; 0 if it told none


class CallReport(msgspec.Struct, frozen=True):
    """What `calling.call.state` and `calling.call.receive` say. `received` tells them apart."""

    call_id: str
    state: str
    received: bool = False
    node_id: str = ""
    segment_id: str = ""
    tag: str = ""
    context: str = ""
    direction: Direction = Direction.UNSPECIFIED
    device: Device | None = None
    end_reason: str = ""


class DialReport(msgspec.Struct, frozen=True):
    """What `calling.call.dial` says. The call is the one that answered."""

    tag: str
    state: str
    call_id: str = ""
    node_id: str = ""
    device: Device | None = None


class _Plan(msgspec.Struct):
    """A decision in the making."""

    drafts: list[Draft] = msgspec.field(default_factory=list)
    stops: list[StreamKey] = msgspec.field(default_factory=list)

    def decision(self) -> Decision:
        return Decision(tuple(self.drafts), tuple(self.stops))


def stream_reported(registry: Registry, report: StreamReport, now: int, *, hanging_up: bool = False) -> Decision:
    """RELAY reports on a stream. Unknown calls and streams are taken in: somebody may be waiting for them.

    Args:
        registry: What is known.
        report: What RELAY says.
        now: Microseconds since the epoch.
        hanging_up: A client has ended the call, and RELAY has not reported that yet.
    """
    plan = _Plan()
    call = registry.call(report.call_id)
    if call is None:
        call = Call(report.call_id, CallState.UNKNOWN, now, now, report.node_id, report.segment_id, report.tag)
        plan.drafts.append(Draft.of(EventType.CALL_UNKNOWN, call))
    elif not call.node_id:
        plan.drafts += call_mentioned(registry, report.call_id, report.node_id, now).drafts
    happened = _STREAM_WORDS.get(report.state, StreamInput.OTHER)
    known = registry.stream(report.call_id, report.control_id)
    if known is not None and known.end_reason is EndReason.REJECTED and happened is StreamInput.STREAMING:
        stream, known = adopted(known, now), None
    elif known is not None and known.active and registry.is_past(known.key, report.relay_time):
        # Late news of a former stream of this control id, whose end was concluded without RELAY's word.
        plan.drafts.append(Draft.of(EventType.STREAM_UPDATED, known))
        return plan.decision()
    else:
        stream = known or Stream(report.call_id, report.control_id, StreamState.STARTING, now, now, accepted=True)
    if known is None and happened is StreamInput.FINISHED:
        # It ended before the gateway knew of it; that it streamed is the likelier story.
        stream = advance_stream(stream, StreamInput.STREAMING, now).stream
    moved = advance_stream(
        stream,
        happened,
        now,
        reason=EndReason.CALL_ENDED if call.ending or hanging_up else EndReason.UNSPECIFIED,
        seen={
            "node_id": report.node_id,
            "segment_id": report.segment_id,
            "tag": report.tag,
            "url": report.url,
            "name": report.name,
        },
    )
    after = moved.stream
    if call.ended and after.active:  # none outlives its call
        after = advance_stream(after, StreamInput.CALL_ENDED, now).stream
    plan.drafts.append(Draft.of(EventType.of_stream(known.state if known else None, after.state), after))
    if moved.stop and not call.ended:
        plan.stops.append(stream.key)
    return plan.decision()


def stream_happened(
    registry: Registry,
    key: StreamKey,
    happened: StreamInput,
    now: int,
    *,
    reason: EndReason = EndReason.UNSPECIFIED,
    error: StreamError | None = None,
) -> Decision:
    """Something other than a report of RELAY happened to a stream; nothing is journalled if it changes nothing."""
    stream = registry.stream(*key)
    if stream is None:
        return Decision()
    moved = advance_stream(stream, happened, now, reason=reason, error=error)
    call = registry.call(stream.call_id)
    over = call is not None and call.ended
    stops = (key,) if moved.stop and not over else ()
    if not moved.changed:
        return Decision(stops=stops)
    kind = EventType.of_stream(stream.state, moved.stream.state)
    return Decision((Draft.of(kind, moved.stream),), stops)


def call_reported(registry: Registry, report: CallReport, now: int) -> Decision:
    """RELAY reports on a call; its end ends its streams, and their ends come first."""
    # Whatever a receive calls its state, the call is there.
    happened = CALL_WORDS.get(report.state, CallInput.CREATED if report.received else CallInput.MENTIONED)
    seen = {
        "node_id": report.node_id,
        "segment_id": report.segment_id,
        "tag": report.tag,
        "context": report.context,
        "direction": report.direction,
        "device": report.device,
    }
    return _call_moved(registry, report.call_id, happened, now, report.end_reason, seen, received=report.received)


def call_mentioned(registry: Registry, call_id: str, node_id: str, now: int) -> Decision:
    """Something names a call that may not have been reported; nothing is journalled if it tells nothing new.

    Commands need the call's node, so the first one that is told is kept; RELAY's own reports correct it.
    """
    known = registry.call(call_id)
    if known is not None and (known.node_id or not node_id or known.ended):
        return _NOTHING
    return _call_moved(registry, call_id, CallInput.MENTIONED, now, "", {"node_id": node_id})


def call_gone(registry: Registry, call_id: str, now: int, why: str) -> Decision:
    """RELAY answered a command with 404 or 410 about the call: it is over, whatever was missed."""
    call = registry.call(call_id)
    if call is None or call.ended:
        return Decision()
    return _call_moved(registry, call_id, CallInput.GONE, now, why, {})


def call_passed(registry: Registry, call_id: str, now: int) -> Decision:
    """RELAY took a pass: the call is offered to others, and nobody tells this session how it goes on."""
    call = registry.call(call_id)
    if call is None or call.state in {CallState.ENDED, CallState.UNKNOWN}:
        return Decision()
    return _call_moved(registry, call_id, CallInput.SESSION_LOST, now, "", {})


def _call_moved(
    registry: Registry,
    call_id: str,
    happened: CallInput,
    now: int,
    end_reason: str,
    seen: Mapping[str, object],
    *,
    received: bool = False,
) -> Decision:
    plan = _Plan()
    before = registry.call(call_id)
    call = advance_call(
        before or Call(call_id, CallState.UNKNOWN, now, now), happened, now, end_reason=end_reason, seen=seen
    )
    kind = EventType.of_call(before.state if before else None, call.state)
    if received and not call.ended:  # also if something else has named it first
        kind = EventType.CALL_RECEIVED
    if call.ended:
        plan.drafts += _streams_end(registry, call_id, StreamInput.CALL_ENDED, now)
    plan.drafts.append(Draft.of(kind, call))
    return plan.decision()


def _streams_end(registry: Registry, call_id: str, happened: StreamInput, now: int) -> list[Draft]:
    drafts = []
    for stream in registry.streams_of(call_id):
        if stream.active:
            ended = advance_stream(stream, happened, now).stream
            drafts.append(Draft.of(EventType.of_stream(stream.state, ended.state), ended))
    return drafts


def dial_reported(registry: Registry, report: DialReport, now: int) -> Decision:
    """RELAY reports on a dial. The call that answered is taken in if its own report has not come yet."""
    state = {"answered": DialState.ANSWERED, "failed": DialState.FAILED}.get(report.state, DialState.DIALING)
    plan = _Plan()
    if report.call_id and state is DialState.ANSWERED:
        winner = CallReport(
            report.call_id,
            "answered",
            node_id=report.node_id,
            tag=report.tag,
            direction=Direction.OUTBOUND,
            device=report.device,
        )
        known = registry.call(report.call_id)
        if known is None or known.state in {CallState.CREATED, CallState.RINGING, CallState.UNKNOWN}:
            plan.drafts += call_reported(registry, winner, now).drafts
    dial = registry.dial(report.tag)
    if dial is not None and dial.state is not DialState.DIALING:  # decided once; RELAY's word is passed on as it is
        plan.drafts.append(Draft(EventType.RELAY_OTHER, None, report.call_id or dial.call_id))
    else:
        plan.drafts.append(_dial(registry, report.tag, state, now, report.call_id, report.node_id))
    return plan.decision()


def dial_moved(registry: Registry, tag: str, state: DialState, now: int, *, again: bool = False) -> Decision:
    """The gateway sends a dial, or learns that RELAY refused it; nothing is journalled if it changes nothing.

    With `again`, one that failed without ever having rung is sent once more: otherwise a dial is decided once.
    """
    known = registry.dial(tag)
    if known is not None and known.state is state:
        return Decision()
    if known is not None and known.state is not DialState.DIALING and not (again and known.state is DialState.FAILED):
        return Decision()
    return Decision((_dial(registry, tag, state, now),))


def _dial(registry: Registry, tag: str, state: DialState, now: int, call_id: str = "", node_id: str = "") -> Draft:
    if state is not DialState.ANSWERED:
        call_id, node_id = "", ""  # of a call that may still answer, or did not
    known = registry.dial(tag) or Dial(tag, state, now, now)
    dial = replace(known, state=state, call_id=call_id, node_id=node_id)
    if dial != known:
        dial = replace(dial, update_time=now)
    return Draft.of(EventType.of_dial(state), dial)


def session_lost(registry: Registry, change: SessionChange, now: int) -> Decision:
    """The former session could not be restored: its streams and dials end, its calls are not known any more.

    The streams are to be stopped as well: RELAY may still have them, and nobody would hear how they end.
    """
    plan = _Plan([Draft.of(EventType.SESSION_GAP, change)])
    for stream in registry.active_streams():
        ended = advance_stream(stream, StreamInput.SESSION_LOST, now).stream
        plan.drafts.append(Draft.of(EventType.of_stream(stream.state, ended.state), ended))
        plan.stops.append(stream.key)
    for call in registry.active_calls():
        lost = advance_call(call, CallInput.SESSION_LOST, now)
        if lost is not call:
            plan.drafts.append(Draft.of(EventType.of_call(call.state, lost.state), lost))
    plan.drafts += [_dial(registry, dial.tag, DialState.FAILED, now) for dial in registry.dialing()]
    return plan.decision()
