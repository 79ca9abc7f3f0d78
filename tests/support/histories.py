"""Histories: what a run looked like from outside, as values that the validators judge and that can be kept as JSON.

Nothing here is asked of the gateway but through its contract, its files and its log: RELAY's side is what the emulator
sent and received. Times are seconds since the Unix epoch.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

__all__ = [
    "Ask",
    "Event",
    "EventFilter",
    "Frame",
    "History",
    "Journal",
    "Message",
    "Place",
    "Reading",
    "Sighting",
    "Standing",
    "Watcher",
    "load_history",
    "save_history",
]


class _Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value: equal by content, and replaced rather than changed."""


class Sighting(_Value, frozen=True):
    """An event as somebody saw it: equal digests mean equal content."""

    sequence: int
    event_id: str
    digest: str


class Event(_Value, frozen=True):
    """An event of the journal.

    Attributes:
        sequence, event_id, digest: As in `Sighting`.
        type: The contract's word without its prefix ("STREAM_STREAMING").
        time: When the gateway took it in.
        state: That of its subject after the event, without prefix; "" without a subject.
        created: When its subject began; 0 without a subject.
        end_reason, inferred, accepted: Those of the subject.
        labels: Those of the stream.
    """

    sequence: int
    event_id: str
    digest: str
    type: str
    time: float
    call_id: str = ""
    control_id: str = ""
    state: str = ""
    created: float = 0.0
    end_reason: str = ""
    inferred: bool = False
    accepted: bool = False
    labels: dict[str, str] = {}


class Journal(_Value, frozen=True):
    """The journal at the end: as ListEvents tells it, and as the SQLite file holds it after the process has ended.

    `head_when_quiet` is the newest sequence at the time when the watchers were let go.
    """

    epoch: str
    oldest: int
    head_when_quiet: int
    listed: list[Event]
    stored: list[Sighting]


class EventFilter(_Value, frozen=True):
    """What a watcher asked for; empty conditions accept everything."""

    types: list[str] = []
    call_ids: list[str] = []
    control_ids: list[str] = []
    labels: dict[str, str] = {}

    def matches(self, event: Event) -> bool:
        """Whether the contract says that this watcher gets the event."""
        if self.types and event.type not in self.types:
            return False
        if event.type.startswith("SESSION_"):
            return True
        return (
            (not self.call_ids or event.call_id in self.call_ids)
            and (not self.control_ids or event.control_id in self.control_ids)
            and all(event.labels.get(name) == value for name, value in self.labels.items())
        )


class Message(_Value, frozen=True):
    """One message of a watch, or one page of ListEvents. `position` is the sequence that its cursor stands for.

    The first message of a reading is of the kind "opened". A walk over pages has none of its own: it gets one that
    stands where the walk was to begin, once the first page has come.
    """

    kind: str
    position: int
    events: list[Sighting] = []


class Reading(_Value, frozen=True):
    """One WatchEvents, or one walk over pages.

    Attributes:
        resumed_at: The position of the cursor it was opened with; None if it began elsewhere.
        epoch: The epoch of that cursor, or else of the first cursor received.
        messages: What came, in order.
        status: How it ended: the status's name, or "LEFT" when the watcher went away.
        reason: ErrorInfo's reason, if there was one.
    """

    resumed_at: int | None
    epoch: str
    messages: list[Message]
    status: str
    reason: str = ""


class Watcher(_Value, frozen=True):
    """A client that follows events over any number of readings, each resumed where the one before stopped."""

    name: str
    filter: EventFilter
    readings: list[Reading]


class Ask(_Value, frozen=True):
    """A command that a client asked for, and when it stopped waiting.

    Attributes:
        method: RELAY's method that it leads to.
        call_id: The call, or the tag of a dial.
        control_id: The stream, if it names one.
        sent: When the client asked.
        over: When it was answered, its deadline passed, or it left: what comes first.
        outcome: The status's name, or "LEFT" if the client cancelled.
        reason: ErrorInfo's reason, if there was one.
    """

    method: str
    call_id: str
    control_id: str
    sent: float
    over: float
    outcome: str
    reason: str = ""


class Frame(_Value, frozen=True):
    """A frame on RELAY's socket.

    Attributes:
        time: When the emulator sent or read it.
        by_relay: Whether RELAY sent it.
        kind: "request", "result" or "error"; "" for what is none of them.
        method, event_type, call_id, control_id: What it is about; an answer is about what its request is about.
        id: JSON-RPC's id, which is an event's id.
        code: The code of a result or an error.
        passed: False if a fault kept it from arriving.
    """

    time: float
    by_relay: bool
    kind: str
    method: str = ""
    event_type: str = ""
    id: str = ""
    call_id: str = ""
    control_id: str = ""
    code: str = ""
    passed: bool = True


class Standing(_Value, frozen=True):
    """Who has what at the end, after a quiet time with a healthy RELAY.

    Attributes:
        streams: The gateway's, by (call id, control id), with the state's name without prefix.
        calls: The gateway's, likewise.
        relay_streams: RELAY's ("starting", "streaming", "finished").
        relay_calls: RELAY's.
        unacknowledged: Events that RELAY still keeps for the session that is connected.
    """

    streams: list[tuple[str, str, str]]
    calls: list[tuple[str, str]]
    relay_streams: list[tuple[str, str, str]]
    relay_calls: list[tuple[str, str]]
    unacknowledged: list[str]


class Place(_Value, frozen=True):
    """Where a secret could have ended up: a log, a file, what clients were told. Bytes are read as Latin-1."""

    name: str
    text: str
    keeps_session: bool = False
    """The one file that may hold the session's authorization state."""


class History(_Value, frozen=True):
    """One run.

    Attributes:
        frames: All that crossed RELAY's sockets.
        asks: All commands of clients.
        watchers: All that followed events.
        journal, standing: The end.
        places: Where secrets must not be.
        secrets: Planted ones by what they are: the API token, the bearer tokens.
        authorization_states: What RELAY gave to resume with.
        lag: Seconds by which the machine was late at its latest: how much a time in here may be off.
    """

    frames: list[Frame]
    asks: list[Ask]
    watchers: list[Watcher]
    journal: Journal
    standing: Standing
    places: list[Place]
    secrets: dict[str, str]
    authorization_states: list[str]
    lag: float = 0.0


def save_history(history: History, path: Path, *, without_places: Iterable[str] = ()) -> None:
    """Writes a history as JSON, one line for each thing, without the places whose names are given."""
    left_out = set(without_places)
    kept = msgspec.structs.replace(history, places=[place for place in history.places if place.name not in left_out])
    parts: Mapping[str, Any] = msgspec.to_builtins(kept)
    lines = [f"{_json(name)}: {_lines(part)}" for name, part in parts.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _lines(part: Any) -> str:
    if isinstance(part, list) and part:
        return "[\n" + ",\n".join(_json(item) for item in part) + "\n]"
    return _json(part)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def load_history(path: Path) -> History:
    """Reads what `save_history` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=History)
