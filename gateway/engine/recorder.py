"""Turns decisions into events: gives them their place, encodes them once, journals them and folds them.

The registry is folded as events are appended, a moment before they are durable, so that each decision sees all former
ones. Nobody outside is told before the commit: acknowledgements, watches and waiters follow the journal.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from gateway.domain.events import Draft, Event, Subject, key_of
from gateway.domain.identifiers import random_hex
from gateway.domain.registry import Registry
from gateway.engine.changes import Changes
from gateway.engine.clock import Clock
from gateway.journal.base import Journal
from gateway.journal.record import Record

__all__ = ["DEDUPLICATION_WINDOW", "EventCodec", "Origin", "Recorder"]

DEDUPLICATION_WINDOW = 1 << 17
"""How many of the newest event ids are remembered. RELAY sends again what was not acknowledged, so the window has to be
larger than what can be on its way at once; the journal's backlog bounds that far below it."""


class EventCodec(Protocol):
    """How events become the bytes of the contract, and back."""

    def encode(self, event: Event, context: str) -> Record:
        """The event as the journal keeps it; `context` is that of its call, or ""."""
        ...

    def decode(self, record: Record) -> Event:
        """The event again."""
        ...


class Origin(msgspec.Struct, frozen=True):
    """What of RELAY's stands behind a decision."""

    event_id: str
    event_type: str
    time: int = 0
    params: bytes = b""


def _new_id() -> str:
    """The id of an event that is not RELAY's: 128 random bits."""
    return f"gw-{random_hex(16)}"


class Recorder:
    """The only writer of the journal and of the registry."""

    def __init__(self, journal: Journal, codec: EventCodec, clock: Clock) -> None:
        self.registry = Registry()
        self.changes = Changes()
        self.clock = clock
        self.duplicates = 0
        """Events of RELAY that were dropped because they had come before."""
        self._journal = journal
        self._codec = codec
        self._recent: dict[str, None] = {}
        self._observers: list[Callable[[Event], None]] = []

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Tells somebody of each new event as it is decided, in the context of what caused it; it must not raise."""
        self._observers.append(observer)

    def load(self) -> None:
        """Rebuilds the registry and the memory of event ids from the journal. Blocks: for the start."""
        for record in self._journal.load_latest():
            self.registry.apply(self._codec.decode(record))
        for event_id in self._journal.recent_event_ids(DEDUPLICATION_WINDOW):
            self._recent[event_id] = None
        self.clock.not_before(self._journal.stats().newest_time_us or 0)

    def is_known(self, event_id: str) -> bool:
        """Whether an event of RELAY has come before; counts it if so. One without an id never has."""
        known = event_id in self._recent
        self.duplicates += known
        return known

    def stamp(self, drafts: Sequence[Draft], origin: Origin | None = None, now: int | None = None) -> list[Record]:
        """Makes records of drafts and folds them. They must be given to `append` before anything else is stamped.

        Args:
            drafts: The last one is what RELAY reported, those before it follow from it.
            origin: What RELAY reported, if it did.
            now: What the recorder's clock said when it was received; it is asked if that is not given.
        """
        registry, encode = self.registry, self._codec.encode
        sequence = max(registry.sequence, self._journal.last_sequence)
        now = self.clock.now() if now is None else now
        last = len(drafts) - 1
        records = []
        for index, draft in enumerate(drafts):
            sequence += 1
            event = self._event(sequence, now, draft, origin if index == last else None)
            registry.apply(event)
            for observer in self._observers:
                observer(event)
            call = registry.call(event.call_id)
            records.append(encode(event, call.context if call is not None else ""))
        return records

    def _event(self, sequence: int, now: int, draft: Draft, origin: Origin | None) -> Event:
        if origin is None:
            return Event(sequence, _new_id(), draft.type, now, draft.call_id, draft.control_id, draft.subject)
        event_id = origin.event_id or _new_id()
        self._remember(event_id)
        return Event(
            sequence,
            event_id,
            draft.type,
            now,
            draft.call_id,
            draft.control_id,
            draft.subject,
            origin.event_type,
            origin.time,
            origin.params,
        )

    def _remember(self, event_id: str) -> None:
        self._recent[event_id] = None
        if len(self._recent) > DEDUPLICATION_WINDOW:
            del self._recent[next(iter(self._recent))]

    def append(self, records: Sequence[Record], on_commit: Callable[[], None] | None = None) -> None:
        """Journals what was stamped, all or nothing; wakes waiters and runs `on_commit` once it is durable."""
        keys = {record.key for record in records if record.key}

        def committed() -> None:
            if on_commit is not None:
                on_commit()
            self.changes.wake(keys)

        self._journal.append(records, committed)

    def record(self, drafts: Sequence[Draft]) -> int:
        """Stamps and journals drafts of the gateway's own.

        Returns:
            The sequence of the last one, for `Journal.committed`; 0 if there were none.
        """
        if not drafts:
            return 0
        records = self.stamp(drafts)
        self.append(records)
        return records[-1].sequence

    async def settled(self, subject: Subject) -> None:
        """Returns once the event that last changed a subject is durable."""
        await self._journal.committed(self.registry.sequence_of(subject))

    def forget(self, before: int, keep: int) -> int:
        """Forgets what ended before a time (microseconds), or is beyond `keep`; returns how much that was."""
        keys = self.registry.forget_before(before, keep)
        if keys:
            self._journal.forget(keys)
        return len(keys)

    async def wait_for_change(self, subject: Subject) -> None:
        """Returns after the next durable event about a subject."""
        await self.changes.wait(key_of(subject))
