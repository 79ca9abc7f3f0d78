"""The journal's tables, and how a database of an older version becomes one of this version."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.journal.errors import ForeignDatabase, NewerJournal

__all__ = ["APPLICATION_ID", "MIGRATIONS", "migrate", "refuse_foreign"]

APPLICATION_ID: Final = 0x63734A4C
"""Marks the file as ours ("csJL"), for `file` and against opening another program's database."""

_RECORD_COLUMNS: Final = """
    sequence INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    type INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    control_id TEXT NOT NULL,
    key TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    labels TEXT NOT NULL,
    payload BLOB NOT NULL
"""
"""Of version 1; later columns are in the steps below."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        f"CREATE TABLE events ({_RECORD_COLUMNS})",
        # The newest record of each key up to `state.checkpoint`. Ordered by sequence, so that the fold at the start
        # reads it in one sweep and a newer record of a key goes to the end.
        f"CREATE TABLE latest ({_RECORD_COLUMNS}, UNIQUE (key))",
        # Keys forgotten since the checkpoint: what they had up to `sequence` does not enter `latest`.
        "CREATE TABLE forgotten (key TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID",
        # One row, as of `checkpoint`: a commit adds events only; what came after the checkpoint is counted at open.
        """CREATE TABLE state (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            epoch TEXT NOT NULL,
            oldest INTEGER NOT NULL,
            checkpoint INTEGER NOT NULL,
            checkpoint_time_us INTEGER,
            payload_bytes INTEGER NOT NULL,
            clean INTEGER NOT NULL,
            boot TEXT NOT NULL
        )""",
        "INSERT INTO state VALUES (1, lower(hex(randomblob(8))), 1, 0, NULL, 0, 1, '')",
    ),
    # What is there already is of no context: a reader that is limited to some does not see it.
    tuple(f"ALTER TABLE {table} ADD COLUMN context TEXT NOT NULL DEFAULT ''" for table in ("events", "latest")),
)
"""Entry n holds the statements that lead from version n to version n + 1. Entries are only ever added."""


def refuse_foreign(connection: sqlite3.Connection, path: Path, supported: int = len(MIGRATIONS)) -> None:
    """Look before anything is changed: what is no journal, or one this program doesn't know, is left as it is.

    Raises:
        NewerJournal: It was written by a newer program.
        ForeignDatabase: It holds something else.
    """
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise ForeignDatabase(path)
    if version > supported:
        raise NewerJournal(path, version, supported)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring the database to the newest version, within the caller's transaction: all of it or nothing.

    Returns:
        The version it had; 0 for an empty file.
    """
    version = _pragma(connection, "user_version")
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    if version < len(migrations):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
