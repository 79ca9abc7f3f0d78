"""Durable, Ordered and Unique: what the journal must hold, in which order, and how often."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from gateway.relay import wire
from tests.support.histories import Event, History, Sighting

__all__ = ["durable", "ordered", "unique"]

# The contract's words (stream.proto), written down here once more: a validator must not believe what it judges.
_STEPS: Final[Mapping[str, frozenset[str]]] = {
    "STARTING": frozenset({"UNKNOWN", "STREAMING", "STOPPING", "FINISHED", "FAILED"}),
    "UNKNOWN": frozenset({"STARTING", "STREAMING", "STOPPING", "FINISHED", "FAILED"}),
    "STREAMING": frozenset({"STOPPING", "FINISHED", "FAILED"}),
    # RELAY can refuse a stop: then the stream goes on.
    "STOPPING": frozenset({"STARTING", "UNKNOWN", "STREAMING", "FINISHED", "FAILED"}),
    "FINISHED": frozenset(),
    "FAILED": frozenset(),
}
_ENDED: Final = frozenset({"FINISHED", "FAILED"})
_LIFE: Final = ("CREATED", "RINGING", "ANSWERED", "ENDING", "ENDED")


def durable(history: History) -> list[str]:
    """Every event whose acknowledgement reached RELAY is in the journal, and what is listed is what is stored."""
    listed = {event.event_id for event in history.journal.listed}
    broken = [
        f"event {frame.id} ({frame.event_type}) was acknowledged, and the journal does not have it"
        for frame in history.frames
        if not frame.by_relay
        and frame.kind == "result"
        and frame.method == wire.EVENT
        and frame.event_type != wire.AUTHORIZATION_STATE  # kept in the session's state, not in the journal
        and frame.id not in listed
    ]
    stored = {sighting.sequence: sighting for sighting in history.journal.stored}
    broken += [
        f"event {event.sequence} was listed, and is not what the file holds: {event.event_id}"
        for event in history.journal.listed
        if stored.get(event.sequence) != Sighting(event.sequence, event.event_id, event.digest)
    ]
    return broken


def ordered(history: History) -> list[str]:
    """Sequences rise, without holes in the journal; streams and calls move as their states say, and end in order."""
    return [*_sequences(history), *_streams(history.journal.listed), *_calls(history.journal.listed)]


def _sequences(history: History) -> Iterator[str]:
    listed = history.journal.listed
    for event, following in pairwise(listed):
        if following.sequence != event.sequence + 1:
            yield f"the journal goes from {event.sequence} to {following.sequence}"
        if following.time < event.time:
            yield f"the time of event {following.sequence} is before that of {event.sequence}"
    for watcher in history.watchers:
        seen = [sighting for reading in watcher.readings for message in reading.messages for sighting in message.events]
        for before, after in pairwise(seen):
            if after.sequence <= before.sequence:
                yield f"watcher {watcher.name} saw {after.sequence} after {before.sequence}"


def _streams(events: list[Event]) -> Iterator[str]:
    streams: dict[tuple[str, str], Event] = {}
    active: dict[str, set[str]] = {}
    over: set[str] = set()
    for event in events:
        if event.type.startswith("STREAM_"):
            key = event.call_id, event.control_id
            yield from _step(streams.get(key), event)
            streams[key] = event
            running = active.setdefault(event.call_id, set())
            if event.state in _ENDED:
                running.discard(event.control_id)
            else:
                running.add(event.control_id)
                if event.call_id in over:
                    yield f"event {event.sequence}: stream {key} is {event.state} though its call has ended"
        elif event.type.startswith("CALL_") and event.state == "ENDED":
            over.add(event.call_id)
            for control_id in sorted(active.get(event.call_id, ())):
                yield f"event {event.sequence}: call {event.call_id} ended before its stream {control_id}"


def _step(before: Event | None, after: Event) -> Iterator[str]:
    """What is wrong with a stream's step; a new life may begin where one has ended."""
    if after.type not in {f"STREAM_{after.state}", "STREAM_UPDATED"}:
        yield f"event {after.sequence} is {after.type}, and its stream is {after.state}"
    if before is None:
        return
    renewed = before.state in _ENDED and after.created > before.created
    if after.type == "STREAM_UPDATED" and not renewed:
        if after.state != before.state:
            yield f"event {after.sequence} updates a stream from {before.state} to {after.state}"
    elif not renewed and after.state not in _STEPS[before.state]:
        key = (after.call_id, after.control_id)
        yield f"event {after.sequence}: stream {key} went from {before.state} to {after.state}"


def _calls(events: list[Event]) -> Iterator[str]:
    calls: dict[str, str] = {}
    for event in events:
        if not event.type.startswith("CALL_") or not event.state:
            continue
        before = calls.get(event.call_id, "UNKNOWN")
        calls[event.call_id] = event.state
        if before == "ENDED" and event.state != "ENDED":
            yield f"event {event.sequence}: call {event.call_id} is {event.state} after its end"
        elif before in _LIFE and event.state in _LIFE and _LIFE.index(event.state) < _LIFE.index(before):
            yield f"event {event.sequence}: call {event.call_id} went from {before} back to {event.state}"


def unique(history: History) -> list[str]:
    """No event id stands twice in the journal, and no watcher saw one twice."""
    counted = Counter(event.event_id for event in history.journal.listed)
    broken = [f"event {event_id} is {count} times in the journal" for event_id, count in counted.items() if count > 1]
    for watcher in history.watchers:
        seen = Counter(
            sighting.event_id
            for reading in watcher.readings
            for message in reading.messages
            for sighting in message.events
        )
        broken += [
            f"watcher {watcher.name} saw event {event_id} {count} times"
            for event_id, count in seen.items()
            if count > 1
        ]
    return broken
