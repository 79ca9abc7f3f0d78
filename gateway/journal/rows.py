"""Records as rows: how they are written and read back."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from gateway.journal.record import Record

__all__ = ["COLUMNS", "MAX_PAYLOAD_BYTES", "checked_bytes", "insert_statements", "to_record"]

COLUMNS: Final = "sequence, event_id, type, call_id, control_id, key, time_us, labels, payload, context"

MAX_PAYLOAD_BYTES: Final = 64 << 20
"""RELAY's frames have at most 10 MiB; SQLite would take 1 GB."""

_MAX_INTEGER: Final = 2**63 - 1

# One statement writes up to so many rows, because each step of a statement lets go of the GIL, and to get it back from
# a busy loop takes up to a switch interval (5 ms): row by row the writer falls to some 200 rows/s, this way it keeps
# tens of thousands.
_ROWS_PER_STATEMENT: Final = tuple(1 << power for power in range(10, -1, -1))
_PLACEHOLDERS: Final = "(" + ", ".join("?" for _ in COLUMNS.split(", ")) + ")"
_INSERTS: Final = {
    count: f"INSERT INTO events ({COLUMNS}) VALUES {', '.join([_PLACEHOLDERS] * count)}"  # noqa: S608 - no input in it
    for count in _ROWS_PER_STATEMENT
}

_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def insert_statements(records: Sequence[Record]) -> Iterable[tuple[str, list[object]]]:
    """Yield statements with their parameters that insert the records: few, whatever the number of records."""
    start = 0
    for count in _ROWS_PER_STATEMENT:
        while len(records) - start >= count:
            parameters: list[object] = []
            for r in records[start : start + count]:
                labels = msgspec.json.encode(r.labels).decode() if r.labels else ""
                parameters += (
                    r.sequence,
                    r.event_id,
                    r.type,
                    r.call_id,
                    r.control_id,
                    r.key,
                    r.time_us,
                    labels,
                    r.payload,
                    r.context,
                )
            yield _INSERTS[count], parameters
            start += count


def to_record(row: Sequence[Any]) -> Record:
    """Make the record of a row of `COLUMNS`."""
    sequence, event_id, number, call_id, control_id, key, time_us, labels, payload, context = row
    return Record(
        sequence,
        event_id,
        number,
        call_id,
        control_id,
        key,
        time_us,
        _decode_labels(labels) if labels else {},
        payload,
        context,
    )


def checked_bytes(records: Iterable[Record], first: int) -> int:
    """Make sure that the records can be stored, before they are queued: one that can't would block all after it.

    Args:
        records: Each record's sequence must follow on the one before.
        first: The sequence of the first.

    Returns:
        Bytes of payload.

    Raises:
        ValueError: A sequence is out of order, a text is not Unicode (a lone surrogate, which JSON can carry), a number
            has more than 64 bits or a payload is too large.
    """
    total = 0
    expected = first
    for record in records:
        if record.sequence != expected:
            raise ValueError(f"sequence {record.sequence} does not continue the journal: {expected} is next")
        for text in (record.event_id, record.call_id, record.control_id, record.key, record.context):
            # isascii is a flag of the string: the common case costs nothing.
            if not text.isascii():
                text.encode()
        for name, value in record.labels.items():
            name.encode()
            value.encode()
        if not (abs(record.type) <= _MAX_INTEGER and abs(record.time_us) <= _MAX_INTEGER):
            raise ValueError(f"record {record.sequence} has a number of more than 64 bits")
        if len(record.payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"record {record.sequence} has {len(record.payload)} bytes, more than {MAX_PAYLOAD_BYTES}")
        total += len(record.payload)
        expected += 1
    return total
