"""The end of a run: waits until nothing moves any more, and gathers what the validators judge."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import grpc.aio

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from tests.support.chaos.followers import Follower
from tests.support.chaos.world import Stubs, World
from tests.support.histories import History, Journal, Place, Standing
from tests.support.recording import event_of, files_of, state_name, stored_events

__all__ = ["STILL_FOR", "caught_up", "collect", "settle"]

STILL_FOR: Final = 3.0
"""Seconds without a new event after which nothing is expected any more: longer than RELAY's late `finished` takes."""

_PAGE: Final = 500
_POLL: Final = 0.05
_ANSWERS_WITHIN: Final = 10.0
_SETTLES_WITHIN: Final = 90.0
_FOLLOWED_WITHIN: Final = 20.0
_MOVING: Final = frozenset({"STARTING", "STOPPING", "UNKNOWN"})


async def settle(world: World, still_for: float = STILL_FOR) -> Standing:
    """Who has what, once nothing moves any more, or after a long time."""
    loop = asyncio.get_running_loop()
    until, still_since, former = loop.time() + _SETTLES_WITHIN, loop.time(), (-1, False)
    stubs = world.stubs()
    while True:
        head, standing = await _standing(world, stubs)
        moving = any(state in _MOVING for _, _, state in standing.streams) or bool(standing.unacknowledged)
        if (head, moving) != former:
            former, still_since = (head, moving), loop.time()
        if (not moving and loop.time() - still_since >= still_for) or loop.time() >= until:
            world.counts["seconds until settled"] = round(_SETTLES_WITHIN - (until - loop.time()))
            return standing
        await asyncio.sleep(_POLL)


async def _standing(world: World, stubs: Stubs) -> tuple[int, Standing]:
    """The newest sequence, and who has what now."""
    try:
        info = await stubs.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=_ANSWERS_WITHIN)
        streams, calls = await _streams(stubs), await _calls(stubs)
        head = info.journal.head_sequence
    except grpc.aio.AioRpcError as error:
        world.counts[f"asked in vain how things are: {error.code().name}"] += 1
        head, streams, calls = -1, [("", "", "UNKNOWN")], []
    emulator = world.emulator
    standing = Standing(
        streams,
        calls,
        [(*key, stream.state) for key, stream in emulator.streams.items()],
        [(call.call_id, call.state) for call in emulator.calls.values()],
        [event_id for session in emulator.sessions.values() if session.connected for event_id in session.unacked],
    )
    return head, standing


async def _streams(stubs: Stubs) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    token = ""
    while True:
        request = stream_service_pb2.ListStreamsRequest(page_size=_PAGE, page_token=token)
        page = await stubs.streams.ListStreams(request, timeout=_ANSWERS_WITHIN)
        found += [(stream.call_id, stream.control_id, state_name("stream", stream.state)) for stream in page.streams]
        token = page.next_page_token
        if not token:
            return found


async def _calls(stubs: Stubs) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        request = call_service_pb2.ListCallsRequest(page_size=_PAGE, page_token=token)
        page = await stubs.calls.ListCalls(request, timeout=_ANSWERS_WITHIN)
        found += [(call.call_id, state_name("call", call.state)) for call in page.calls]
        token = page.next_page_token
        if not token:
            return found


async def caught_up(world: World, followers: Sequence[Follower]) -> int:
    """Waits until every follower has come to the newest event, or ought to have; returns its sequence."""
    head, _ = await _standing(world, world.stubs())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FOLLOWED_WITHIN):
            while any(follower.position < head for follower in followers):  # noqa: ASYNC110 - they tell nobody
                await asyncio.sleep(_POLL)
    return head


async def collect(world: World, followers: Sequence[Follower], standing: Standing, head: int) -> History:
    """Everything that was seen, after the last process has ended."""
    await world.gateway.revive()
    stubs = world.stubs()
    listed, told, cursor = [], [], ""
    while True:
        request = stream_service_pb2.ListEventsRequest(page_size=_PAGE)
        if cursor:
            request.after_cursor = cursor
        page = await stubs.streams.ListEvents(request, timeout=_ANSWERS_WITHIN)
        listed += [event_of(event) for event in page.events]
        told += [str(event) for event in page.events]
        cursor = page.next_cursor
        if page.at_head:
            break
    info = await stubs.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=_ANSWERS_WITHIN)
    files = files_of(world.gateway.data_dir)
    await world.gateway.terminate()
    world.frames.take(world.emulator.frames)
    journal = Journal(
        info.journal.epoch, info.journal.oldest_sequence, head, listed, stored_events(world.gateway.data_dir)
    )
    return History(
        world.frames.frames,
        world.asks,
        [follower.watcher() for follower in followers],
        journal,
        standing,
        [
            world.gateway.log,
            Place("the events", "\n".join(told)),
            Place("what clients were answered", "\n".join(sorted(world.told))),
            *files,
            *[
                Place(f"{place.name} at the end", place.text, place.keeps_session)
                for place in files_of(world.gateway.data_dir)
            ],
        ],
        world.secrets,
        world.frames.authorization_states,
        world.lag,
    )
