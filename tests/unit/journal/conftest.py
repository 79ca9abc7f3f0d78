"""Journals that are closed at the end of a test, with no thread left behind."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import SqliteJournal, open_journal
from tests.support.journal_records import NOW_US

Open = Callable[..., SqliteJournal]


@pytest.fixture
async def open_one(tmp_path: Path) -> AsyncIterator[Open]:
    """Open journals in the test's directory (or where told), at the time of the records, closed after the test."""
    opened: list[SqliteJournal] = []

    def open_one(directory: Path | None = tmp_path / "data", *, at: int = NOW_US, **options: object) -> SqliteJournal:
        journal = open_journal(directory, JournalOptions(**options), now_us=lambda: at)  # type: ignore[arg-type]
        opened.append(journal)
        return journal

    yield open_one
    for journal in opened:
        await journal.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("journal")]
