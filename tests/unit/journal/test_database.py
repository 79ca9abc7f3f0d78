"""Opening the file: private, sound or set aside, and never someone else's."""

# ruff: noqa: ASYNC240 - small files on a local disk, and nothing else waits for the loop

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from gateway.domain.errors import JournalUnavailable
from gateway.journal.errors import ForeignDatabase, NewerJournal, OpenFailed
from gateway.journal.sqlite import SqliteJournal
from tests.support.journal_records import record, records

Open = Callable[..., SqliteJournal]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The journal's file in the test's directory."""
    return tmp_path / "data" / "journal.db"


async def _written(open_one: Open, last: int = 200, **options: object) -> str:
    """Write a journal, close it, return its epoch."""
    journal = open_one(**options)
    journal.append(records(1, last, key="k", payload=bytes(500)))
    await journal.committed(last)
    await journal.close()
    return journal.epoch


def _overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def _sql(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


async def test_everything_is_for_the_owner_only(open_one: Open, file: Path) -> None:
    """The directory, the database, its WAL and its shared memory."""
    journal = open_one()
    journal.append([record(1)])
    await journal.committed(1)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert modes == {"lock": 0o600, "journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert journal.stats().disk_bytes >= 4096
    assert journal.stats().path == str(file)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 100), "not a database"),
        (lambda path: _overwrite(path, 0, bytes(100)), "not a database"),
        (lambda path: _overwrite(path, 4096 * 5, b"\xff" * 4096 * 3), ""),
        (lambda path: path.write_bytes(path.read_bytes()[: 4096 * 9]), ""),
        (lambda path: _sql(path, "DELETE FROM events WHERE sequence = 50"), "1 events are missing among 1…200"),
        (lambda path: _sql(path, "DELETE FROM events WHERE sequence < 50"), "events 50…200 are there, 1…0 should be"),
        (lambda path: _sql(path, "DELETE FROM state"), "the state is missing"),
    ],
)
async def test_a_damaged_journal_is_set_aside_and_a_new_one_begun(
    open_one: Open, file: Path, damage: Callable[[Path], object], found: str
) -> None:
    """The damaged copy is kept as it was, the new journal is empty and of a new epoch, and the log is loud about it."""
    epoch = await _written(open_one)
    damage(file)
    with structlog.testing.capture_logs() as logs:
        journal = open_one()
    assert journal.epoch != epoch
    assert (journal.head, journal.oldest) == (0, 1)
    aside = file.with_name("journal.db.damaged-1")
    assert aside.exists()
    (entry,) = [entry for entry in logs if entry["event"] == "journal_damaged"]
    assert entry["log_level"] == "error"
    assert entry["kept_as"] == str(aside)
    assert found in entry["found"]
    journal.append([record(1)])
    await journal.committed(1)
    await journal.close()
    assert open_one().head == 1


async def test_damage_met_while_running_is_looked_for_at_the_next_open(
    open_one: Open, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that meets a broken page fails alone; the close does not call the journal clean: the next open checks."""
    monkeypatch.setattr("gateway.journal.database._CHECK_ALWAYS_BYTES", 0)
    epoch = await _written(open_one, 5000)
    _overwrite(file, 4096 * 8, b"\xff" * 4096 * 12)
    journal = open_one(tail_records=0)
    assert journal.epoch == epoch, "a journal that was closed in order is not read in full when it is large"
    with pytest.raises(JournalUnavailable, match=r"can't be read: .*malformed"):
        await journal.read(0, max_records=5000)
    await journal.close()
    assert open_one().epoch != epoch


async def test_a_large_journal_is_read_in_full_after_an_unclean_end(
    open_one: Open, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy taken from a running journal is one that was never closed: it is checked, and good."""
    monkeypatch.setattr("gateway.journal.database._CHECK_ALWAYS_BYTES", 0)
    journal = open_one()
    journal.append(records(1, 200, payload=bytes(500)))
    await journal.committed(200)
    copy = tmp_path / "copy"
    await asyncio.to_thread(shutil.copytree, file.parent, copy)
    recovered = open_one(copy)
    assert (recovered.epoch, recovered.head) == (journal.epoch, 200)
    await recovered.close()
    broken = tmp_path / "broken"
    await journal.close()
    await asyncio.to_thread(shutil.copytree, file.parent, broken)
    _sql(broken / "journal.db", "UPDATE state SET clean = 0")
    _overwrite(broken / "journal.db", 4096 * 8, b"\xff" * 4096 * 12)
    assert open_one(broken).epoch != journal.epoch


async def test_a_torn_wal_loses_what_was_not_committed_only(open_one: Open, file: Path, tmp_path: Path) -> None:
    """Half a transaction at the end of the WAL, as a crash leaves it, is dropped; all before it is there."""
    journal = open_one()
    journal.append(records(1, 10))
    await journal.committed(10)
    copy = tmp_path / "copy"
    await asyncio.to_thread(shutil.copytree, file.parent, copy)
    wal = copy / "journal.db-wal"
    content = wal.read_bytes()
    wal.write_bytes(content + content[32 : 32 + 3000])
    (copy / "journal.db-shm").unlink()
    recovered = open_one(copy)
    assert (recovered.epoch, recovered.head) == (journal.epoch, 10)
    assert list((await recovered.read(0)).records) == records(1, 10)


async def test_a_newer_journal_is_refused_and_untouched(open_one: Open, file: Path) -> None:
    """Nothing is moved, nothing changed, and the directory is free again."""
    await _written(open_one)
    _sql(file, "PRAGMA user_version = 99")
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(NewerJournal, match="run the newer callstream"):
            open_one()
    assert file.read_bytes() == before


async def test_another_programs_database_is_refused_and_untouched(open_one: Open, file: Path) -> None:
    """It is not even switched to WAL mode."""
    file.parent.mkdir()
    _sql(file, "CREATE TABLE theirs (x)")
    before = file.read_bytes()
    with pytest.raises(ForeignDatabase, match="use another data directory"):
        open_one()
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["journal.db", "lock"]


async def test_what_cannot_be_opened_is_told(open_one: Open, file: Path) -> None:
    """A directory in the file's place, or a lock that someone holds, is neither damage nor ours to move."""
    file.mkdir(parents=True)
    with pytest.raises(OpenFailed, match=r"can't be opened: .*Is a directory"):
        open_one()
    file.rmdir()
    await _written(open_one)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OpenFailed, match="can't be opened: database is locked"):
        open_one()
    other.close()
    assert open_one().head == 200


@pytest.mark.parametrize(
    ("synchronous", "restarted", "unclean", "same_epoch"),
    [
        ("FULL", True, True, True),
        ("NORMAL", False, True, True),
        ("NORMAL", True, False, True),
        ("NORMAL", True, True, False),
    ],
)
async def test_an_epoch_ends_where_announced_commits_may_be_gone(
    open_one: Open,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    synchronous: str,
    restarted: bool,
    unclean: bool,
    same_epoch: bool,
) -> None:
    """Only NORMAL, an unclean end and another boot together mean that a cursor may point to what others now are."""
    monkeypatch.setattr("gateway.journal.integrity._BOOT_ID", tmp_path / "boot")
    (tmp_path / "boot").write_text("first\n")
    epoch = await _written(open_one, synchronous=synchronous)
    if unclean:
        boot = "first" if synchronous == "NORMAL" else ""
        _sql(file, f"UPDATE state SET clean = 0, boot = '{boot}'")  # noqa: S608 - the test's own words
    if restarted:
        (tmp_path / "boot").unlink()
    journal = open_one(synchronous=synchronous)
    assert (journal.epoch == epoch) is same_epoch
    assert journal.head == 200, "the records are kept either way"
