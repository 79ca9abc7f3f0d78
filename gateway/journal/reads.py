"""What reads the journal's tables. Each function runs within the caller's read transaction, that is at one moment."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from gateway.domain.errors import CursorCompacted
from gateway.journal.record import Batch, Filter, Payloads, Record
from gateway.journal.rows import COLUMNS, to_record

__all__ = ["latest", "payloads", "read", "recent_event_ids", "sequence_before"]

_SCAN_RECORDS: Final = 16_384
"""One read looks at so many records at most: others wait for the thread."""

_MAX_PUSHED_VALUES: Final = 256
"""SQLite looks for one of so many values at most; longer lists are left to the filter."""

_Condition = tuple[str, list[object]]


def read(
    connection: sqlite3.Connection, after: int, head: int, match: Filter | None, max_records: int, max_bytes: int
) -> Batch:
    """Read on from `after`, up to `head`; see `Journal.read`.

    Raises:
        CursorCompacted: Records after `after` are gone.
    """
    _check_oldest(connection, after)
    stop = min(head, after + _SCAN_RECORDS)
    condition, parameters = _pushed(match)
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM events WHERE sequence > ? AND sequence <= ? AND {condition} ORDER BY sequence",  # noqa: S608
        (after, stop, *parameters),
    )
    found: list[Record] = []
    size = 0
    for row in cursor:
        record = to_record(row)
        if match is not None and not match.matches(record):
            continue
        size += len(record.payload)
        if found and size > max_bytes:
            return Batch(tuple(found), record.sequence - 1)
        found.append(record)
        if len(found) == max_records:
            return Batch(tuple(found), record.sequence)
    return Batch(tuple(found), stop)


def payloads(connection: sqlite3.Connection, after: int, head: int, max_records: int, max_bytes: int) -> Payloads:
    """Read on from `after`, up to `head`, without a filter; see `Journal.read_payloads`.

    Raises:
        CursorCompacted: Records after `after` are gone.
    """
    _check_oldest(connection, after)
    cursor = connection.execute(
        "SELECT payload, time_us FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
        (after, head, max_records),
    )
    found: list[bytes] = []
    oldest_us = size = 0
    for payload, time_us in cursor:
        size += len(payload)
        if not found:
            oldest_us = time_us
        elif size > max_bytes:
            break
        found.append(payload)
    return Payloads(found, after + len(found), oldest_us)  # sequences have no holes


def _check_oldest(connection: sqlite3.Connection, after: int) -> None:
    oldest: int = connection.execute("SELECT oldest FROM state").fetchone()[0]
    if after < oldest - 1:
        raise CursorCompacted(after, oldest)


def _pushed(match: Filter | None) -> _Condition:
    """Choose what SQLite can look for by itself, several times as fast as the filter. It may let through too much."""
    if match is None:
        return "1", []
    scopes = [("call_id", match.call_ids), ("control_id", match.control_ids), ("context", match.contexts)]
    scope, parameters = _all_of([_one_of(column, values) for column, values in scopes])
    if match.unscoped_types:
        unscoped, numbers = _one_of("type", match.unscoped_types)
        scope, parameters = f"({unscoped} OR {scope})", [*numbers, *parameters]
    return _all_of([_one_of("type", match.types), (scope, parameters)])


def _one_of(column: str, values: frozenset[str] | frozenset[int]) -> _Condition:
    if not 0 < len(values) <= _MAX_PUSHED_VALUES:
        return "1", []
    return f"{column} IN ({', '.join('?' * len(values))})", [*values]


def _all_of(conditions: list[_Condition]) -> _Condition:
    return (
        f"({' AND '.join(text for text, _ in conditions)})",
        [parameter for _, parameters in conditions for parameter in parameters],
    )


def sequence_before(connection: sqlite3.Connection, time_us: int, head: int) -> int:
    """Find the last sequence received before `time_us`, at least oldest - 1; see `Journal.sequence_before`.

    Times never fall, so some twenty look-ups by sequence find it: no index that every commit would have to keep.
    """
    low: int = connection.execute("SELECT oldest FROM state").fetchone()[0] - 1
    high = max(low, head)
    while low < high:
        middle = (low + high + 1) // 2
        found = connection.execute("SELECT time_us FROM events WHERE sequence = ?", (middle,)).fetchone()[0]
        if found < time_us:
            low = middle
        else:
            high = middle - 1
    return low


def latest(connection: sqlite3.Connection) -> Iterator[Record]:
    """Yield the newest record of each key, by rising sequence; see `Journal.load_latest`."""
    checkpoint: int = connection.execute("SELECT checkpoint FROM state").fetchone()[0]
    newer = connection.execute(
        f"SELECT {COLUMNS} FROM events WHERE sequence IN ("  # noqa: S608
        " SELECT max(sequence) FROM events WHERE sequence > ? AND key <> '' AND NOT EXISTS ("
        "  SELECT 1 FROM forgotten WHERE forgotten.key = events.key AND forgotten.sequence >= events.sequence)"
        " GROUP BY key) ORDER BY sequence",
        (checkpoint,),
    ).fetchall()
    replaced = {row[5] for row in newer}
    # All of `latest` is older than the checkpoint, so the one follows the other.
    for row in connection.execute(f"SELECT {COLUMNS} FROM latest ORDER BY sequence"):  # noqa: S608
        if row[5] not in replaced:
            yield to_record(row)
    for row in newer:
        yield to_record(row)


def recent_event_ids(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Return the newest event ids, oldest first; see `Journal.recent_event_ids`."""
    rows = connection.execute("SELECT event_id FROM events ORDER BY sequence DESC LIMIT ?", (limit,)).fetchall()
    return [row[0] for row in reversed(rows)]
