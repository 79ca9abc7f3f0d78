"""What was announced as committed is there after kill -9."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.journal.sqlite import SqliteJournal
from tests.support.journal_records import record

Open = Callable[..., SqliteJournal]

WRITER = """
import asyncio, sys
import structlog
from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import open_journal
from tests.support.journal_records import NOW_US, record

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    options = JournalOptions(synchronous=sys.argv[2], retention_bytes=int(sys.argv[3]))
    journal = open_journal(sys.argv[1], options, now_us=lambda: NOW_US)
    while True:
        await journal.capacity()
        first = journal.last_sequence + 1
        size = first % 50 + 1
        given = [record(n, key=f"k{n % 100}", payload=b"%d" % n * 50) for n in range(first, first + size)]
        journal.append(given, lambda last=given[-1].sequence: print(last, flush=True))
        await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
@pytest.mark.parametrize("retention_bytes", [1 << 30, 100_000])
async def test_what_was_announced_survives_kill_9(
    open_one: Open, tmp_path: Path, synchronous: str, retention_bytes: int
) -> None:
    """Killed again and again in full work, with compaction or without, a journal has all it ever announced, whole."""
    epochs = set()
    announced = 0
    for round_number in range(3):
        with subprocess.Popen(  # noqa: S603, ASYNC220 - this interpreter; the test has nothing else to do
            [sys.executable, "-c", WRITER, str(tmp_path / "data"), synchronous, str(retention_bytes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[3],
        ) as process:
            assert process.stdout is not None
            try:
                for _ in range(150 + 37 * round_number):
                    announced = int(process.stdout.readline())
            finally:
                process.kill()
            rest = process.stdout.read().split(b"\n")[:-1]
            announced = int(rest[-1]) if rest else announced
        journal = open_one()
        epochs.add(journal.epoch)
        assert journal.head >= announced
        position = journal.oldest - 1
        while position < journal.head:
            batch = await journal.read(position)
            for found in batch.records:
                position += 1
                assert found == record(position, key=f"k{position % 100}", payload=b"%d" % position * 50)
        newest = [r.sequence for r in journal.load_latest()]
        assert newest == list(range(journal.head - 99, journal.head + 1))
        await journal.close()
    assert len(epochs) == 1
