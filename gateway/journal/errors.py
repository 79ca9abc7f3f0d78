"""Why a journal can't be opened. These end the start of the process; clients never meet them.

::

    OpenFailed
    ├── DataDirInUse      another gateway has the data directory
    ├── NewerJournal      the journal was written by a newer version
    └── ForeignDatabase   the file is a database of another program
"""

from pathlib import Path

__all__ = ["DataDirInUse", "ForeignDatabase", "NewerJournal", "OpenFailed"]


class OpenFailed(Exception):
    """The journal at `path` can't be opened; the message says what to do."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(message)


class DataDirInUse(OpenFailed):
    """Another process holds the data directory; `pid` is its process id, None if it did not say."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.pid = pid
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(path, f"data directory {path} is in use by {who}: stop it, or use another directory")


class NewerJournal(OpenFailed):
    """The journal has schema `version`, this program knows up to `supported`."""

    def __init__(self, path: Path, version: int, supported: int) -> None:
        self.version = version
        self.supported = supported
        super().__init__(
            path,
            f"{path} has schema version {version}, this callstream knows versions up to {supported}: "
            "run the newer callstream, or use another data directory",
        )


class ForeignDatabase(OpenFailed):
    """The file is a good SQLite database, but not a journal; it is left untouched."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"{path} is a database of another program: use another data directory")
