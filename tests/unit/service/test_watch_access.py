"""Watches and waiting RPCs whose clients change or go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration

from callstream.v1 import stream_service_pb2
from gateway.access.entry import Entry
from gateway.access.tokens import Tokens
from gateway.domain.calls import CallState
from gateway.service.gate import TokenGate
from gateway.service.rpc import Surroundings
from tests.support.access import TokenClient, entry, token_of, write_tokens
from tests.support.serving import Served, Watch, error_details, served, wait_until

KEPT, GOES = entry("kept", "events:read"), entry("goes", "events:read")


class Guarded:
    """A gateway whose tokens keep up with their file."""

    def __init__(self, gateway: Served, path: Path) -> None:
        self.gateway = gateway
        self.path = path
        self.kept = TokenClient(gateway.client.address, token_of("kept"))
        self.goes = TokenClient(gateway.client.address, token_of("goes"))
        self.now = 1000.0
        self.rechecks = 0

    async def change(self, entries: Iterable[Entry]) -> None:
        """Replaces the file; returns once that has taken effect."""
        before = self.rechecks
        write_tokens(self.path, entries)
        await self.rechecked(before)

    async def rechecked(self, before: int) -> None:
        """Returns once open watches have been looked at."""
        async with asyncio.timeout(10):
            while self.rechecks == before:  # noqa: ASYNC110 - the file is asked in turns
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def guarded(path: Path, *entries: Entry, tells_watches: bool = True) -> AsyncIterator[Guarded]:
    """The gateway, at work as the server lets it."""
    write_tokens(path, entries or (KEPT, GOES))
    found: Guarded | None = None
    tokens = Tokens(path, interval=0.005, now=lambda: 1000.0 if found is None else found.now)
    async with served(around=Surroundings(gate=TokenGate(tokens))) as gateway:
        opened = found = Guarded(gateway, path)

        def recheck() -> None:
            if tells_watches:
                gateway.services.watches.recheck(tokens.now_of)
            opened.rechecks += 1

        task = asyncio.create_task(tokens.run(recheck), name="tokens")
        try:
            yield opened
        finally:
            task.cancel()
            await asyncio.wait([task])
            await opened.kept.channel.close()
            await opened.goes.channel.close()


async def bad_token(watch: Watch) -> None:
    """The watch ends now, and is not to be resumed."""
    error = await watch.failure()
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error_details(error).reason == "BAD_TOKEN"


async def test_the_watch_of_a_removed_token_ends(tmp_path: Path) -> None:
    """At once, though nothing happens that it could tell of; those of others go on, also if the file was reordered."""
    async with guarded(tmp_path / "t.toml") as world:
        kept, goes = Watch(world.kept), Watch(world.goes)
        await kept.opened()
        await goes.opened()
        await world.change([entry("new"), KEPT])
        await bad_token(goes)
        await world.gateway.written(world.gateway.session())
        await kept.event()
        assert world.gateway.services.watches.count == 1


async def test_the_watch_of_an_expired_token_ends(tmp_path: Path) -> None:
    """When its time comes."""
    brief = entry("goes", "events:read", not_after=datetime(1970, 1, 1, 0, 20, tzinfo=UTC))
    async with guarded(tmp_path / "t.toml", KEPT, brief) as world:
        goes, kept = Watch(world.goes), Watch(world.kept)
        await kept.opened()
        await goes.opened()
        world.now = 1200.0
        await bad_token(goes)
        await world.gateway.written(world.gateway.session())
        await kept.event()


async def test_a_watch_whose_rights_change_is_opened_again(tmp_path: Path) -> None:
    """It closes as one that has reached its age, and its client gets what it may see now from where it was."""
    async with guarded(tmp_path / "t.toml") as world:
        gateway = world.gateway
        watch = Watch(world.goes)
        await watch.opened()
        await gateway.written(gateway.call(CallState.ANSWERED, "a", context="sales"))
        await watch.event()
        await world.change([KEPT, entry("goes", "events:read", contexts=["sales"])])
        responses, code = await watch.rest()
        (closing,) = responses
        assert closing.closing.reason == stream_service_pb2.WATCH_CLOSE_REASON_MAX_AGE
        assert code is grpc.StatusCode.UNAVAILABLE
        await gateway.written(
            gateway.call(CallState.ANSWERED, "b", context="support"),
            gateway.call(CallState.ENDED, "a", context="sales"),
        )
        again = Watch(world.goes, after_cursor=closing.cursor)
        await again.opened()
        assert (await again.event()).call_id == "a"


async def test_no_event_reaches_somebody_who_is_nobody_any_more(tmp_path: Path) -> None:
    """Each message is asked for its reader, also if the watch itself has not been told yet."""
    async with guarded(tmp_path / "t.toml", tells_watches=False) as world:
        watch = Watch(world.goes)
        await watch.opened()
        await world.change([KEPT])
        await world.gateway.written(world.gateway.session())
        await bad_token(watch)


async def test_no_answer_reaches_somebody_who_is_nobody_any_more(tmp_path: Path) -> None:
    """A long poll that was let in is refused at its end."""
    async with guarded(tmp_path / "t.toml") as world:
        request = stream_service_pb2.ListEventsRequest(wait=Duration(seconds=30), from_now=True)
        poll = world.goes.streams.ListEvents(request)
        await wait_until(lambda: len(world.gateway.journal._head_waiters) == 1)
        await world.change([KEPT])
        await world.gateway.written(world.gateway.session())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await poll
        assert error_details(refused.value).reason == "BAD_TOKEN"
