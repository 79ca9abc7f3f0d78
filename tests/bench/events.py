"""Events from RELAY to watchers, durable, against a bare fan-out that keeps nothing."""

from typing import Any

from tests.bench.figures import Figure
from tests.bench.worlds import World, bare, gateway

__all__ = ["latency", "throughput"]

_SUBJECTS = 100
_PADDING = 40
_WINDOW = 4_000
_DELIVERIES = 2_000_000
"""At most, so that a round takes seconds."""
_WANTED = {1: 0.5, 100: 0.7, 1_000: 0.8}


async def throughput(rounds: int, events: int, watchers: tuple[int, ...] = (1, 100, 1_000)) -> list[Figure]:
    """How many events per second reach all watchers."""
    figures = []
    for count in watchers:
        figure = Figure(f"durable events to {count:,} watchers", "events/s", _WANTED.get(count))
        number = max(1_000, min(events, _DELIVERIES // count))
        for _ in range(rounds):
            async with gateway(_SUBJECTS) as world:
                ours = await _flood(world, count, number)
            async with bare("bare_fanout") as world:
                theirs = await _flood(world, count, number)
            figure.add(ours["per_second"], theirs["per_second"], max(ours["load_busy"], theirs["load_busy"]))
        figures.append(figure)
    return figures


async def _flood(world: World, watchers: int, events: int) -> dict[str, Any]:
    await world.watch(watchers, connections=min(watchers, 8))
    await _flood_once(world, events // 4)  # warm
    return await _flood_once(world, events)


async def _flood_once(world: World, events: int) -> dict[str, Any]:
    await world.load.ask("expect")
    sent = await world.peer.ask("flood", count=events, subjects=_SUBJECTS, window=_WINDOW, padding=_PADDING)
    seen = await world.load.ask("finish")
    return {**seen, "per_second": events / (seen["last"] - sent["began"])}


async def latency(
    rounds: int, seconds: float, per_second: int = 100, watchers: tuple[int, ...] = (1, 100, 1_000)
) -> list[Figure]:
    """How long an event takes from RELAY's frame to the client."""
    figures = []
    for count in watchers:
        median = Figure(f"delivery p50 at {per_second} events/s, {count:,} watchers", "ms", 1.5, lower_is_better=True)
        tail = Figure(f"delivery p99 at {per_second} events/s, {count:,} watchers", "ms", None, lower_is_better=True)
        for _ in range(rounds):
            async with gateway(_SUBJECTS) as world:
                ours = await _steady(world, count, per_second, seconds)
            async with bare("bare_fanout") as world:
                theirs = await _steady(world, count, per_second, seconds)
            busy = max(ours["load_busy"], theirs["load_busy"])
            median.add(ours["p50"], theirs["p50"], busy)
            tail.add(ours["p99"], theirs["p99"], busy)
        figures += [median, tail]
    return figures


async def _steady(world: World, watchers: int, per_second: int, seconds: float) -> dict[str, Any]:
    await world.watch(watchers, connections=min(watchers, 8))
    await _steady_once(world, per_second, seconds / 4)  # warm
    return await _steady_once(world, per_second, seconds)


async def _steady_once(world: World, per_second: int, seconds: float) -> dict[str, Any]:
    await world.load.ask("expect")
    await world.peer.ask("rate", per_second=per_second, seconds=seconds, subjects=_SUBJECTS, padding=_PADDING)
    return await world.load.ask("finish")
