"""The tokens in force: read at the start, and again whenever their file changes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from gateway.access.client import Client
from gateway.access.tokens_file import TokensFileUnusable, parse_tokens, read_tokens_file

__all__ = ["Tokens"]

_INTERVAL: Final = 1.0

_log = structlog.get_logger(__name__)


class Tokens:
    """Who tokens and certificates belong to, now.

    The file is read every second as a whole rather than judged by its times, which some file systems keep too coarsely
    to show every change. While it is missing or broken the clients of before stay, and the log says so.
    """

    def __init__(self, path: Path, *, interval: float = _INTERVAL, now: Callable[[], float] = time.time) -> None:
        """Reads the file. Blocks: before anything is served.

        Args:
            path: The file.
            interval: Seconds between two readings.
            now: Seconds since the Unix epoch.

        Raises:
            TokensFileUnusable: The file can't be used as it is.
        """
        self._path = path
        self._interval = interval
        self._now = now
        self._content = read_tokens_file(path)
        self._book = parse_tokens(self._content, path)
        self._looked = now()
        self._problem = ""
        _log.info("tokens_read", path=str(path), count=len(self._book))

    def by_token(self, token: str) -> Client | None:
        """The client that a token belongs to; None for one that is unknown or has expired."""
        return self._book.by_token(token, self._now())

    def by_certificate(self, names: tuple[str, ...]) -> Client | None:
        """The client that a certificate belongs to; None for one that is unknown or has expired."""
        return self._book.by_certificate(names, self._now())

    def now_of(self, client: Client) -> Client | None:
        """What has become of a client that was found before: None if it is nobody any more."""
        return self._book.now_of(client, self._now())

    async def run(self, on_change: Callable[[], None]) -> None:
        """Keeps up with the file until cancelled.

        Args:
            on_change: Called when clients have come, gone, changed or expired.
        """
        while True:
            await asyncio.sleep(self._interval)
            if await self._changed():
                on_change()

    async def _changed(self) -> bool:
        before, self._looked = self._looked, self._now()
        try:
            # In a thread: a file system that hangs holds up nobody but this task.
            content = await asyncio.to_thread(read_tokens_file, self._path)
            changed = content != self._content
            if changed:
                self._book = parse_tokens(content, self._path)
                self._content = content
        except TokensFileUnusable as error:
            changed = False
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("tokens_file_unusable", problem=str(error), consequence="the clients of before stay")
        else:
            if changed or self._problem:
                _log.info("tokens_read", path=str(self._path), count=len(self._book))
            self._problem = ""
        return changed or self._book.expires_between(before, self._looked)
