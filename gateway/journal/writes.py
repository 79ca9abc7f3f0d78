"""What changes the journal's tables. Each function runs within the caller's write transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.journal.record import Record
from gateway.journal.rows import COLUMNS, insert_statements

__all__ = ["State", "append", "compact", "forget", "load_state"]

_CHECKPOINT_EVENTS: Final = 4096
"""So many events at most are folded at the start; the fold of as many takes some ten milliseconds of one commit."""


class State(msgspec.Struct, frozen=True):
    """The journal's bounds after a transaction.

    Attributes:
        epoch: The journal's identity.
        oldest: First sequence in `events`, head + 1 when there is none.
        oldest_time_us: Its receive time, None when there is none.
        head: Last sequence ever committed.
        newest_time_us: Its receive time, None when there never was one.
        checkpoint: `latest` holds the newest record of each key up to here.
        payload_bytes: Payload of all events.
    """

    epoch: str
    oldest: int
    oldest_time_us: int | None
    head: int
    newest_time_us: int | None
    checkpoint: int
    payload_bytes: int


def load_state(connection: sqlite3.Connection) -> State:
    """Read the state at the checkpoint and count what came after it."""
    epoch, oldest, checkpoint, checkpoint_time_us, checkpoint_bytes = connection.execute(
        "SELECT epoch, oldest, checkpoint, checkpoint_time_us, payload_bytes FROM state"
    ).fetchone()
    last, last_time_us, later_bytes = connection.execute(
        "SELECT max(sequence), time_us, total(length(payload)) FROM events WHERE sequence > ?", (checkpoint,)
    ).fetchone()
    return State(
        epoch=epoch,
        oldest=oldest,
        oldest_time_us=_time_of(connection, oldest),
        head=checkpoint if last is None else last,
        newest_time_us=checkpoint_time_us if last is None else last_time_us,
        checkpoint=checkpoint,
        payload_bytes=checkpoint_bytes + int(later_bytes),
    )


def append(connection: sqlite3.Connection, state: State, records: Sequence[Record]) -> State:
    """Insert records; now and then fold them into `latest`.

    Those that are there already are passed over: a commit that reported an error may have happened all the same.
    """
    records = records[max(0, state.head + 1 - records[0].sequence) :] if records else records
    if not records:
        return state
    for statement, parameters in insert_statements(records):
        connection.execute(statement, parameters)
    empty = state.oldest > state.head
    state = replace(
        state,
        oldest_time_us=records[0].time_us if empty else state.oldest_time_us,
        head=records[-1].sequence,
        newest_time_us=records[-1].time_us,
        payload_bytes=state.payload_bytes + sum(len(record.payload) for record in records),
    )
    if state.head - state.checkpoint >= _CHECKPOINT_EVENTS:
        return _fold(connection, state)
    return state


def forget(connection: sqlite3.Connection, keys: Iterable[str], up_to: int) -> None:
    """Drop what keys had up to sequence `up_to` from what is kept beyond compaction."""
    rows = [(key, up_to) for key in keys]
    connection.executemany("DELETE FROM latest WHERE key = ? AND sequence <= ?", rows)
    connection.executemany("INSERT OR REPLACE INTO forgotten (key, sequence) VALUES (?, ?)", rows)


def compact(
    connection: sqlite3.Connection, state: State, *, before_us: int, retention_bytes: int, max_events: int
) -> State:
    """Delete the oldest events: those received before `before_us`, and as many as exceed `retention_bytes`.

    The newest record of each key has been copied to `latest` before its event goes.

    Args:
        connection: Within a write transaction.
        state: The present state.
        before_us: Microseconds since the Unix epoch.
        retention_bytes: The payload that may stay.
        max_events: Delete at most so many, so that commits need not wait long.

    Returns:
        The new state; the same when there was nothing to delete.
    """
    # The condition holds for a first part of the events and no longer, since times never fall and sums only grow.
    cut = connection.execute(
        "SELECT max(sequence) FROM ("
        " SELECT sequence, time_us, sum(bytes) OVER (ORDER BY sequence) - bytes AS bytes_before FROM ("
        "  SELECT sequence, time_us, length(payload) AS bytes FROM events ORDER BY sequence LIMIT ?))"
        " WHERE time_us < ? OR bytes_before < ?",
        (max_events, before_us, state.payload_bytes - retention_bytes),
    ).fetchone()[0]
    if cut is None:
        return state
    if cut > state.checkpoint:
        state = _fold(connection, state)
    freed = connection.execute("SELECT total(length(payload)) FROM events WHERE sequence <= ?", (cut,)).fetchone()[0]
    connection.execute("DELETE FROM events WHERE sequence <= ?", (cut,))
    state = replace(
        state,
        oldest=cut + 1,
        oldest_time_us=_time_of(connection, cut + 1),
        payload_bytes=state.payload_bytes - int(freed),
    )
    # The row is as of the checkpoint: what came after it is counted at open.
    later_bytes = connection.execute(
        "SELECT total(length(payload)) FROM events WHERE sequence > ?", (state.checkpoint,)
    ).fetchone()[0]
    connection.execute(
        "UPDATE state SET oldest = ?, payload_bytes = ?", (state.oldest, state.payload_bytes - int(later_bytes))
    )
    return state


def _fold(connection: sqlite3.Connection, state: State) -> State:
    """Bring `latest` up to the head."""
    connection.execute(
        f"INSERT OR REPLACE INTO latest ({COLUMNS}) SELECT {COLUMNS} FROM events WHERE sequence IN ("  # noqa: S608
        " SELECT max(sequence) FROM events WHERE sequence > ? AND key <> '' AND NOT EXISTS ("
        "  SELECT 1 FROM forgotten WHERE forgotten.key = events.key AND forgotten.sequence >= events.sequence)"
        " GROUP BY key)",
        (state.checkpoint,),
    )
    connection.execute("DELETE FROM forgotten")
    connection.execute(
        "UPDATE state SET checkpoint = ?, checkpoint_time_us = ?, payload_bytes = ?",
        (state.head, state.newest_time_us, state.payload_bytes),
    )
    return replace(state, checkpoint=state.head)


def _time_of(connection: sqlite3.Connection, sequence: int) -> int | None:
    row = connection.execute("SELECT time_us FROM events WHERE sequence = ?", (sequence,)).fetchone()
    return None if row is None else row[0]
