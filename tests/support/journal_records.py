"""Records for tests of the journal, each recognisable by its sequence."""

from collections.abc import Mapping

from gateway.journal.record import Record

__all__ = ["NOW_US", "record", "records"]

NOW_US = 1_800_000_000_000_000
"""The time of sequence 0; each later one is a millisecond later."""


def record(
    sequence: int,
    *,
    key: str = "",
    call_id: str = "",
    control_id: str = "",
    type: int = 1,  # noqa: A002 - the field's name
    labels: Mapping[str, str] | None = None,
    payload: bytes | None = None,
    context: str = "",
) -> Record:
    """Make the record of a sequence."""
    return Record(
        sequence=sequence,
        event_id=f"event-{sequence}",
        type=type,
        call_id=call_id,
        control_id=control_id,
        key=key,
        time_us=NOW_US + 1000 * sequence,
        labels=labels or {},
        payload=f"payload {sequence}".encode() if payload is None else payload,
        context=context,
    )


def records(first: int, last: int, *, key: str = "", payload: bytes | None = None) -> list[Record]:
    """Make the records of a range of sequences, both ends included."""
    return [record(sequence, key=key, payload=payload) for sequence in range(first, last + 1)]
