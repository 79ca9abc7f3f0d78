"""Takes in what RELAY reports: drops what came before, decides what it means, journals it, and then acknowledges it."""

import json
from collections.abc import Sequence

import msgspec
import structlog

from gateway.domain.calls import Device, Direction
from gateway.domain.errors import JournalUnavailable
from gateway.domain.events import Draft, EventType, SessionChange
from gateway.domain.rules import (
    CallReport,
    Decision,
    DialReport,
    StreamReport,
    call_reported,
    dial_reported,
    session_lost,
    stream_reported,
)
from gateway.engine.clock import SECOND
from gateway.engine.context import Context
from gateway.engine.recorder import Origin
from gateway.engine.settlement import Settlement
from gateway.journal.record import Record
from gateway.relay.frames import MAX_TYPE
from gateway.relay.payloads import CallReceivePayload, CallStatePayload, DialPayload, RelayEvent, StreamPayload, Text
from gateway.relay.session import SessionDown, SessionUp

__all__ = ["Ingest"]

MAX_PARAMS = 1 << 20
"""Bytes of RELAY's params that an event keeps, all or nothing: gRPC clients take messages of 4 MiB."""

MAX_DEVICE = 1 << 16
"""Characters of a device's params that a call keeps, all or nothing."""

_log = structlog.get_logger(__name__)


class Ingest:
    """The observer of the RELAY session."""

    def __init__(self, context: Context, settlement: Settlement) -> None:
        self._context = context
        self._settlement = settlement
        self._last_sign = 0
        self.received = 0
        """Events of RELAY, duplicates included."""

    async def session_up(self, up: SessionUp) -> None:
        """The session is there: new, taken up where it was, or in place of one that is lost."""
        registry = self._context.registry
        if up.restored:
            draft = Draft(EventType.SESSION_RESUMED, SessionChange("the session was taken up where it was"))
            self._settlement.carry_out(Decision((draft,)))
        elif up.had_state or not up.first or registry.active_stream_count or registry.active_call_count:
            since = self._last_sign or self._context.journal.stats().newest_time_us or 0
            change = SessionChange("the former session could not be restored; events may be missing", since)
            self._settlement.carry_out(session_lost(registry, change, self._context.now()))
            self._context.hanging_up.clear()  # whose ends nobody will report any more
        else:
            draft = Draft(EventType.SESSION_UP, SessionChange("a new session was opened"))
            self._settlement.carry_out(Decision((draft,)))
        self._last_sign = self._context.now()
        self._settlement.session_up()

    async def session_down(self, down: SessionDown) -> None:
        """The connection is lost; it is being taken up again."""
        self._context.recorder.record([Draft(EventType.SESSION_DOWN, SessionChange(down.reason))])

    async def relay_events(self, events: Sequence[RelayEvent]) -> None:
        """Events arrived. Returns when there is room for more, so that the journal's pace becomes the socket's."""
        recorder = self._context.recorder
        now = self._last_sign = self._context.now()
        self.received += len(events)
        records: list[Record] = []
        decisions: list[Decision] = []
        for event in events:
            if event.event_id and recorder.is_known(event.event_id):
                continue
            relay_time = round((event.timestamp or 0) * SECOND)
            decision = self._decide(event, relay_time, now)
            decisions.append(decision)
            params = event.raw_params if len(event.raw_params) <= MAX_PARAMS else b""
            origin = Origin(event.event_id, event.event_type, relay_time, params)
            records += recorder.stamp(decision.drafts, origin, now)
        # Duplicates are acknowledged as well, when all that came before them is durable: so may be what they repeat.
        recorder.append(records, lambda: self._context.session.acknowledge(events))
        for decision in decisions:
            self._settlement.follow(decision.drafts, decision.stops)
        try:
            await self._context.journal.capacity()
        except JournalUnavailable:
            _log.debug("journal_closed")

    def _decide(self, event: RelayEvent, relay_time: int, now: int) -> Decision:
        registry = self._context.registry
        match event.payload:
            case StreamPayload() as told:
                report = StreamReport(
                    told.call_id,
                    told.control_id,
                    told.state,
                    node_id=told.node_id,
                    segment_id=told.segment_id,
                    url=told.url,
                    name=told.name,
                    tag=told.tag,
                    relay_time=relay_time,
                )
                return stream_reported(registry, report, now, hanging_up=told.call_id in self._context.hanging_up)
            case CallStatePayload() as told:
                if told.call_state == "ended":
                    self._context.hanging_up.discard(told.call_id)
                return call_reported(registry, _call_report(told), now)
            case CallReceivePayload() as told:
                return call_reported(registry, _call_report(told, received=True, context=told.context), now)
            case DialPayload() as told:
                dialled = DialReport(
                    told.tag,
                    told.dial_state,
                    call_id=told.call_id,
                    node_id=told.node_id or told.winner_node_id,
                    device=_device(told.device),
                )
                return dial_reported(registry, dialled, now)
            case _:
                return Decision((_other(event),))


def _call_report(
    told: CallStatePayload | CallReceivePayload, *, received: bool = False, context: str = ""
) -> CallReport:
    directions = {"inbound": Direction.INBOUND, "outbound": Direction.OUTBOUND}
    return CallReport(
        told.call_id,
        told.call_state,
        received=received,
        node_id=told.node_id,
        segment_id=told.segment_id,
        tag=told.tag,
        context=context,
        direction=directions.get(told.direction, Direction.UNSPECIFIED),
        device=_device(told.device),
        end_reason=told.end_reason if isinstance(told, CallStatePayload) else "",
    )


def _device(told: object) -> Device | None:
    if not isinstance(told, dict) or not told:
        return None
    params = told.get("params")
    params_json = json.dumps(params if isinstance(params, dict) else {})
    return Device(str(told.get("type", ""))[:MAX_TYPE], params_json if len(params_json) <= MAX_DEVICE else "{}")


class _Ids(msgspec.Struct):
    call_id: Text = ""
    control_id: Text = ""


def _other(event: RelayEvent) -> Draft:
    """An event that the gateway makes nothing of goes to whoever watches its call, as it is."""
    try:
        ids = msgspec.json.decode(event.raw_params, type=_Ids)
    except (msgspec.MsgspecError, ValueError):
        ids = _Ids()
    return Draft(EventType.RELAY_OTHER, None, ids.call_id, ids.control_id)
