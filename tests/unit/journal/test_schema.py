"""Databases of older versions become of this version; newer and foreign ones are left alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.journal.errors import ForeignDatabase, NewerJournal
from gateway.journal.record import Record
from gateway.journal.rows import COLUMNS, to_record
from gateway.journal.schema import APPLICATION_ID, MIGRATIONS, migrate, refuse_foreign

PATH = Path("journal.db")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def test_an_empty_database_becomes_a_journal(connection: sqlite3.Connection) -> None:
    """It gets our mark, the newest version and an epoch; a second time changes nothing."""
    refuse_foreign(connection, PATH)
    assert migrate(connection) == 0
    (epoch,) = connection.execute("SELECT epoch FROM state").fetchone()
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert migrate(connection) == _version(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT epoch FROM state").fetchone() == (epoch,)
    refuse_foreign(connection, PATH)


def test_an_older_journal_takes_only_the_steps_it_lacks(connection: sqlite3.Connection) -> None:
    """What it holds is kept, and the next version's statements are applied to it."""
    migrate(connection)
    connection.execute("UPDATE state SET epoch = 'of before'")
    newer = (*MIGRATIONS, ("ALTER TABLE events ADD COLUMN note TEXT NOT NULL DEFAULT ''",))
    assert migrate(connection, newer) == len(MIGRATIONS)
    assert _version(connection) == len(newer)
    assert connection.execute("SELECT epoch FROM state").fetchone() == ("of before",)
    assert connection.execute("SELECT note FROM events").fetchall() == []


def test_a_journal_of_version_1_is_of_no_context(connection: sqlite3.Connection) -> None:
    """Records of before contexts were kept are kept, and are of none, so that nobody sees more than is known."""
    migrate(connection, MIGRATIONS[:1])
    for table in ("events", "latest"):
        connection.execute(f"INSERT INTO {table} VALUES (1, 'e', 1, 'c', 's', 'k', 1, '', x'00')")  # noqa: S608
    assert migrate(connection) == 1
    for table in ("events", "latest"):
        (row,) = connection.execute(f"SELECT {COLUMNS} FROM {table}").fetchall()  # noqa: S608
        assert to_record(row) == Record(1, "e", 1, "c", "s", "k", 1, {}, b"\x00", context="")


def test_a_migration_that_fails_half_way_is_undone_with_its_transaction(connection: sqlite3.Connection) -> None:
    """The version is part of the transaction: after a crash the steps are simply taken again."""
    migrate(connection)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        migrate(connection, (*MIGRATIONS, ("CREATE TABLE extra (x)", "DROP TABLE missing")))
    connection.execute("ROLLBACK")
    assert _version(connection) == len(MIGRATIONS)
    assert migrate(connection, (*MIGRATIONS, ("CREATE TABLE extra (x)",))) == len(MIGRATIONS)


def test_a_newer_journal_is_refused_with_both_versions(connection: sqlite3.Connection) -> None:
    """An older program can't know what it would break."""
    migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(
        NewerJournal, match=r"journal.db has schema version 99, this callstream knows versions up to"
    ) as e:
        refuse_foreign(connection, PATH)
    assert (e.value.version, e.value.supported) == (99, len(MIGRATIONS))


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (x)", "PRAGMA application_id = 5", "PRAGMA user_version = 1"]
)
def test_another_programs_database_is_refused(connection: sqlite3.Connection, statement: str) -> None:
    """Any sign of someone else's content is enough."""
    connection.execute(statement)
    with pytest.raises(ForeignDatabase, match=r"journal\.db is a database of another program"):
        refuse_foreign(connection, PATH)
