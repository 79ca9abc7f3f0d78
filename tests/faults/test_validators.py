"""Each validator accepts a history of a real run, and rejects it once the promise that it is for is broken in it."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from gateway.relay import wire
from tests.support.histories import (
    Ask,
    Event,
    Frame,
    History,
    Message,
    Place,
    Reading,
    Sighting,
    Watcher,
    load_history,
    save_history,
)
from tests.support.validators.promises import PROMISES, broken_promises

HERE = Path(__file__).parent
Mutation = Callable[[History], History]
T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")
changed = msgspec.structs.replace


@pytest.fixture(scope="module")
def good() -> History:
    """A few seconds of chaos, as tools/chaos.py saves them: killed, cut and resumed, and all promises kept."""
    return load_history(HERE / "histories" / "good.json")


def with_one(items: Sequence[V], old: V, *new: V) -> list[V]:
    """The items with one of them replaced by others."""
    at = items.index(old)
    return [*items[:at], *new, *items[at + 1 :]]


def first(items: Sequence[V], wanted: Callable[[V], object]) -> V:
    """The first that is wanted; the history must have one."""
    return next(item for item in items if wanted(item))


def journal(history: History, **fields: Any) -> History:
    """The history with another journal."""
    return changed(history, journal=changed(history.journal, **fields))


def event(history: History, old: Event, **fields: Any) -> History:
    """The history with an event changed, wherever it is kept."""
    return journal(history, listed=with_one(history.journal.listed, old, changed(old, **fields)))


def standing(history: History, **fields: Any) -> History:
    """The history with another end."""
    return changed(history, standing=changed(history.standing, **fields))


def place(history: History, text: str, name: str = "the log", *, keeps_session: bool = False) -> History:
    """The history with something more written somewhere."""
    return changed(history, places=[*history.places, Place(name, f"before {text} after", keeps_session)])


def frame(history: History, method: str, **fields: Any) -> History:
    """The history with the first command of a method changed."""
    old = first(history.frames, lambda each: not each.by_relay and each.kind == "request" and each.method == method)
    return changed(history, frames=with_one(history.frames, old, changed(old, **fields)))


def watcher(history: History, name: str = "steady") -> Watcher:
    """The watcher of that name."""
    return first(history.watchers, lambda each: each.name == name)


def watched(history: History, old: Watcher, readings: list[Reading]) -> History:
    """The history in which a watcher has read otherwise."""
    return changed(history, watchers=with_one(history.watchers, old, changed(old, readings=readings)))


def message(history: History, old: Message, *new: Message, name: str = "steady") -> History:
    """The history in which a watcher got other messages in place of one."""
    who = watcher(history, name)
    reading = first(who.readings, lambda each: old in each.messages)
    read = changed(reading, messages=with_one(reading.messages, old, *new))
    return watched(history, who, with_one(who.readings, reading, read))


def batch(history: History, name: str = "steady", least: int = 1) -> Message:
    """A watcher's first message with so many events."""
    messages = [each for reading in watcher(history, name).readings for each in reading.messages]
    return first(messages, lambda each: len(each.events) >= least)


def resumed(history: History) -> tuple[Watcher, Reading]:
    """A watcher with a reading that was resumed."""
    who = first(
        history.watchers, lambda each: any(reading.resumed_at and reading.messages for reading in each.readings)
    )
    return who, first(who.readings, lambda each: each.resumed_at and each.messages)


def stream_event(history: History, state: str) -> Event:
    """The first event that left a stream in a state."""
    return first(history.journal.listed, lambda each: each.type == f"STREAM_{state}")


def acknowledged(history: History) -> Event:
    """An event of RELAY that was acknowledged."""
    acks = {each.id for each in history.frames if not each.by_relay and each.method == wire.EVENT}
    return first(history.journal.listed, lambda each: each.event_id in acks)


# Durable


def lose_acknowledged(history: History) -> History:
    """The journal has lost what was acknowledged."""
    lost = acknowledged(history)
    return journal(
        history,
        listed=[each for each in history.journal.listed if each != lost],
        stored=[each for each in history.journal.stored if each.sequence != lost.sequence],
    )


def lose_stored(history: History) -> History:
    """The file has lost its end."""
    return journal(history, stored=history.journal.stored[:-1])


def store_otherwise(history: History) -> History:
    """The file holds something else."""
    old = history.journal.stored[3]
    return journal(history, stored=with_one(history.journal.stored, old, changed(old, digest="another")))


# Ordered


def leave_hole(history: History) -> History:
    """A sequence is missing."""
    return journal(history, listed=[*history.journal.listed[:4], *history.journal.listed[5:]])


def turn_back_time(history: History) -> History:
    """The gateway's time falls."""
    return event(history, history.journal.listed[5], time=history.journal.listed[4].time - 1)


def watch_backwards(history: History) -> History:
    """A watcher got two events the wrong way round."""
    old = batch(history, least=2)
    return message(history, old, changed(old, events=old.events[::-1]))


def step_back(history: History) -> History:
    """A stream that has ended streams again."""
    ended = stream_event(history, "FINISHED")
    again = changed(ended, sequence=ended.sequence + 1, type="STREAM_STREAMING", state="STREAMING")
    return journal(history, listed=[*history.journal.listed, again])


def update_state(history: History) -> History:
    """A stream's state changes in an event that says that it does not."""
    return event(history, stream_event(history, "FINISHED"), type="STREAM_UPDATED")


def mislabel(history: History) -> History:
    """An event says one thing and its stream another."""
    return event(history, stream_event(history, "STREAMING"), state="STOPPING")


def outlive_call(history: History) -> History:
    """A call ends, and its stream has not."""
    listed = history.journal.listed
    ends = {each.call_id for each in listed if each.type == "CALL_ENDED"}
    stream = first(listed, lambda each: each.type == "STREAM_STREAMING" and each.call_id in ends)
    key = stream.call_id, stream.control_id
    return journal(
        history, listed=[each for each in listed if each == stream or (each.call_id, each.control_id) != key]
    )


def start_after_call(history: History) -> History:
    """A stream begins on a call that is over."""
    over = first(history.journal.listed, lambda each: each.type == "CALL_ENDED")
    late = changed(over, sequence=over.sequence + 1, type="STREAM_STARTING", state="STARTING", control_id="late")
    return journal(history, listed=[*history.journal.listed, late])


def raise_call(history: History) -> History:
    """A call that is over is answered."""
    over = first(history.journal.listed, lambda each: each.type == "CALL_ENDED")
    return journal(history, listed=[*history.journal.listed, changed(over, type="CALL_ANSWERED", state="ANSWERED")])


def call_back(history: History) -> History:
    """A call that was answered rings."""
    answered = first(history.journal.listed, lambda each: each.type == "CALL_ANSWERED")
    rings = changed(answered, type="CALL_RINGING", state="RINGING")
    return journal(history, listed=with_one(history.journal.listed, answered, answered, rings))


# Unique


def journal_twice(history: History) -> History:
    """An event of RELAY was journalled twice."""
    last, other = history.journal.listed[-1], acknowledged(history)
    return journal(history, listed=[*history.journal.listed, changed(other, sequence=last.sequence + 1)])


def watch_twice(history: History) -> History:
    """A watcher saw an event twice."""
    old = batch(history)
    return message(history, old, old, old)


# Reliable


def miss(history: History) -> History:
    """A watcher missed an event."""
    old = batch(history)
    return message(history, old, changed(old, events=old.events[1:]))


def miss_between_readings(history: History) -> History:
    """A watcher missed what came while it was away."""
    who, reading = resumed(history)
    rest = changed(reading, messages=[each for each in reading.messages if not each.events])
    return watched(history, who, with_one(who.readings, reading, rest))


def see_surplus(history: History) -> History:
    """A watcher saw what is not in the journal."""
    old = batch(history)
    return message(
        history, old, changed(old, events=[*old.events, Sighting(999_999, "nobody's", "x")], position=999_999)
    )


def see_filtered(history: History) -> History:
    """A watcher saw what its filter does not let pass."""
    old = batch(history, "ends")
    seen = [
        each.sequence
        for reading in watcher(history, "ends").readings
        for got in reading.messages
        for each in got.events
    ]
    other = first(history.journal.listed, lambda each: each.sequence < old.position and each.sequence not in seen)
    sighting = Sighting(other.sequence, other.event_id, other.digest)
    return message(history, old, changed(old, events=[sighting, *old.events]), name="ends")


def see_otherwise(history: History) -> History:
    """A watcher saw another content."""
    old = batch(history)
    return message(history, old, changed(old, events=[changed(old.events[0], digest="another"), *old.events[1:]]))


def see_nothing(history: History) -> History:
    """A watcher was never served."""
    return watched(history, watcher(history), [Reading(None, "", [], "UNAVAILABLE")])


def fall_behind(history: History) -> History:
    """A watcher was never told of the end."""
    return journal(history, head_when_quiet=history.journal.head_when_quiet + 1)


def keep_unsent(history: History) -> History:
    """RELAY has an event that the gateway never took."""
    return standing(history, unacknowledged=["kept"])


# Resumable


def refused(history: History, status: str, reason: str, epoch: str = "") -> History:
    """The history in which a cursor was refused."""
    who, reading = resumed(history)
    refusal = Reading(reading.resumed_at, epoch or reading.epoch, [], status, reason)
    return watched(history, who, with_one(who.readings, reading, refusal, reading))


def resume_elsewhere(history: History) -> History:
    """A watch went on where it was not asked to."""
    who, reading = resumed(history)
    elsewhere = changed(reading, resumed_at=(reading.resumed_at or 0) - 1)
    return watched(history, who, with_one(who.readings, reading, elsewhere))


# Bookmarkable


def overtake(history: History) -> History:
    """A bookmark stands beyond an event that comes after it."""
    old = batch(history)
    return message(history, old, Message("bookmark", old.events[-1].sequence), old)


def go_back(history: History) -> History:
    """A cursor stands before the one that was given before."""
    old = batch(history)
    return message(history, old, old, Message("bookmark", old.position - 1))


def run_ahead(history: History) -> History:
    """A cursor leaves out an event that came with it."""
    old = batch(history)
    return message(history, old, changed(old, position=old.events[-1].sequence - 1))


# Settled


def end_of(history: History, state: str) -> tuple[str, str, str]:
    """A stream of the gateway that is in a state at the end."""
    return first(history.standing.streams, lambda each: each[2] == state)


def never_settle(history: History) -> History:
    """A stream is being started for ever."""
    old = end_of(history, "STREAMING")
    return standing(history, streams=with_one(history.standing.streams, old, (old[0], old[1], "STARTING")))


def stream_alone(history: History) -> History:
    """The gateway believes in a stream that RELAY does not have."""
    key = end_of(history, "STREAMING")[:2]
    return standing(history, relay_streams=[each for each in history.standing.relay_streams if each[:2] != key])


def forget_running(history: History) -> History:
    """The gateway holds a stream for ended that RELAY runs."""
    old = end_of(history, "STREAMING")
    return standing(history, streams=with_one(history.standing.streams, old, (old[0], old[1], "FINISHED")))


def never_hear(history: History) -> History:
    """RELAY runs a stream that the gateway has never heard of."""
    return standing(history, relay_streams=[*history.standing.relay_streams, ("call", "stranger", "starting")])


def stream_on_ended_call(history: History) -> History:
    """A stream goes on though its call is over."""
    return standing(history, calls=[*history.standing.calls, (end_of(history, "STREAMING")[0], "ENDED")])


def lose_start(history: History) -> History:
    """A start was accepted, and nothing is known of it."""
    return changed(history, asks=[*history.asks, Ask(wire.STREAM, "call", "lost", 1.0, 2.0, "OK")])


# Never late


def at(history: History, method: str, seconds: float) -> float:
    """A time so long after everybody has left who asked for the first command of a method."""
    old = first(history.frames, lambda each: not each.by_relay and each.kind == "request" and each.method == method)
    ids = old.call_id, old.control_id
    return max(each.over for each in history.asks if (each.call_id, each.control_id) == ids) + seconds


def late(method: str) -> Mutation:
    """A command reached RELAY after its caller had gone."""
    return lambda history: frame(history, method, time=at(history, method, 1.0 + history.lag))


def unasked(history: History) -> History:
    """A command reached RELAY that nobody had asked for."""
    return frame(history, wire.STREAM, control_id="nobody's")


def stop_for_nobody(history: History) -> History:
    """A stop reached RELAY long before anything gave a reason for it."""
    running = end_of(history, "STREAMING")
    last = max(each.over for each in history.asks)
    stop = Frame(last + 60, False, "request", wire.STREAM_STOP, call_id=running[0], control_id=running[1])
    return changed(history, frames=[*history.frames, stop])


# Private


def told(what: str, form: Callable[[str], str] = str) -> Mutation:
    """A secret is in the log, written in some way."""
    return lambda history: place(history, form(history.secrets[what]))


MUTATIONS: Sequence[tuple[str, Mutation, str]] = [
    ("Durable", lose_acknowledged, "was acknowledged, and the journal does not have it"),
    ("Durable", lose_stored, "is not what the file holds"),
    ("Durable", store_otherwise, "is not what the file holds"),
    ("Ordered", leave_hole, "the journal goes from 4 to 6"),
    ("Ordered", turn_back_time, "the time of event 6 is before that of 5"),
    ("Ordered", watch_backwards, "watcher steady saw"),
    ("Ordered", step_back, "went from FINISHED to STREAMING"),
    ("Ordered", update_state, "updates a stream from"),
    ("Ordered", mislabel, "is STREAM_STREAMING, and its stream is STOPPING"),
    ("Ordered", outlive_call, "ended before its stream"),
    ("Ordered", start_after_call, "is STARTING though its call has ended"),
    ("Ordered", raise_call, "is ANSWERED after its end"),
    ("Ordered", call_back, "went from ANSWERED back to RINGING"),
    ("Unique", journal_twice, "is 2 times in the journal"),
    ("Unique", watch_twice, "watcher steady saw event"),
    ("Reliable", miss, "watcher steady missed 1 events"),
    ("Reliable", miss_between_readings, "missed"),
    ("Reliable", see_surplus, "saw 1 events that it should not have, first [999999]"),
    ("Reliable", see_filtered, "watcher ends saw 1 events that it should not have"),
    ("Reliable", see_otherwise, "saw 1 events otherwise than journalled"),
    ("Reliable", see_nothing, "watcher steady never saw anything"),
    ("Reliable", fall_behind, "watcher steady came to"),
    ("Reliable", keep_unsent, "RELAY still keeps event kept"),
    ("Resumable", lambda history: refused(history, "INTERNAL", ""), "refused with INTERNAL"),
    ("Resumable", lambda history: refused(history, "OUT_OF_RANGE", "CURSOR_AHEAD"), "refused with CURSOR_AHEAD"),
    ("Resumable", lambda history: refused(history, "OUT_OF_RANGE", "CURSOR_COMPACTED"), "CURSOR_COMPACTED, though"),
    ("Resumable", lambda history: refused(history, "OUT_OF_RANGE", "EPOCH_CHANGED"), "EPOCH_CHANGED, though"),
    ("Resumable", resume_elsewhere, "the watch went on at"),
    ("Bookmarkable", overtake, "came after the bookmark"),
    ("Bookmarkable", go_back, "the cursor went from"),
    ("Bookmarkable", run_ahead, "came with the cursor"),
    ("Settled", never_settle, "is STARTING still"),
    ("Settled", stream_alone, "is STREAMING, and RELAY does not have it"),
    ("Settled", forget_running, "which the gateway holds for FINISHED"),
    ("Settled", never_hear, "which the gateway holds for unheard of"),
    ("Settled", stream_on_ended_call, "is STREAMING on a call that has ended"),
    ("Settled", lose_start, "was accepted, and the journal has no such stream"),
    ("Never late", late(wire.STREAM), "reached RELAY late: its caller had"),
    ("Never late", late(wire.ANSWER), "reached RELAY late: its caller had"),
    ("Never late", late(wire.END), "reached RELAY late: its caller had"),
    ("Never late", unasked, "nobody had asked for it"),
    ("Never late", stop_for_nobody, "calling.stream.stop for"),
    ("Private", told("the API token"), "the API token is in the log"),
    ("Private", told("the API token", json.dumps), "the API token is in the log"),
    ("Private", told("the API token", lambda token: json.dumps(json.dumps(token))), "the API token is in the log"),
    ("Private", told("bearer token 0"), "bearer token 0 is in the log"),
    (
        "Private",
        told("bearer token 0", lambda token: base64.b64encode(token.encode()).decode()),
        "bearer token 0 is in",
    ),
    ("Private", lambda history: place(history, history.authorization_states[0], "x"), "an authorization state is in x"),
]


@pytest.mark.parametrize(
    ("promise", "mutation", "says"),
    [pytest.param(*case, id=f"{case[0]}: {case[2]}, {number}") for number, case in enumerate(MUTATIONS)],
)
def test_a_history_in_which_a_promise_is_broken_is_rejected(
    good: History, promise: str, mutation: Mutation, says: str
) -> None:
    """The validator of the promise says what is broken."""
    found = broken_promises(mutation(good))
    assert any(says in line for line in found.get(promise, [])), found


def test_every_validator_is_shown_to_fail() -> None:
    """There is a mutation for each promise."""
    assert {promise for promise, _, _ in MUTATIONS} == set(PROMISES)


def test_every_promise_of_the_readme_has_a_validator() -> None:
    """README and validators name the same promises, in the same order."""
    readme = (HERE.parent.parent / "README.md").read_text()
    section = readme.split("## What it promises")[1].split("\n## ")[0]
    assert re.findall(r"^\d+\. \*\*(.+?)\*\*", section, re.MULTILINE) == list(PROMISES)


def test_a_real_history_breaks_no_promise(good: History) -> None:
    """The history that all mutations begin with is a good one."""
    assert broken_promises(good) == {}


def test_a_refused_cursor_is_no_violation_if_the_contract_foresees_it(good: History) -> None:
    """After compaction, and in another epoch, cursors are refused; and while a process is away, nobody answers."""
    _, reading = resumed(good)
    compacted = refused(journal(good, oldest=(reading.resumed_at or 0) + 2), "OUT_OF_RANGE", "CURSOR_COMPACTED")
    assert "Resumable" not in broken_promises(compacted)
    assert "Resumable" not in broken_promises(refused(good, "OUT_OF_RANGE", "EPOCH_CHANGED", epoch="0123456789abcdef"))
    assert "Resumable" not in broken_promises(refused(good, "UNAVAILABLE", ""))


def test_a_watcher_begins_anew_after_its_cursor_was_refused(good: History) -> None:
    """What lies between a refused cursor and the next beginning is nobody's loss."""
    who = watcher(good)
    head = good.journal.head_when_quiet
    anew = [*who.readings, Reading(None, who.readings[0].epoch, [Message("opened", head)], "LEFT")]
    assert broken_promises(watched(good, who, anew)) == {}


def test_a_stop_may_be_repeated_once_the_journal_shows_that_it_was_wanted(good: History) -> None:
    """The gateway asks again by itself, without a caller."""
    stopping = stream_event(good, "STOPPING")
    again = Frame(
        stopping.time + 60, False, "request", wire.STREAM_STOP, call_id=stopping.call_id, control_id=stopping.control_id
    )
    assert broken_promises(changed(good, frames=[*good.frames, again])) == {}


def test_the_session_file_may_hold_the_authorization_state(good: History) -> None:
    """It is what a session is resumed with."""
    assert broken_promises(place(good, good.authorization_states[0], "file session.json", keeps_session=True)) == {}


def test_a_history_is_the_same_after_saving_and_loading(good: History, tmp_path: Path) -> None:
    """What is kept of a failed run is what was judged, but for the places left out."""
    save_history(good, tmp_path / "out" / "kept.json", without_places=["the log"])
    kept = load_history(tmp_path / "out" / "kept.json")
    assert kept == changed(good, places=[each for each in good.places if each.name != "the log"])
    assert kept != good
