"""Reliable, Resumable and Bookmarkable: what watchers must see over all their readings."""

from collections.abc import Iterator
from typing import Final

from tests.support.histories import Event, History, Journal, Reading, Sighting, Watcher

__all__ = ["bookmarkable", "reliable", "resumable"]

# How a reading may end without the gateway having refused anything: it went away, it drained, or the watcher left.
_INTERRUPTED: Final = frozenset({"UNAVAILABLE", "LEFT", "CANCELLED"})
_SHOWN: Final = 5


def reliable(history: History) -> list[str]:
    """Between its first and its last cursor a watcher saw the matching events of the journal, all and no others."""
    journal = history.journal
    broken = [f"RELAY still keeps event {event_id} for the session" for event_id in history.standing.unacknowledged]
    for watcher in history.watchers:
        spans = list(_spans(watcher))
        for span in spans:
            broken += _compare(watcher, span, journal)
        last = _last_position(spans[-1]) if spans else None
        if last is not None and last < journal.head_when_quiet:
            broken.append(f"watcher {watcher.name} came to {last} of {journal.head_when_quiet}")
    return broken


def _spans(watcher: Watcher) -> Iterator[list[Reading]]:
    """Readings that follow on each other: a refused cursor ends a span, and the next reading begins another."""
    span: list[Reading] = []
    for reading in watcher.readings:
        if reading.resumed_at is None and any(before.messages for before in span):
            yield span
            span = []
        span.append(reading)
    if span:
        yield span


def _compare(watcher: Watcher, span: list[Reading], journal: Journal) -> Iterator[str]:
    messages = [message for reading in span for message in reading.messages]
    if not messages:
        yield f"watcher {watcher.name} never saw anything"
        return
    first, last = messages[0].position, messages[-1].position
    due = {
        event.sequence: _sighting(event)
        for event in journal.listed
        if first < event.sequence <= last and watcher.filter.matches(event)
    }
    seen = {sighting.sequence: sighting for message in messages for sighting in message.events}
    missing = sorted(due.keys() - seen.keys())
    if missing:
        yield f"watcher {watcher.name} missed {len(missing)} events, first {missing[:_SHOWN]}"
    surplus = sorted(seen.keys() - due.keys())
    if surplus:
        yield f"watcher {watcher.name} saw {len(surplus)} events that it should not have, first {surplus[:_SHOWN]}"
    changed = sorted(sequence for sequence in due.keys() & seen.keys() if due[sequence] != seen[sequence])
    if changed:
        yield f"watcher {watcher.name} saw {len(changed)} events otherwise than journalled, first {changed[:_SHOWN]}"


def _sighting(event: Event) -> Sighting:
    return Sighting(event.sequence, event.event_id, event.digest)


def _last_position(span: list[Reading]) -> int | None:
    return next((reading.messages[-1].position for reading in reversed(span) if reading.messages), None)


def resumable(history: History) -> list[str]:
    """Each cursor was accepted, and went on where it stands, or was refused as the contract says and with cause."""
    return [
        f"watcher {watcher.name}, cursor {reading.resumed_at}: {wrong}"
        for watcher in history.watchers
        for reading in watcher.readings
        if reading.resumed_at is not None
        for wrong in _wrong_resume(reading, reading.resumed_at, history.journal)
    ]


def _wrong_resume(reading: Reading, resumed_at: int, journal: Journal) -> Iterator[str]:
    if reading.messages:
        if reading.messages[0].position != resumed_at:
            yield f"the watch went on at {reading.messages[0].position}"
    elif reading.status == "OUT_OF_RANGE":
        if reading.reason == "CURSOR_COMPACTED" and resumed_at < journal.oldest - 1:
            return
        if reading.reason == "EPOCH_CHANGED" and reading.epoch != journal.epoch:
            return
        yield f"refused with {reading.reason}, though the journal has all from {journal.oldest} on"
    elif reading.status not in _INTERRUPTED:
        yield f"refused with {reading.status} {reading.reason}".rstrip()


def bookmarkable(history: History) -> list[str]:
    """No event comes at or before a position that the watcher was already given, and cursors never go back."""
    broken = []
    for watcher in history.watchers:
        position, marked = -1, "begin"
        for reading in watcher.readings:
            if reading.resumed_at is None:
                position, marked = -1, "begin"
            for message in reading.messages:
                if message.position < position:
                    broken.append(f"watcher {watcher.name}: the cursor went from {position} back to {message.position}")
                for sighting in message.events:
                    if sighting.sequence <= position:
                        broken.append(f"watcher {watcher.name}: {sighting.sequence} came after the {marked} {position}")
                    if sighting.sequence > message.position:
                        broken.append(
                            f"watcher {watcher.name}: {sighting.sequence} came with the cursor {message.position}"
                        )
                position, marked = message.position, message.kind
    return broken
