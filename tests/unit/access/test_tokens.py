"""Tokens in force, from a file that really changes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from gateway.access.token import digest_of
from gateway.access.tokens import Tokens
from gateway.access.tokens_file import TokensFileUnusable
from tests.support.leaks import no_tasks_beyond

ONE, OTHER = "cs_" + "1" * 43, "cs_" + "2" * 43
WITHIN = 10.0


def entry(token: str, *lines: str) -> str:
    """An entry of the file."""
    return "\n".join(["[[token]]", 'name = "x"', f'sha256 = "{digest_of(token)}"', 'scopes = ["admin"]', *lines, ""])


class Watched:
    """Tokens that keep up with their file, every few milliseconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1000.0
        self.readings = 0
        self.tokens = Tokens(path, interval=0.005, now=self._tell_time)
        self.changes = asyncio.Semaphore(0)

    def _tell_time(self) -> float:
        self.readings += 1
        return self.now

    async def read_again(self) -> None:
        """Returns after the file was read a few times more."""
        enough = self.readings + 5
        async with asyncio.timeout(WITHIN):
            while self.readings < enough:  # noqa: ASYNC110 - a reading that finds nothing new tells nobody
                await asyncio.sleep(0.001)

    async def changed(self) -> None:
        """Returns after a change that nobody has waited for yet."""
        async with asyncio.timeout(WITHIN):
            await self.changes.acquire()

    def knows(self, token: str) -> bool:
        """Whether a token is somebody's."""
        return self.tokens.by_token(token) is not None


@contextlib.asynccontextmanager
async def watched(path: Path) -> AsyncIterator[Watched]:
    """Tokens at work."""
    before = asyncio.all_tasks()
    found = Watched(path)
    task = asyncio.create_task(found.tokens.run(found.changes.release), name="tokens")
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])
        await no_tasks_beyond(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one token."""
    path = tmp_path / "tokens.toml"
    path.write_text(entry(ONE))
    return path


def write_over(path: Path, text: str) -> None:
    """As an editor that writes into the file."""
    path.write_text(text)


def write_same_size_and_time(path: Path, text: str) -> None:
    """As an edit that neither size nor time shows."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_file(path: Path, text: str) -> None:
    """As an editor that writes another file and moves it there."""
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def move_away(path: Path, there: Path) -> None:
    """As somebody who moves it."""
    path.rename(there)


def swap_link(path: Path, text: str) -> None:
    """As Kubernetes, which lets a link point at another folder."""
    folder = path.with_name("next")
    folder.mkdir()
    (folder / "tokens.toml").write_text(text)
    path.unlink(missing_ok=True)
    path.symlink_to(folder / "tokens.toml")


@pytest.mark.parametrize("change", [write_over, write_same_size_and_time, replace_file, swap_link])
async def test_a_change_takes_effect(path: Path, change: Callable[[Path, str], None]) -> None:
    """However a file is changed, its new tokens are known and its old ones are not, without a restart."""
    async with watched(path) as found:
        assert found.knows(ONE)
        change(path, entry(OTHER))
        await found.changed()
        assert found.knows(OTHER)
        assert not found.knows(ONE)


async def test_a_removed_client_is_nobody(path: Path) -> None:
    """Who was let in before is asked for again."""
    replace_file(path, entry(ONE) + entry(OTHER))
    async with watched(path) as found:
        client, other = found.tokens.by_token(ONE), found.tokens.by_token(OTHER)
        assert client is not None
        assert other is not None
        replace_file(path, entry(OTHER))
        await found.changed()
        assert found.tokens.now_of(client) is None
        assert found.tokens.now_of(other) == other


async def test_an_expired_client_is_told_of(path: Path) -> None:
    """When a token's time ends, nothing in the file has changed, and it is told all the same, once."""
    replace_file(path, entry(ONE, "not_after = 1970-01-01T00:20:00Z"))
    async with watched(path) as found:
        assert found.knows(ONE)
        found.now = 1200.0
        assert not found.knows(ONE)
        await found.changed()
        replace_file(path, entry(OTHER))
        await found.changed()
        assert found.knows(OTHER)
        await found.read_again()
        assert found.changes.locked()


@pytest.mark.parametrize("text", ["", "[[tok", entry(OTHER, "nonsense = 1")], ids=["empty", "half", "wrong"])
async def test_a_broken_file_keeps_the_tokens(path: Path, text: str) -> None:
    """The tokens of before stay, the log says once what is wrong, and the mended file takes effect."""
    async with watched(path) as found:
        with structlog.testing.capture_logs() as logged:
            replace_file(path, text)
            async with asyncio.timeout(WITHIN):
                while not logged:  # noqa: ASYNC110 - the log is what is waited for
                    await asyncio.sleep(0.001)
            await found.read_again()
            assert found.knows(ONE)
            replace_file(path, entry(OTHER))
            await found.changed()
        assert found.knows(OTHER)
    assert [line["event"] for line in logged] == ["tokens_file_unusable", "tokens_read"]
    assert str(path) in logged[0]["problem"]
    assert logged[0]["log_level"] == "error"


async def test_a_deleted_file_keeps_the_tokens(path: Path) -> None:
    """Deleting the file by mistake lets nobody in and locks nobody out; it may come back as it was."""
    kept = path.with_name("kept")
    async with watched(path) as found:
        with structlog.testing.capture_logs() as logged:
            move_away(path, kept)
            for event in ("tokens_file_unusable", "tokens_read"):
                async with asyncio.timeout(WITHIN):
                    while event not in {line["event"] for line in logged}:  # noqa: ASYNC110 - as above
                        await asyncio.sleep(0.001)
                assert found.knows(ONE)
                if event == "tokens_file_unusable":
                    move_away(kept, path)
    assert len(logged) == 2
    assert found.changes.locked()


def test_a_broken_file_at_the_start(path: Path) -> None:
    """There are no tokens of before that could stay."""
    replace_file(path, "[[tok")
    with pytest.raises(TokensFileUnusable):
        Tokens(path)


def test_no_token_is_logged(path: Path) -> None:
    """Not even its hash."""
    with structlog.testing.capture_logs() as logged:
        Tokens(path)
    assert logged == [{"event": "tokens_read", "log_level": "info", "path": str(path), "count": 1}]
