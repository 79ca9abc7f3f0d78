"""The resume state is private, whole, and worth nothing when it is not what was saved."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from gateway.journal.session_store import MemorySessionStore, SessionStore


@dataclass(frozen=True)
class State:
    """Has what the store asks for."""

    owner: str
    protocol: str
    authorization_state: str


STATE = State("project", "signalwire_x", "opaque:é")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state is kept."""
    return tmp_path / "session.json"


def test_what_is_saved_is_loaded_by_the_next_process(path: Path) -> None:
    """A store of its own reads what another wrote, and the last write counts."""
    SessionStore(path, State).save(State("old", "old", "old"))
    SessionStore(path, State).save(STATE)
    assert SessionStore(path, State).load() == STATE


def test_nothing_saved_is_nothing_and_none_forgets(path: Path) -> None:
    """Forgetting removes the file, also when there is none."""
    store = SessionStore(path, State)
    assert store.load() is None
    store.save(None)
    store.save(STATE)
    store.save(None)
    assert store.load() is None
    assert not list(path.parent.iterdir())


def test_nobody_else_may_read_it_whatever_the_umask(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has mode 0600 when it is made, before the first byte, and a leftover of a crash does not change that."""
    seen: list[int] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_mode)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    leftover = path.with_name("session.json.new")
    leftover.write_bytes(b"half")
    leftover.chmod(0o666)
    before = os.umask(0)
    try:
        SessionStore(path, State).save(STATE)
    finally:
        os.umask(before)
    files = [stat.S_IMODE(mode) for mode in seen if stat.S_ISREG(mode)]
    assert files == [0o600]
    assert [stat.S_ISDIR(mode) for mode in seen] == [False, True], "the file, then its name, are made durable"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"owner":1,"protocol":"","authorization_state":""}', b'{"else":"secret"}'],
)
def test_what_is_damaged_or_foreign_counts_as_absent_and_is_kept(path: Path, content: bytes) -> None:
    """A fresh session is better than none; the file is put aside, and the log does not quote it."""
    path.write_bytes(content)
    store = SessionStore(path, State)
    with structlog.testing.capture_logs() as logs:
        assert store.load() is None
    assert path.with_name("session.json.damaged-1").read_bytes() == content
    assert [entry["event"] for entry in logs] == ["session_state_damaged"]
    assert "secret" not in str(logs)
    assert store.load() is None


def test_a_write_that_fails_keeps_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old state stays, no half file is left, and the error is told."""
    store = SessionStore(path, State)
    store.save(STATE)

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        store.save(State("new", "new", "new"))
    assert store.load() == STATE
    assert list(path.parent.iterdir()) == [path]


def test_memory_keeps_it_for_the_process_only() -> None:
    """The variant without a data directory forgets with the object."""
    store: MemorySessionStore[State] = MemorySessionStore()
    assert store.load() is None
    store.save(STATE)
    assert store.load() == STATE
    assert MemorySessionStore[State]().load() is None
