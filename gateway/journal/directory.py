"""The data directory: made private, locked against a second gateway, damaged files kept aside."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self

from gateway.journal.errors import DataDirInUse, OpenFailed

__all__ = ["DirectoryLock", "make_private_directory", "make_private_file", "move_aside", "sync_directory"]

LOCK_NAME = "lock"


class DirectoryLock:
    """Holds a data directory for this process.

    The kernel lets go of the lock when the process dies, however it dies, so a stale lock file never stands in the way.
    The file stays: removing it would let two processes lock two different files of the same name.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Lock `directory`, which exists.

        Raises:
            DataDirInUse: Another process (or another journal of this one) has it.
            OpenFailed: The lock file can't be made.
        """
        try:
            descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OpenFailed(directory, f"data directory {directory} can't be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).strip()
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise OpenFailed(directory, f"data directory {directory} can't be locked: {error.strerror}") from error
            raise DataDirInUse(directory, int(holder) if holder.isdigit() else None) from error
        # A full disk must not keep the lock from being taken: the process id is only for people.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def make_private_directory(directory: Path) -> None:
    """Make `directory` and what is missing above it, for the owner only. One that is there stays as it is.

    Raises:
        OpenFailed: It can't be made, or something else has its name.
    """
    try:
        for missing in [d for d in reversed((directory, *directory.parents)) if not d.exists()]:
            missing.mkdir(mode=0o700, exist_ok=True)
        if not directory.is_dir():
            raise OpenFailed(directory, f"data directory {directory} is not a directory")
    except OSError as error:
        raise OpenFailed(directory, f"data directory {directory} can't be made: {error.strerror}") from error


def make_private_file(path: Path) -> None:
    """Make `path` as an empty file for the owner only, unless it is there: SQLite gives its WAL the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def move_aside(path: Path, *suffixes: str) -> Path:
    """Rename a damaged file to `<name>.damaged-<n>`, along with its companions `<name><suffix>`.

    Returns:
        The new name of the file; companions have it with their suffix, so that the copy can be opened and examined.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in suffixes:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    sync_directory(path.parent)
    return aside


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
