"""StartStream against a bare handler that makes the same round trip to RELAY."""

from typing import Any

from callstream.v1 import stream_service_pb2
from tests.bench.figures import Figure
from tests.bench.worlds import START_STREAM, World, bare, gateway

__all__ = ["measure"]

_CALLS = 2_000
_REQUEST = stream_service_pb2.StartStreamRequest(url="wss://audio.example.com/in", name="").SerializeToString()


async def measure(rounds: int, seconds: float) -> list[Figure]:
    """Rate and cost at concurrency 64, latency at concurrency 1."""
    rate = Figure("StartStream at concurrency 64", "RPC/s", 0.8)
    cost = Figure("server CPU per StartStream at concurrency 64", "µs", 1 / 0.8, lower_is_better=True)
    median = Figure("StartStream p50 at concurrency 1", "ms", 1.25, lower_is_better=True)
    tail = Figure("StartStream p99 at concurrency 1", "ms", 1.25, lower_is_better=True)
    for _ in range(rounds):
        async with gateway(_CALLS) as world:
            ours, alone = await _both(world, seconds)
        async with bare("bare_unary") as world:
            theirs, theirs_alone = await _both(world, seconds)
        busy = max(ours["load_busy"], theirs["load_busy"])
        rate.add(ours["per_second"], theirs["per_second"], busy)
        cost.add(ours["cost"], theirs["cost"], busy)
        median.add(alone["p50"], theirs_alone["p50"])
        tail.add(alone["p99"], theirs_alone["p99"])
    return [rate, cost, median, tail]


async def _both(world: World, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    await _load(world, seconds / 4, 64)  # warm
    crowded = await _load(world, seconds, 64)
    alone = await _load(world, seconds / 2, 1)
    return crowded, alone


async def _load(world: World, seconds: float, concurrency: int) -> dict[str, Any]:
    before = world.server.cpu_seconds()
    done = await world.load.ask(
        "unary", address=world.address, method=START_STREAM, fixed=_REQUEST.hex(), calls=_CALLS, seconds=seconds,
        concurrency=concurrency, connections=min(4, concurrency),
    )  # fmt: skip
    used = world.server.cpu_seconds() - before
    if set(done["statuses"]) != {"0"}:
        raise RuntimeError(f"RPCs ended with {done['statuses']}")
    return {**done, "cost": 1e6 * used / done["count"]}
