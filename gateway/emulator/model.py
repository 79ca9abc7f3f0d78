"""Calls and streams as the emulator holds them, and where they are looked up."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from gateway.emulator.codecs import AudioFormat
from gateway.emulator.record import TrackRecord
from gateway.emulator.rpc import Refused
from gateway.emulator.sender import Sender
from gateway.emulator.sessions import Session
from gateway.emulator.source import Track

__all__ = ["END_REASONS", "Call", "CallState", "CallTable", "Stream", "StreamState"]

CallState = Literal["created", "ringing", "answered", "ending", "ended"]
StreamState = Literal["starting", "streaming", "finished"]
END_REASONS = ("hangup", "cancel", "busy", "noAnswer", "decline", "error", "abandoned", "max_duration", "not_found")


@dataclass(eq=False)
class Stream:
    """One audio stream of a call. `records` has what was sent, per track; `problem` why the endpoint failed.

    `done` is set once nothing more is sent, which is a little after `finished`.
    """

    control_id: str
    call_id: str
    url: str
    audio: AudioFormat
    tracks: tuple[Track, ...]
    sender: Sender = field(repr=False)
    name: str = ""
    status_url: str = ""
    status_url_method: str = "POST"
    custom_parameters: Mapping[str, Any] = field(default_factory=dict)
    state: StreamState = "starting"
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    done: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def active(self) -> bool:
        """Whether the control id is taken by this stream."""
        return self.state != "finished"

    @property
    def records(self) -> Mapping[Track, TrackRecord]:
        """What was sent so far, per track."""
        return self.sender.records

    @property
    def problem(self) -> str:
        """Why the endpoint could not be reached or was lost; "" when all went well."""
        return self.sender.problem


@dataclass(eq=False)
class Call:
    """One call, or one leg of a dial. `session` gets its events; None when that session is gone."""

    call_id: str
    node_id: str
    segment_id: str
    project: str
    context: str
    direction: Literal["inbound", "outbound"]
    device: dict[str, Any]
    tag: str = ""
    state: CallState = "created"
    end_reason: str = ""
    created_at: float = field(default_factory=time.time)
    answered_at: float | None = None
    ended_at: float | None = None
    session: Session | None = field(default=None, repr=False)
    passed_by: list[Session] = field(default_factory=list, repr=False)
    streams: dict[str, Stream] = field(default_factory=dict)
    rivals: list["Call"] = field(default_factory=list, repr=False)
    """The other legs of a dial, which end when this one answers."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once the call is answered or ended."""

    @property
    def ended(self) -> bool:
        """Whether the call is over or about to be."""
        return self.state in {"ending", "ended"}

    @property
    def active_streams(self) -> list[Stream]:
        """The streams that hold their control ids."""
        return [stream for stream in self.streams.values() if stream.active]

    def wire(self) -> dict[str, Any]:
        """The members that every event about the call has."""
        event = {
            "call_id": self.call_id,
            "node_id": self.node_id,
            "segment_id": self.segment_id,
            "direction": self.direction,
            "device": self.device,
        }
        return {**event, "tag": self.tag} if self.tag else event


class CallTable:
    """All calls by id. Ended ones stay up to a limit, to be told apart from calls that never were."""

    def __init__(self, ended_limit: int) -> None:
        self._calls: dict[str, Call] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._ended_limit = ended_limit

    @property
    def view(self) -> Mapping[str, Call]:
        """The calls by id, live."""
        return MappingProxyType(self._calls)

    def add(self, call: Call) -> None:
        """Know a call."""
        self._calls[call.call_id] = call

    def ended(self, call: Call) -> None:
        """Keep an ended call for a while, and forget the oldest beyond the limit."""
        self._ended[call.call_id] = None
        while len(self._ended) > self._ended_limit:
            self._calls.pop(self._ended.popitem(last=False)[0], None)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._ended.clear()

    def find(self, session: Session, node_id: str, call_id: str) -> Call:
        """The live call a command is about.

        Refused with 404 when the session's project has no such call on that node, with 410 when it has ended. A call
        whose session was lost goes over to the session that commands it: calls outlive sessions.
        """
        call = self._calls.get(call_id)
        if call is None or call.project != session.project:
            raise Refused("404", f"Call {call_id} does not exist")
        if call.node_id != node_id:
            raise Refused("404", f"Call {call_id} is not on node {node_id}")
        if call.ended:
            raise Refused("410", f"Call {call_id} has ended")
        if call.session is None or not call.session.connected:
            call.session = session
        return call
