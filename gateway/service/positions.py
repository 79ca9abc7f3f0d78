"""Where a watch or a page of history begins: start conditions and cursors as sequences of the journal."""

from gateway.domain.errors import CursorAhead, CursorCompacted, EpochChanged
from gateway.journal.base import Journal
from gateway.service.cursor import Cursor, encode_cursor
from gateway.service.validation.queries import AfterCursor, FromNow, FromOldest, FromTime, Start

__all__ = ["cursor_at", "position_of"]


def cursor_at(journal: Journal, sequence: int) -> str:
    """The cursor after a sequence."""
    return encode_cursor(Cursor(journal.epoch, sequence))


async def position_of(journal: Journal, start: Start) -> int:
    """The sequence after which to begin.

    Raises:
        EpochChanged: The cursor is of another journal.
        CursorCompacted: Events after the cursor are gone.
        CursorAhead: The cursor lies beyond the newest event.
    """
    match start:
        case FromNow():
            return journal.head
        case FromOldest():
            return journal.oldest - 1
        case FromTime(time_us):
            return await journal.sequence_before(time_us)
        case AfterCursor(cursor):
            if cursor.epoch != journal.epoch:
                raise EpochChanged(cursor.epoch, journal.epoch)
            if cursor.sequence > journal.head:
                raise CursorAhead(cursor.sequence, journal.head)
            if cursor.sequence < journal.oldest - 1:
                raise CursorCompacted(cursor.sequence, journal.oldest)
            return cursor.sequence
