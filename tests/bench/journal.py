"""Journals that have become long: watches that begin far back, restarts, and what an event costs."""

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from callstream.v1 import stream_service_pb2
from gateway.journal.sqlite import JOURNAL_NAME
from tests.bench.figures import Figure
from tests.bench.prepared import clone, prepare
from tests.bench.processes import Process
from tests.bench.worlds import WATCH_EVENTS, World, gateway_on

__all__ = ["backlog", "calls_known", "length", "restart"]

_FROM_OLDEST: Final = stream_service_pb2.WatchEventsRequest(from_oldest=True).SerializeToString().hex()
_FLAT: Final = 1.15
_SUBJECTS: Final = 100
_WINDOW: Final = 4_000
_PADDING: Final = 40


async def backlog(rounds: int, events: int) -> list[Figure]:
    """A watch that begins at the oldest event, against reading SQLite alone."""
    figure = Figure(f"a watch that begins {events:,} events back", "events/s", 0.5)
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        data = Path(directory) / "data"
        await prepare(data, events, fin=True)
        for _ in range(rounds):
            async with gateway_on(data) as world:
                began = time.monotonic()
                await world.load.ask(
                    "open", address=world.address, method=WATCH_EVENTS, body=_FROM_OLDEST, count=1, connections=1
                )
                seen = await world.load.ask("finish")
                ours = events / (seen["last"] - began)
            async with await Process.start("bare_reader", str(data / JOURNAL_NAME)) as reader:
                await reader.ask("read")  # warm
                alone = await reader.ask("read")
            figure.add(ours, alone["count"] / alone["seconds"], seen["load_busy"])
    return [figure]


async def restart(rounds: int, events: int, more: int) -> list[Figure]:
    """From the start of the process to serving, after a clean end and after kill -9; and with a longer journal."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        short, long = Path(directory) / "short", Path(directory) / "long"
        await prepare(short, events)
        await prepare(long, more)
        for how in ("a clean end", "kill -9"):
            ready = Figure(f"restart with {events:,} events to ready, after {how}", "s", limit=3.0)
            flat = Figure(f"the same with {more:,} events, against {events:,}", "s", _FLAT, lower_is_better=True)
            for _ in range(rounds):
                seconds, seconds_more = [await _restarted(data, how == "kill -9") for data in (short, long)]
                ready.add(seconds, 0.0)
                flat.add(seconds_more, seconds)
            figures += [ready, flat]
    return figures


async def _restarted(data: Path, killed: bool) -> float:
    async with gateway_on(data, kill=killed):
        pass
    began = time.monotonic()
    async with gateway_on(data) as world:
        return world.ready - began


async def length(rounds: int, lengths: Sequence[int], events: int) -> list[Figure]:
    """What an event costs when so many are in the journal already, against the shortest."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        prepared = {number: Path(directory) / f"{number}" for number in lengths}
        for number, data in prepared.items():
            await prepare(data, number)
        costs: list[Mapping[int, float]] = []
        for turn in range(rounds):
            cost = {}
            for number, data in prepared.items():
                # The longest are not copied: what one round adds is nothing to them.
                used = data if number > 1_000_000 else clone(data, Path(directory) / f"{number}-{turn}")
                async with gateway_on(used, calls=100) as world:
                    cost[number] = await _cost(world, events)
            costs.append(cost)
    return _against_first(costs, "server CPU per event with {:,} events in the journal")


async def calls_known(rounds: int, numbers: Sequence[int], events: int) -> list[Figure]:
    """What an event costs when so many calls are known, against the fewest."""
    costs: list[Mapping[int, float]] = []
    for _ in range(rounds):
        cost = {}
        for number in numbers:
            async with _with_calls(number) as world:
                cost[number] = await _cost(world, events)
        costs.append(cost)
    return _against_first(costs, "server CPU per event with {:,} calls known")


@contextlib.asynccontextmanager
async def _with_calls(number: int) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        async with gateway_on(Path(directory) / "data", calls=number) as world:
            yield world


async def _cost(world: World, events: int) -> float:
    """Microseconds of the server's processors per event."""
    await _flood(world, events // 4)  # warm
    before = world.server.cpu_seconds()
    await _flood(world, events)
    return 1e6 * (world.server.cpu_seconds() - before) / events


async def _flood(world: World, events: int) -> None:
    await world.peer.ask("flood", count=events, subjects=_SUBJECTS, window=_WINDOW, padding=_PADDING)


def _against_first(costs: Sequence[Mapping[int, float]], name: str) -> list[Figure]:
    first = min(costs[0])
    figures = []
    for number in sorted(costs[0]):
        wanted = None if number == first else _FLAT
        figure = Figure(name.format(number), "µs", wanted, lower_is_better=True)
        for cost in costs:
            figure.add(cost[number], 0.0 if number == first else cost[first])
        figures.append(figure)
    return figures
