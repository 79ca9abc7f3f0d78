"""Journals of any length, made quickly: what a gateway finds that has run for long."""

import asyncio
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Final

from gateway.domain.calls import Call, CallState
from gateway.domain.events import Draft, EventType
from gateway.domain.streams import Stream, StreamState, Track
from gateway.engine.clock import Clock
from gateway.engine.recorder import Origin, Recorder
from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import JOURNAL_NAME, SqliteJournal, open_journal
from gateway.service.codec import ContractCodec

__all__ = ["clone", "prepare"]

_MADE: Final = 10_000
"""Events that are made one by one; the others are copies of these, under sequences and ids of their own."""
_GROUP: Final = 1_000
_STREAMS: Final = 100
_OPTIONS: Final = JournalOptions(
    retention_seconds=1e9, retention_bytes=1 << 40, synchronous="NORMAL", tail_records=0, close_timeout=600.0
)


async def prepare(directory: Path, events: int, *, fin: bool = False) -> None:
    """Makes a data directory with a journal of so many events about a hundred streams, closed in order.

    With `fin` the newest event says so, in its params.
    """
    journal = open_journal(directory, _OPTIONS)
    recorder = Recorder(journal, ContractCodec(), Clock())
    made = min(events, _MADE) - (1 if fin else 0)
    await _make(journal, recorder, made)
    await journal.close()
    if made < events - 1:
        await asyncio.to_thread(_multiply, directory / JOURNAL_NAME, made, events - (1 if fin else 0))
    if fin:
        journal = open_journal(directory, _OPTIONS)
        recorder = Recorder(journal, ContractCodec(), Clock())
        recorder.load()
        draft = Draft(EventType.RELAY_OTHER, None)
        recorder.append(recorder.stamp([draft], Origin("prepared-fin", "calling.bench", 0, b'{"fin":true}')))
        await journal.committed(journal.last_sequence)
        await journal.close()


async def _make(journal: SqliteJournal, recorder: Recorder, count: int) -> None:
    now = time.time_ns() // 1000
    streams = [_stream(number, now) for number in range(_STREAMS)]
    for number in range(_STREAMS):
        call = Call(f"old-call-{number}", CallState.ANSWERED, now, now, "node-1", context="default")
        recorder.record([Draft.of(EventType.CALL_ANSWERED, call)])
    for first in range(_STREAMS, count, _GROUP):
        records = []
        for number in range(first, min(count, first + _GROUP)):
            stream = streams[number % _STREAMS]
            params = (
                b'{"call_id":"%b","node_id":"node-1","control_id":"%b","state":"streaming","url":"%b","padding":"%b"}'
                % (stream.call_id.encode(), stream.control_id.encode(), stream.url.encode(), b"x" * 60)
            )
            origin = Origin(f"prepared-{number}", "calling.call.stream", now, params)
            records += recorder.stamp([Draft.of(EventType.STREAM_UPDATED, stream)], origin)
        recorder.append(records)
        await journal.committed(journal.last_sequence)


def _stream(number: int, now: int) -> Stream:
    return Stream(
        f"old-call-{number}", f"old-stream-{number}", StreamState.STREAMING, now, now, "node-1",
        url="wss://audio.example.com/in", track=Track.INBOUND, accepted=True, start_time=now,
    )  # fmt: skip


def _multiply(path: Path, there: int, wanted: int) -> None:
    """Copies events until there are as many as wanted; the fold of them stays what it is."""
    columns = "type, call_id, control_id, key, labels, payload, context"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -262144")
    newest = connection.execute("SELECT max(time_us) FROM events").fetchone()[0]
    while there < wanted:
        step = min(there, wanted - there, 500_000)
        connection.execute(
            f"INSERT INTO events (sequence, event_id, time_us, {columns})"  # noqa: S608 - no input in it
            f" SELECT sequence + ?, 'copy-' || (sequence + ?), ?, {columns} FROM events"
            " WHERE sequence <= ? ORDER BY sequence",
            (there, there, newest, step),
        )
        there += step
    connection.execute(
        "UPDATE state SET checkpoint = ?, checkpoint_time_us = (SELECT time_us FROM events WHERE sequence = ?),"
        " payload_bytes = (SELECT total(length(payload)) FROM events)",
        (wanted, wanted),
    )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def clone(prepared: Path, copy: Path) -> Path:
    """A copy to write to."""
    shutil.copytree(prepared, copy)
    return copy
