"""The asyncio client against a server that follows a script."""

import asyncio
from pathlib import Path

import grpc
import pytest

import callstream.aio
from callstream import Bookmark, Events, Snapshot, WatchItem, WatchOptions
from callstream.v1.event_pb2 import Event
from callstream.v1.stream_service_pb2 import ListStreamsRequest, WatchEventsRequest
from gateway.emulator.certificates import make_certificates
from tests.support.scripted_watches import Fails, Script, ScriptedWatches, Stays
from tests.support.watch_messages import bookmark, events, opened, part

AT_ONCE = WatchOptions(backoff_initial=0.001, backoff_max=0.001)
IMPATIENT = WatchOptions(backoff_initial=0.001, backoff_max=0.001, dead_after_intervals=0.2)
"""With an interval of a second."""
WITHIN = 10.0
GONE = Fails(grpc.StatusCode.UNAVAILABLE)
RESET = Fails(grpc.StatusCode.CANCELLED)
"""What gRPC makes of a request that reaches a server in the last moment of its shutdown."""


async def test_hands_over_what_comes_until_it_is_complete() -> None:
    """Items come in order; the watch ends with the server's OK and leaves nothing open."""
    script: Script = [opened("c0"), part("c1", last=True), events("c2", 1, 2), bookmark("c3")]
    with ScriptedWatches(script) as server:
        async with callstream.aio.connect(server.address) as client:
            watch = client.watch(WatchEventsRequest(include_snapshot=True))
            assert [item async for item in watch] == [
                Snapshot("c1", (), (), last=True, reset=False),
                Events("c2", (Event(sequence=1), Event(sequence=2))),
                Bookmark("c3"),
            ]
            assert watch.cursor == "c3"
            assert [item async for item in watch] == []


async def test_goes_on_where_it_was() -> None:
    """After each end that is not its own one watch is opened at the last cursor, never two at a time."""
    scripts: list[Script] = [
        [opened("c0"), events("c1", 1), GONE],
        [RESET],
        [opened("c1"), events("c2", 2), GONE],
        [events("c3", 3)],
    ]
    with ScriptedWatches(*scripts) as server:
        async with callstream.aio.connect(server.address) as client:
            found = [item async for item in client.watch(WatchEventsRequest(from_oldest=True), AT_ONCE)]
    assert [item.cursor for item in found] == ["c1", "c2", "c3"]
    assert [request.after_cursor for request in server.requests] == ["", "c1", "c1", "c2"]
    assert server.most_open == 1


async def test_lost_history_begins_again() -> None:
    """OUT_OF_RANGE brings a snapshot that is marked."""
    scripts: list[Script] = [
        [Fails(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_COMPACTED")],
        [opened("c5"), part("c5", last=True)],
    ]
    with ScriptedWatches(*scripts) as server:
        async with callstream.aio.connect(server.address) as client:
            (item,) = [item async for item in client.watch(WatchEventsRequest(after_cursor="c1"), AT_ONCE)]
    assert item == Snapshot("c5", (), (), last=True, reset=True)


async def test_other_errors_are_raised() -> None:
    """An error that is the user's ends the watch, and can be read."""
    with ScriptedWatches([Fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_LIMIT")]) as server:
        async with callstream.aio.connect(server.address) as client:
            watch = client.watch()
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await anext(watch)
            assert callstream.error_details(failed.value).reason == "WATCH_LIMIT"
            assert [item async for item in watch] == []


@pytest.mark.parametrize("token", [None, "t0k"])
async def test_a_silent_connection_is_left_for_a_new_one(token: str | None) -> None:
    """What says nothing for too long is dead; the next watch comes over another connection, also a second time."""
    scripts: list[Script] = [
        [opened("c0", 1), events("c1", 1), Stays()],
        [opened("c1", 1), Stays()],
        [opened("c1", 1), events("c2", 2)],
    ]
    with ScriptedWatches(*scripts) as server:
        async with callstream.aio.connect(server.address, token=token) as client:
            found = [item async for item in client.watch(None, IMPATIENT)]
    assert [item.cursor for item in found] == ["c1", "c2"]
    assert [request.after_cursor for request in server.requests] == ["", "c1", "c1"]
    assert len(set(server.peers)) == 3


@pytest.mark.parametrize("token", [None, "t0k"])
async def test_cancelling_the_reader_ends_the_watch(token: str | None) -> None:
    """The stream at the gateway ends with the task that reads it."""
    stays = Stays()
    with ScriptedWatches([opened("c0"), stays]) as server:
        async with callstream.aio.connect(server.address, token=token) as client:
            watch = client.watch()
            reader = asyncio.create_task(anext(watch))
            assert await asyncio.to_thread(stays.reached.wait, WITHIN)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            assert await asyncio.to_thread(stays.left.wait, WITHIN)


@pytest.mark.parametrize("what", ["watch", "client"])
async def test_close_ends_the_wait_of_another_task(what: str) -> None:
    """Who waits in a watch that is closed, by itself or with its client, is told that there is no more."""
    stays = Stays()
    with ScriptedWatches([opened("c0"), stays]) as server:
        async with callstream.aio.connect(server.address) as client:
            watch = client.watch()

            async def read() -> list[WatchItem]:
                return [item async for item in watch]

            reader = asyncio.create_task(read())
            assert await asyncio.to_thread(stays.reached.wait, WITHIN)
            await (watch if what == "watch" else client).close()
            assert await reader == []
            assert await asyncio.to_thread(stays.left.wait, WITHIN)


async def test_whoever_gives_up_waiting_can_come_back() -> None:
    """A read that is given up loses nothing: the next one goes on where the watch was."""
    stays = Stays()
    with ScriptedWatches([events("c1", 1), stays], [events("c2", 2)]) as server:
        async with callstream.aio.connect(server.address) as client, client.watch() as watch:
            assert (await anext(watch)).cursor == "c1"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await anext(watch)
            assert [item.cursor async for item in watch] == ["c2"]
    assert [request.after_cursor for request in server.requests] == ["", "c1"]


async def test_leaving_the_block_ends_the_watch() -> None:
    """Nothing is left open at the gateway, and the watch is over."""
    stays = Stays()
    with ScriptedWatches([events("c1", 1), stays]) as server:
        async with callstream.aio.connect(server.address) as client:
            async with client.watch() as watch:
                await anext(watch)
                assert await asyncio.to_thread(stays.reached.wait, WITHIN)
            assert await asyncio.to_thread(stays.left.wait, WITHIN)
            assert [item async for item in watch] == []


async def test_the_token_goes_with_each_request() -> None:
    """Unary requests and watches carry it."""
    with ScriptedWatches([opened()]) as server:
        async with callstream.aio.connect(server.address, token="t0k") as client:
            assert [item async for item in client.watch()] == []
            answer = await client.streams.ListStreams(ListStreamsRequest(page_token="x"), timeout=WITHIN)
            assert answer.next_page_token == "x"
    assert [headers["authorization"] for headers in server.headers] == ["Bearer t0k"] * 2


async def test_encryption(tmp_path: Path) -> None:
    """With a CA file the connection is encrypted and the gateway's name checked."""
    files = make_certificates(tmp_path)
    credentials = grpc.ssl_server_credentials([(files.key.read_bytes(), files.certificate.read_bytes())])
    with ScriptedWatches([opened(), events("c1", 1)], credentials=credentials) as server:
        async with callstream.aio.connect(server.address, ca_file=files.ca) as client:
            assert [item.cursor async for item in client.watch()] == ["c1"]
