"""Settled and Never late: what became of streams, and when commands reached RELAY."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.relay import wire
from tests.support.histories import Ask, Event, Frame, History

__all__ = ["TOLERANCE", "never_late", "settled"]

TOLERANCE: Final = 0.5
"""Seconds that a command may be late: the way of a cancellation to the gateway and of a frame to RELAY takes time."""

_ENDED: Final = frozenset({"FINISHED", "FAILED"})
_COMMANDS: Final = frozenset({wire.ANSWER, wire.DIAL, wire.END, wire.PASS, wire.STREAM, wire.STREAM_STOP})
_Key = tuple[str, str]


def settled(history: History) -> list[str]:
    """In the end every stream is over, or streams at both ends on a call that lives."""
    return [*_standing(history), *_starts(history)]


def _standing(history: History) -> Iterator[str]:
    standing = history.standing
    known = {(call_id, control_id): state for call_id, control_id, state in standing.streams}
    running = {(call_id, control_id) for call_id, control_id, state in standing.relay_streams if state != "finished"}
    over = {call_id for call_id, state in [*standing.calls, *standing.relay_calls] if state in {"ENDED", "ended"}}
    for key, state in known.items():
        if state in _ENDED:
            continue
        if state != "STREAMING":
            yield f"stream {key} is {state} still"
        elif key not in running:
            yield f"stream {key} is STREAMING, and RELAY does not have it"
        if key[0] in over:
            yield f"stream {key} is {state} on a call that has ended"
    for key in sorted(running):
        if known.get(key, "FINISHED") in _ENDED:
            yield f"RELAY runs stream {key}, which the gateway holds for {known.get(key, 'unheard of')}"


def _starts(history: History) -> Iterator[str]:
    journalled = {(event.call_id, event.control_id) for event in history.journal.listed if event.control_id}
    for ask in history.asks:
        key = ask.call_id, ask.control_id
        if ask.method == wire.STREAM and ask.outcome == "OK" and key not in journalled:
            yield f"the start of {key} was accepted, and the journal has no such stream"


def never_late(history: History, tolerance: float = TOLERANCE) -> list[str]:
    """Each command reached RELAY while a client waited for it; only a stop may be repeated, or be the gateway's own."""
    allowed = tolerance + history.lag
    asks: Mapping[_Key, list[Ask]] = _by_target(history.asks)
    stopping = _stops_of_the_gateway(history.journal.listed)
    return [
        f"{frame.method} for {(frame.call_id, frame.control_id)} reached RELAY late: {_nearest(frame, asks)}"
        for frame in history.frames
        if not frame.by_relay and frame.kind == "request" and frame.method in _COMMANDS
        if not any(ask.sent - allowed <= frame.time <= ask.over + allowed for ask in _asks_for(frame, asks))
        if not (frame.method == wire.STREAM_STOP and _owed(frame, stopping, allowed))
    ]


def _by_target(asks: list[Ask]) -> Mapping[_Key, list[Ask]]:
    targets: dict[_Key, list[Ask]] = defaultdict(list)
    for ask in asks:
        targets[ask.call_id, ask.control_id].append(ask)
    return targets


def _asks_for(frame: Frame, asks: Mapping[_Key, list[Ask]]) -> Iterator[Ask]:
    """The asks that can have led to a command. A start may replace a stream; a stop may be for all of a call."""
    exactly = asks.get((frame.call_id, frame.control_id), ())
    if frame.method != wire.STREAM_STOP:
        return (ask for ask in exactly if ask.method == frame.method)
    whole_call = asks.get((frame.call_id, ""), ())
    return (ask for ask in [*exactly, *whole_call] if ask.method in {wire.STREAM, wire.STREAM_STOP})


def _stops_of_the_gateway(events: list[Event]) -> Mapping[_Key, float]:
    """Since when the journal shows a reason to stop a stream without anybody's asking."""
    since: dict[_Key, float] = {}
    for event in events:
        if event.type.startswith("STREAM_") and (
            event.state == "STOPPING" or (event.state in _ENDED and (event.inferred or event.state == "FAILED"))
        ):
            since.setdefault((event.call_id, event.control_id), event.time)
    return since


def _owed(frame: Frame, stopping: Mapping[_Key, float], allowed: float) -> bool:
    since = stopping.get((frame.call_id, frame.control_id))
    return since is not None and frame.time >= since - allowed


def _nearest(frame: Frame, asks: Mapping[_Key, list[Ask]]) -> str:
    before = [ask for ask in _asks_for(frame, asks) if ask.sent <= frame.time]
    if not before:
        return "nobody had asked for it"
    last = max(before, key=lambda ask: ask.over)
    return f"its caller had {last.outcome} {frame.time - last.over:.3f} s before"
