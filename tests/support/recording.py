"""Makes histories of what a run has left: contract messages, the emulator's frames, files, the SQLite journal."""

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from gateway.emulator.frames import CLIENT_TO_SERVER
from gateway.emulator.frames import Frame as EmulatedFrame
from gateway.relay import wire
from tests.support.histories import Event, Frame, Place, Sighting

__all__ = ["FrameLog", "event_of", "files_of", "sighting_of", "state_name", "stored_events"]

_STATES: Final[dict[str, Any]] = {
    "stream": stream_pb2.StreamState,
    "call": call_pb2.CallState,
    "dial": call_pb2.DialState,
}
_PREFIXES: Final = {"stream": "STREAM_STATE_", "call": "CALL_STATE_", "dial": "DIAL_STATE_"}
_SESSION_FILES: Final = frozenset({"session.json", "session.json.new"})
"""Where the authorization state belongs; the second one is what a kill may leave of writing the first."""


def state_name(kind: str, number: int) -> str:
    """The contract's word for a state of a "stream", "call" or "dial", without its prefix."""
    name: str = _STATES[kind].Name(number)
    return name.removeprefix(_PREFIXES[kind])


def _digest(event: event_pb2.Event) -> str:
    # Deterministic, so that equal events have equal bytes whatever way they came.
    return hashlib.blake2b(event.SerializeToString(deterministic=True), digest_size=8).hexdigest()


def sighting_of(event: event_pb2.Event) -> Sighting:
    """An event as a watcher saw it."""
    return Sighting(event.sequence, event.event_id, _digest(event))


def event_of(event: event_pb2.Event) -> Event:
    """An event of the journal."""
    kind = event.WhichOneof("subject") or ""
    subject: Any = getattr(event, kind) if kind in _STATES else None
    is_stream = kind == "stream"
    return Event(
        event.sequence,
        event.event_id,
        _digest(event),
        event_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_"),
        event.receive_time.ToMicroseconds() / 1e6,
        call_id=event.call_id,
        control_id=event.control_id,
        state="" if subject is None else state_name(kind, subject.state),
        created=0.0 if subject is None else subject.create_time.ToMicroseconds() / 1e6,
        end_reason=stream_pb2.StreamEndReason.Name(subject.end_reason).removeprefix("STREAM_END_REASON_")
        if is_stream
        else "",
        inferred=kind in {"stream", "call"} and subject.end_reason_inferred,
        accepted=is_stream and subject.accepted,
        labels=dict(subject.labels) if is_stream else {},
    )


def stored_events(directory: Path) -> list[Sighting]:
    """What the journal's file holds; after its process has ended."""
    with closing(sqlite3.connect(f"file:{directory / 'journal.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT payload FROM events ORDER BY sequence").fetchall()
    return [sighting_of(event_pb2.Event.FromString(payload)) for (payload,) in rows]


def files_of(directory: Path) -> list[Place]:
    """All files below a directory, as places where secrets must not be."""
    return [
        Place(
            f"file {path.relative_to(directory)}",
            path.read_bytes().decode("latin-1"),
            keeps_session=path.name in _SESSION_FILES,
        )
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]


class FrameLog:
    """Takes frames out of the emulator's journal, which is bounded, while a run goes on."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.authorization_states: list[str] = []
        self.deliveries: dict[str, int] = {}
        """How often each event has been delivered, by its id."""
        self._seen = 0

    def take(self, frames: Iterable[EmulatedFrame]) -> None:
        """Takes in those that are new.

        Raises:
            OverflowError: Some were pushed out before they could be taken.
        """
        news = [frame for frame in frames if frame.number > self._seen]
        if news and news[0].number != self._seen + 1:
            raise OverflowError("frames were lost: take them more often, or raise the emulator's frame_limit")
        for frame in news:
            self._seen = frame.number
            if isinstance(frame.json, dict):
                self._take(frame, frame.json)

    def _take(self, frame: EmulatedFrame, body: dict[str, Any]) -> None:
        kind = next((name for name in ("result", "error") if name in body), "request" if "method" in body else "")
        params = frame.params if kind == "request" else {}
        if kind == "request" and frame.event_type == wire.AUTHORIZATION_STATE:
            self.authorization_states.append(str(params.get("authorization_state", "")))
        frame_id = str(body.get("id", ""))
        by_relay = frame.direction != CLIENT_TO_SERVER
        if by_relay and kind == "request" and frame.method == wire.EVENT and frame.passed:
            self.deliveries[frame_id] = self.deliveries.get(frame_id, 0) + 1
        answer = body.get(kind)
        self.frames.append(
            Frame(
                frame.time,
                by_relay,
                kind,
                frame.method,
                frame.event_type,
                frame_id,
                str(params.get("tag" if frame.method == wire.DIAL else "call_id") or ""),
                str(params.get("control_id") or ""),
                str(answer.get("code", "")) if isinstance(answer, dict) and kind != "request" else "",
                frame.passed,
            )
        )


def texts_of(name: str, messages: Iterable[object]) -> Place:
    """What was told, as one place."""
    return Place(
        name,
        "\n".join(
            message if isinstance(message, str) else msgspec.json.encode(message).decode() for message in messages
        ),
    )
