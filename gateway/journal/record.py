"""What the journal keeps and how readers ask for it. Pure values."""

from collections.abc import Mapping, Sequence

import msgspec

__all__ = ["Batch", "Filter", "Payloads", "Record"]


class Record(msgspec.Struct, frozen=True):
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
        context: The context that the call was known to have come in on when the event was recorded, or "".
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
    context: str = ""


class Filter(msgspec.Struct, frozen=True):
    """Which records a reader wants. Empty conditions accept everything; those given must all hold.

    Attributes:
        call_ids: Any of these calls.
        control_ids: Any of these streams.
        types: Any of these event types.
        labels: All of these labels, with these values.
        unscoped_types: Records of these types pass all conditions but `types`: a loss of the RELAY session concerns
            everyone.
        contexts: Any of these contexts; records without one are of none. What a reader may see, rather than wants.
        stream_labels: Records about a stream must have all of these labels, other records need none. What a reader may
            see, as well.
    """

    call_ids: frozenset[str] = frozenset()
    control_ids: frozenset[str] = frozenset()
    types: frozenset[int] = frozenset()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    unscoped_types: frozenset[int] = frozenset()
    contexts: frozenset[str] = frozenset()
    stream_labels: Mapping[str, str] = msgspec.field(default_factory=dict)

    def matches(self, record: Record) -> bool:
        """Whether the reader wants this record."""
        if self.types and record.type not in self.types:
            return False
        return record.type in self.unscoped_types or (self._names(record) and self._shows(record))

    def _names(self, record: Record) -> bool:
        if self.call_ids and record.call_id not in self.call_ids:
            return False
        if self.control_ids and record.control_id not in self.control_ids:
            return False
        return _carries(record.labels, self.labels)

    def _shows(self, record: Record) -> bool:
        if self.contexts and record.context not in self.contexts:
            return False
        return not record.control_id or _carries(record.labels, self.stream_labels)

    @property
    def accepts_all(self) -> bool:
        """Whether every record matches, so that nobody needs to look."""
        wanted = self.types or self.call_ids or self.control_ids or self.labels
        return not (wanted or self.contexts or self.stream_labels)


def _carries(labels: Mapping[str, str], required: Mapping[str, str]) -> bool:
    return not required or all(labels.get(name) == value for name, value in required.items())


class Batch(msgspec.Struct, frozen=True):
    """What one read found.

    Attributes:
        records: The matching records, sequences rising.
        position: Everything up to here was looked at; read on from here. At least the last record's sequence, and the
            journal's head when nothing more is there.
    """

    records: tuple[Record, ...]
    position: int


class Payloads(msgspec.Struct, frozen=True):
    """What a reader of everything found: a `Batch` without what only filters look at.

    Attributes:
        payloads: Of consecutive records.
        position: The sequence of the last one, or where was read from if there is none.
        oldest_us: When the first one was received, in microseconds since the Unix epoch; 0 if there is none.
    """

    payloads: Sequence[bytes]
    position: int
    oldest_us: int
