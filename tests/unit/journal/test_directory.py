"""One gateway per data directory, and nothing in it for others to read."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.journal.directory import DirectoryLock, make_private_directory, make_private_file, move_aside
from gateway.journal.errors import DataDirInUse, OpenFailed

HOLDER = """
import sys
from pathlib import Path
from gateway.journal.directory import DirectoryLock
lock = DirectoryLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_missing_directories_are_made_for_the_owner_only(tmp_path: Path) -> None:
    """Each directory that was missing is private; those that were there keep their mode."""
    tmp_path.chmod(0o755)
    make_private_directory(tmp_path / "a" / "b")
    make_private_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    """The error says which path can't be a data directory."""
    make_private_file(tmp_path / "file")
    with pytest.raises(OpenFailed, match=r"file is not a directory"):
        make_private_directory(tmp_path / "file")
    with pytest.raises(OpenFailed, match=r"below can't be made: Not a directory"):
        make_private_directory(tmp_path / "file" / "below")
    with pytest.raises(OpenFailed, match="can't be written: No such file"):
        DirectoryLock.acquire(tmp_path / "missing")


def test_a_second_process_is_told_who_has_the_directory(tmp_path: Path) -> None:
    """The lock names the process that holds it, and dies with it."""
    with subprocess.Popen(  # noqa: S603 - this interpreter and our own program
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirInUse, match=f"is in use by process {holder.pid}: stop it") as caught:
            DirectoryLock.acquire(tmp_path)
        assert caught.value.pid == holder.pid
        holder.kill()
    DirectoryLock.acquire(tmp_path).release()


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    """Two journals of one process are two gateways to the directory; what the file says is only for people."""
    lock = DirectoryLock.acquire(tmp_path)
    (tmp_path / "lock").write_text("nonsense")
    with pytest.raises(DataDirInUse, match="is in use by another process") as caught:
        DirectoryLock.acquire(tmp_path)
    assert caught.value.pid is None
    lock.release()
    lock.release()
    DirectoryLock.acquire(tmp_path).release()


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock two gateways would write one journal."""

    def flock(*_: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(OpenFailed, match="can't be locked: Operation not supported"):
        DirectoryLock.acquire(tmp_path)


def test_damaged_files_get_a_number_and_keep_their_companions(tmp_path: Path) -> None:
    """The second one does not replace the first, and each copy can be opened with its WAL."""
    for number in (1, 2):
        (tmp_path / "x.db").write_text(f"{number}")
        (tmp_path / "x.db-wal").write_text(f"wal {number}")
        assert move_aside(tmp_path / "x.db", "-wal", "-shm").name == f"x.db.damaged-{number}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.db.damaged-1",
        "x.db.damaged-1-wal",
        "x.db.damaged-2",
        "x.db.damaged-2-wal",
    ]
    assert (tmp_path / "x.db.damaged-2-wal").read_text() == "wal 2"
