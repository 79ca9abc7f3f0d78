"""Whether a journal's file can be trusted: looked at once, when it is opened."""

import sqlite3
import uuid
from pathlib import Path

__all__ = ["Damaged", "check", "is_damage", "mark_open"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_PRIMARY_CODE = 0xFF
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Damaged(Exception):
    """The file can't be trusted; the message says what was found."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself wrong, rather than the disk, the permissions or the statement."""
    # Python leaves the code out of errors that it raises itself.
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _DAMAGE_CODES


def check(connection: sqlite3.Connection, *, thorough_below_bytes: int) -> None:
    """Compare what the tables say of each other; read every page when the last process did not close the journal.

    Args:
        connection: Within a transaction.
        thorough_below_bytes: A database smaller than this is read in full in any case.

    Raises:
        Damaged: It can't be trusted.
        sqlite3.DatabaseError: SQLite itself found damage (see `is_damage`).
    """
    state = connection.execute("SELECT oldest, checkpoint, clean FROM state").fetchone()
    if state is None:
        raise Damaged("the state is missing")
    oldest, checkpoint, clean = state
    # Two subqueries: SQLite takes each from an end of the table, while min and max in one query read all of it.
    first, last = connection.execute(
        "SELECT (SELECT min(sequence) FROM events), (SELECT max(sequence) FROM events)"
    ).fetchone()
    if first is None:
        first, last = checkpoint + 1, checkpoint
    if first != oldest or last < checkpoint:
        raise Damaged(f"events {first}…{last} are there, {oldest}…{checkpoint} should be")
    if clean and _size(connection) >= thorough_below_bytes:
        return
    findings = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if findings != ["ok"]:
        raise Damaged("; ".join(findings))
    count = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    if count != last - first + 1:
        raise Damaged(f"{last - first + 1 - count} events are missing among {first}…{last}")


def mark_open(connection: sqlite3.Connection, *, loses_commits_with_power: bool) -> None:
    """Note that the journal is in use, and begin a new epoch if commits that were announced may be gone.

    With `synchronous=NORMAL` a loss of power can take the last commits. Their sequences will be given to other events,
    so a cursor of before must not pass as a cursor of now. When the process died but the machine did not restart, the
    kernel still had everything.
    """
    boot = _boot_id() if loses_commits_with_power else ""
    connection.execute(
        "UPDATE state SET epoch = lower(hex(randomblob(8))) WHERE clean = 0 AND boot <> '' AND boot <> ?", (_boot_id(),)
    )
    connection.execute("UPDATE state SET clean = 0, boot = ?", (boot,))


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # Not Linux: take every start for a start of the machine.
        return uuid.uuid4().hex


def _size(connection: sqlite3.Connection) -> int:
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return pages * page_bytes
