"""What the journal keeps and how readers ask for it. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Batch", "Filter", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One event as the journal keeps it.

    Attributes:
        sequence: 1, 2, 3 … without holes; the appender gives `Journal.last_sequence + 1`.
        event_id: Unique; RELAY's id of the event or one made by the gateway.
        type: Number of the event type, for filters.
        call_id: The call the event is about, or "".
        control_id: The stream the event is about, or "".
        key: What the event is about ("call/…", "stream/…"), or "" for nothing. The journal keeps the newest record of
            each key beyond compaction, until the key is forgotten.
        time_us: When the gateway received it, in microseconds since the Unix epoch; never falls from one to the next.
        labels: The labels of the stream, for filters.
        payload: The encoded event. The journal never looks into it.
    """

    sequence: int
    event_id: str
    type: int
    call_id: str
    control_id: str
    key: str
    time_us: int
    labels: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records a reader wants. Empty conditions accept everything; those given must all hold.

    Attributes:
        call_ids: Any of these calls.
        control_ids: Any of these streams.
        types: Any of these event types.
        labels: All of these labels, with these values.
        unscoped_types: Records of these types pass the call, control and label conditions (not `types`): a loss of the
            RELAY session concerns everyone.
    """

    call_ids: frozenset[str] = frozenset()
    control_ids: frozenset[str] = frozenset()
    types: frozenset[int] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    unscoped_types: frozenset[int] = frozenset()

    def matches(self, record: Record) -> bool:
        """Whether the reader wants this record."""
        if self.types and record.type not in self.types:
            return False
        if record.type in self.unscoped_types:
            return True
        if self.call_ids and record.call_id not in self.call_ids:
            return False
        if self.control_ids and record.control_id not in self.control_ids:
            return False
        return all(record.labels.get(name) == value for name, value in self.labels.items())

    @property
    def accepts_all(self) -> bool:
        """Whether every record matches, so that nobody needs to look."""
        return not (self.types or self.call_ids or self.control_ids or self.labels)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read found.

    Attributes:
        records: The matching records, sequences rising.
        position: Everything up to here was looked at; read on from here. At least the last record's sequence, and the
            journal's head when nothing more is there.
    """

    records: tuple[Record, ...]
    position: int
