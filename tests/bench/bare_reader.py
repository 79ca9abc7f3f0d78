"""What anybody needs to read a journal's events: SQLite, and nothing else.

python -m tests.bench.bare_reader JOURNAL
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.commands import obey

_STEP = 1_024


class Reader:
    """One connection."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    async def read(self) -> Mapping[str, Any]:
        """Every event's payload, in order, a step at a time as somebody would who sends them on."""
        began = time.monotonic()
        count = size = after = 0
        while rows := self._connection.execute(
            "SELECT sequence, payload FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, _STEP)
        ).fetchall():
            count += len(rows)
            size += len(b"".join([row[1] for row in rows]))
            after = rows[-1][0]
        return {"count": count, "bytes": size, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    asyncio.run(obey({"read": Reader(sys.argv[1]).read}))
