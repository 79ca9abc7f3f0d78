"""SQLite connections: one to write, one per reading thread, each transaction explicit."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog

from gateway.journal.directory import make_private_file, move_aside
from gateway.journal.errors import OpenFailed
from gateway.journal.integrity import Damaged, check, is_damage, mark_open
from gateway.journal.options import Synchronous
from gateway.journal.schema import migrate, refuse_foreign
from gateway.journal.writes import State, load_state

__all__ = ["MEMORY", "Database", "open_database"]

MEMORY = ":memory:"

_COMPANIONS = ("-wal", "-shm")
_BUSY_TIMEOUT_S = 1.0
_WRITER_CACHE_KIB = 16_384
_WAL_KEPT_BYTES = 64 << 20
_CHECK_ALWAYS_BYTES = 32 << 20

_log = structlog.get_logger(__name__)


class Database:
    """The connections of one journal.

    On disk readers have connections of their own and see a snapshot (WAL), whatever the writer does. In memory there is
    one connection, and a lock lets one transaction at a time use it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._writer = _connect(path)
        self._reader = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._damaged = False
        self._turn: contextlib.AbstractContextManager[object] = contextlib.nullcontext() if path else threading.Lock()

    def prepare(self, synchronous: Synchronous) -> State:
        """Make it a journal of this version, checked, and marked as open until `close_cleanly`.

        Raises:
            Damaged: It can't be trusted.
            OpenFailed: It is not a journal, or a newer one.
            sqlite3.Error: It can't be read or written.
        """
        refuse_foreign(self._writer, self.path or Path(MEMORY))
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute(f"PRAGMA synchronous = {synchronous}")
        self._writer.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
        self._writer.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        self._writer.execute("PRAGMA temp_store = MEMORY")
        with self.writing() as connection:
            migrate(connection)
            check(connection, thorough_below_bytes=_CHECK_ALWAYS_BYTES)
            mark_open(connection, loses_commits_with_power=synchronous == "NORMAL")
            return load_state(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end, rolled back when anything fails."""
        with self._turn, self._noting_damage():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                # SQLite may have rolled back by itself (disk full, I/O error); then there is nothing to undo.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: all that is read within is of one moment."""
        with self._turn, self._noting_damage():
            connection = self._connection_of_this_thread()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._damaged = self._damaged or is_damage(error)
            raise

    def _connection_of_this_thread(self) -> sqlite3.Connection:
        if self.path is None:
            return self._writer
        connection: sqlite3.Connection | None = getattr(self._reader, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            self._reader.connection = connection
            self._readers.append(connection)
        return connection

    def disk_bytes(self) -> int:
        """Size of the database and its WAL now; 0 in memory."""
        if self.path is None:
            return 0
        total = 0
        for name in (self.path.name, self.path.name + "-wal"):
            with contextlib.suppress(FileNotFoundError):
                total += self.path.with_name(name).stat().st_size
        return total

    def close(self) -> None:
        """Close all connections; the last one moves the WAL into the database. No transaction may be under way."""
        for connection in (*self._readers, self._writer):
            connection.close()
        self._readers.clear()

    def close_cleanly(self) -> None:
        """Close, and spare the next open the long check, unless damage was met. A disk that refuses costs only that."""
        if not self._damaged:
            with contextlib.suppress(sqlite3.Error), self.writing() as connection:
                connection.execute("UPDATE state SET clean = 1")
        self.close()


def open_database(path: Path | None, synchronous: Synchronous) -> tuple[Database, State]:
    """Open the journal's database, made or migrated as needed. A damaged one is moved aside and a new one begun.

    Args:
        path: The file, in a directory that is there; None for a database in memory.
        synchronous: See `JournalOptions`.

    Raises:
        OpenFailed: It can't be opened (permissions, I/O), is of a newer version or is not a journal.
    """
    try:
        if path is None:
            return _open_sound(None, synchronous)
        try:
            return _open_sound(path, synchronous)
        except Damaged as damage:
            aside = move_aside(path, *_COMPANIONS)
            _log.exception("journal_damaged", path=str(path), kept_as=str(aside), found=str(damage), new_epoch=True)
        return _open_sound(path, synchronous)
    except (sqlite3.Error, OSError) as error:
        raise OpenFailed(path or Path(MEMORY), f"journal {path} can't be opened: {error}") from error


def _open_sound(path: Path | None, synchronous: Synchronous) -> tuple[Database, State]:
    if path is not None:
        make_private_file(path)
    database = Database(path)
    with contextlib.ExitStack() as undo:
        undo.callback(database.close)
        try:
            state = database.prepare(synchronous)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise Damaged(str(error)) from error
            raise
        undo.pop_all()
    return database, state


def _connect(path: Path | None) -> sqlite3.Connection:
    # One thread opens, another writes, and the writer closes what readers opened: each connection is used by one thread
    # at a time, which `check_same_thread` can't express.
    return sqlite3.connect(
        MEMORY if path is None else path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
