"""Snapshots of WatchEvents: the state at a position, and exactly the events after it."""

import asyncio
import itertools

from callstream.v1 import call_pb2, event_pb2, stream_pb2, stream_service_pb2
from gateway.domain.calls import CallState
from gateway.domain.events import Draft
from gateway.domain.streams import StreamState
from gateway.service.cursor import decode_cursor
from tests.support.serving import Served, Watch, served, wait_until

ENDED = {stream_pb2.STREAM_STATE_FINISHED, stream_pb2.STREAM_STATE_FAILED}


async def shown(watch: Watch) -> tuple[list[str], list[str]]:
    """The control ids and call ids of a watch's whole snapshot, sorted."""
    await watch.opened()
    parts = await watch.snapshot()
    streams = [stream.control_id for part in parts for stream in part.streams]
    return sorted(streams), sorted(call.call_id for part in parts for call in part.calls)


class TestContents:
    """What is in a snapshot."""

    async def test_only_what_has_not_ended(self) -> None:
        """Ended streams and calls are left out; what it shows is as Get shows it."""
        async with served() as gateway:
            await gateway.written(
                gateway.call(CallState.ANSWERED),
                gateway.call(CallState.ENDED, "call-2"),
                gateway.stream(StreamState.STREAMING, "a", labels={"team": "x"}),
                gateway.stream(StreamState.FINISHED, "b"),
                gateway.stream(StreamState.FAILED, "c"),
                gateway.stream(StreamState.UNKNOWN, "d"),
            )
            watch = gateway.watch(include_snapshot=True)
            await watch.opened()
            (part,) = await watch.snapshot()
            assert [stream.control_id for stream in part.streams] == ["a", "d"]
            assert part.streams[0].state == stream_pb2.STREAM_STATE_STREAMING
            assert part.streams[0].labels == {"team": "x"}
            assert [call.call_id for call in part.calls] == ["call-1"]
            assert part.calls[0].state == call_pb2.CALL_STATE_ANSWERED
            assert decode_cursor(watch.cursor).sequence == 6

    async def test_nothing_there(self) -> None:
        """An empty snapshot is still one part, marked as the last."""
        async with served() as gateway:
            assert await shown(gateway.watch(include_snapshot=True)) == ([], [])

    async def test_filters(self) -> None:
        """Call, control id and labels choose streams; calls are chosen by call id, and left out with control ids."""
        async with served() as gateway:
            await gateway.written(
                gateway.call(CallState.ANSWERED),
                gateway.call(CallState.ANSWERED, "call-2"),
                gateway.stream(StreamState.STREAMING, "a", labels={"team": "x"}),
                gateway.stream(StreamState.STREAMING, "b", call_id="call-2", labels={"team": "x", "env": "y"}),
                gateway.stream(StreamState.STREAMING, "c", call_id="call-2"),
            )
            for filter_, expected in (
                ({"call_ids": ["call-2"]}, (["b", "c"], ["call-2"])),
                ({"control_ids": ["a", "c"]}, (["a", "c"], [])),
                ({"call_ids": ["call-2"], "control_ids": ["a", "c"]}, (["c"], [])),
                ({"labels": {"team": "x"}}, (["a", "b"], ["call-1", "call-2"])),
                ({"labels": {"team": "x", "env": "y"}}, (["b"], ["call-1", "call-2"])),
                ({"types": [event_pb2.EVENT_TYPE_CALL_ENDED]}, (["a", "b", "c"], ["call-1", "call-2"])),
            ):
                assert await shown(gateway.watch(include_snapshot=True, filter=filter_)) == expected, filter_

    async def test_parts(self) -> None:
        """A large snapshot comes in parts of at most 500; all have the same cursor, and the last one says so."""
        async with served() as gateway:
            await gateway.written(
                *(gateway.stream(StreamState.STREAMING, f"s{number}") for number in range(1201)),
                *(gateway.call(CallState.ANSWERED, f"c{number}") for number in range(600)),
            )
            watch = gateway.watch(include_snapshot=True)
            await watch.opened()
            cursor = watch.cursor
            parts: list[stream_service_pb2.WatchEventsResponse] = []
            while not parts or not parts[-1].snapshot.last:
                parts.append(await watch.next())
            assert [len(part.snapshot.streams) for part in parts] == [500, 500, 201, 0]
            assert [len(part.snapshot.calls) for part in parts] == [0, 0, 299, 301]
            assert [part.snapshot.last for part in parts] == [False, False, False, True]
            assert {part.cursor for part in parts} == {cursor}
            assert len({stream.control_id for part in parts for stream in part.snapshot.streams}) == 1201
            assert len({call.call_id for part in parts for call in part.snapshot.calls}) == 600
            await gateway.written(gateway.session())
            assert (await watch.event()).sequence == 1802

    async def test_exactly_full_parts(self) -> None:
        """A part that is just full is not followed by an empty one."""
        async with served() as gateway:
            await gateway.written(*(gateway.stream(StreamState.STREAMING, f"s{number}") for number in range(500)))
            watch = gateway.watch(include_snapshot=True)
            await watch.opened()
            assert len(await watch.snapshot()) == 1

    async def test_large_streams(self) -> None:
        """Parts fit a client's message, with labels as large as they may be."""
        async with served() as gateway:
            labels = {f"{number:063}": "x" * 255 for number in range(32)}
            await gateway.written(
                *(gateway.stream(StreamState.STREAMING, f"s{number}", labels=labels) for number in range(500))
            )
            watch = gateway.watch(include_snapshot=True)
            await watch.opened()
            parts = await watch.snapshot()
            assert len({stream.control_id for part in parts for stream in part.streams}) == 500
            assert len(parts) > 1

    async def test_a_stream_that_is_too_large(self) -> None:
        """One that alone is more than a part should have gets a part of its own."""
        async with served() as gateway:
            names = ["a", "b" * (3 << 20), "c"]
            await gateway.written(*(gateway.stream(StreamState.STREAMING, name[0], name=name) for name in names))
            watch = gateway.watch(include_snapshot=True)
            await watch.opened()
            parts = await watch.snapshot()
            assert [[stream.name for stream in part.streams] for part in parts] == [[name] for name in names]


class TestConsistency:
    """A snapshot and the events after it fit together."""

    async def test_what_is_not_durable_yet(self) -> None:
        """A snapshot shows nothing before it is durable: a crash could undo what a client was told."""
        async with served() as gateway:
            with gateway.commits_held():
                sequence = gateway.write(gateway.stream(StreamState.STREAMING))
                watch = gateway.watch(include_snapshot=True)
                await wait_until(lambda: len(gateway.journal._commit_waiters) == 1)
                assert gateway.journal.head < sequence
            await watch.opened()
            assert decode_cursor(watch.cursor).sequence == sequence
            (part,) = await watch.snapshot()
            assert [stream.control_id for stream in part.streams] == ["stream-1"]

    async def test_under_churn(self) -> None:
        """However streams begin and end while watches are opened, snapshot plus events is the state at the end."""
        async with served() as gateway:
            stop = asyncio.Event()

            async def churn() -> None:
                for number in itertools.count():
                    last = gateway.write(*_moves(gateway, number))
                    # Sometimes ahead of what is durable, sometimes not.
                    await (gateway.journal.committed(last) if number % 5 == 0 else asyncio.sleep(0))
                    if stop.is_set():
                        return

            async with asyncio.TaskGroup() as tasks:
                churning = tasks.create_task(churn())
                watches = []
                for _ in range(30):
                    watches.append(gateway.watch(include_snapshot=True))
                    await watches[-1].opened()
                stop.set()
                await churning
            end = await gateway.written(gateway.session())
            expected = {stream.control_id: int(stream.state) for stream in gateway.engine.registry.active_streams()}
            assert expected
            assert len({decode_cursor(watch.cursor).sequence for watch in watches}) > 5, "nothing moved in between"
            for watch in watches:
                assert await _folded(watch, end) == expected


def _moves(gateway: Served, number: int) -> list[Draft]:
    """One stream begins, one goes on, one ends; two of three control ids are left running."""
    moves = [gateway.stream(StreamState.STARTING, f"s{number}")]
    if number:
        moves.append(gateway.stream(StreamState.STREAMING, f"s{number - 1}"))
    if number > 2 and number % 3:
        moves.append(gateway.stream(StreamState.FINISHED, f"s{number - 3}"))
    return moves


async def _folded(watch: Watch, end: int) -> dict[str, int]:
    """States of active streams as a client knows them that has read up to sequence `end`."""
    position = decode_cursor(watch.cursor).sequence
    parts = await watch.snapshot()
    states = {stream.control_id: int(stream.state) for part in parts for stream in part.streams}
    while position < end:
        for event in (await watch.next()).events.events:
            assert event.sequence == position + 1
            position = event.sequence
            if event.HasField("stream"):
                states[event.control_id] = int(event.stream.state)
    return {control_id: state for control_id, state in states.items() if state not in ENDED}
