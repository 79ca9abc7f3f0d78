"""Writing an entry of the tokens file."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.access.tokens_file import parse_tokens

__all__ = ["Entry", "add_entry"]

_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry of the file says. Empty members are left out."""

    name: str
    sha256: str
    scopes: Sequence[str]
    contexts: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stream_hosts: Sequence[str] = ()
    status_hosts: Sequence[str] = ()
    not_after: datetime | None = None

    def __str__(self) -> str:
        lines = ["[[token]]", f"name = {_text(self.name)}", f"sha256 = {_text(self.sha256)}"]
        lists = {
            "scopes": self.scopes,
            "contexts": self.contexts,
            "stream_hosts": self.stream_hosts,
            "status_hosts": self.status_hosts,
        }
        lines += [f"{key} = [{', '.join(map(_text, texts))}]" for key, texts in lists.items() if texts]
        if self.labels:
            pairs = (f"{_text(name)} = {_text(value)}" for name, value in self.labels.items())
            lines.append(f"labels = {{ {', '.join(pairs)} }}")
        if self.not_after is not None:
            lines.append(f"not_after = {self.not_after.isoformat(timespec='seconds')}")
        return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Text as TOML writes it, which for what has no control characters is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def add_entry(path: Path, entry: Entry) -> None:
    """Adds an entry to a file, which is made as needed, with mode 0600.

    The file is replaced as a whole, so a gateway that reads it meanwhile sees it with the entry or without. Blocks.

    Raises:
        TokensFileUnusable: The file, or the entry, is not as it should be. Nothing was written.
        OSError: The file can't be written.
    """
    path = Path(os.path.realpath(path))
    with _turn(path.parent):
        before = path.read_bytes() if path.exists() else b""
        if before:
            parse_tokens(before, path)
        gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
        content = before + gap + str(entry).encode()
        parse_tokens(content, path)
        _replace(path, content)


@contextlib.contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """One process at a time: of two that replace a file, one would undo what the other did."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            _keep_rights(path, file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink()
        raise


def _keep_rights(path: Path, descriptor: int) -> None:
    """Whoever could read the file before still can: it may be the gateway's, under another user."""
    try:
        before = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _MODE)
        return
    os.fchmod(descriptor, before.st_mode & 0o777)
    if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
