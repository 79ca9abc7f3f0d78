"""The clients of a measurement, in a process of their own, with a word on whether they were what held it up."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import uvloop

from tests.bench.commands import obey
from tests.bench.http2 import Connection, Rpc, connect

_FIN: Final = b'"fin":true'
_SENT: Final = re.compile(rb'"sent_ns":(\d+)')
_CARRY: Final = 64


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90 and p99 of some values, in milliseconds."""
    ordered = sorted(values) or [float("nan")]
    last = len(ordered) - 1
    return {f"p{part}": 1000 * ordered[min(last, round(last * part / 100))] for part in (50, 90, 99)}


class _Meter:
    """How busy this process is."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._cpu = time.process_time()

    def read(self) -> dict[str, float]:
        seconds = time.monotonic() - self.began
        return {"seconds": seconds, "load_busy": (time.process_time() - self._cpu) / seconds}


class _Unary:
    """So many RPCs at a time, the next one as soon as one is over."""

    def __init__(self, connections: Sequence[Connection], method: str, fixed: bytes, calls: int) -> None:
        self._connections = connections
        self._method = method
        self._fixed = fixed
        self._calls = calls
        self._number = 0
        self._running = 0
        self._until = 0.0
        self._idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}

    async def run(self, seconds: float, concurrency: int) -> None:
        self._until = time.monotonic() + seconds
        for _ in range(concurrency):
            self._next()
        await self._idle

    def _next(self) -> None:
        number, self._number = self._number, self._number + 1
        body = self._fixed
        if self._calls:
            call = b"call-%d" % (number % self._calls)
            body = b"\x0a" + bytes([len(call)]) + call + body
        rpc = Rpc(self._over)
        self._running += 1
        rpc.began = time.monotonic()
        self._connections[number % len(self._connections)].call(self._method, body, rpc)

    def _over(self, rpc: Rpc) -> None:
        now = time.monotonic()
        self._running -= 1
        self.latencies.append(now - rpc.began)
        self.statuses[rpc.status] = self.statuses.get(rpc.status, 0) + 1
        if now < self._until:
            self._next()
        elif not self._running and not self._idle.done():
            self._idle.set_result(None)


async def unary(
    address: str, method: str, fixed: str, calls: int, seconds: float, concurrency: int, connections: int
) -> Mapping[str, Any]:
    """RPCs of one method for a while. `fixed` is the request in hex; before it goes `call_id` if there are calls."""
    opened = [await connect(address) for _ in range(connections)]
    work = _Unary(opened, method, bytes.fromhex(fixed), calls)
    meter = _Meter()
    await work.run(seconds, concurrency)
    used = meter.read()
    for connection in opened:
        connection.close()
    count = len(work.latencies)
    return {"count": count, "per_second": count / used["seconds"], "statuses": work.statuses, **used,
            **percentiles(work.latencies)}  # fmt: skip


class _Watcher:
    """One watch: waits for the event that says `fin`, and measures on the way if it is to."""

    def __init__(self, measures: bool) -> None:
        self.rpc = Rpc(self._ended, self._measured if measures else self._plain)
        self.latencies: list[float] = []
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.finished: asyncio.Future[float] = loop.create_future()
        self._tail = b""

    def expect(self) -> None:
        """Another `fin` is to come."""
        self.finished = asyncio.get_running_loop().create_future()
        self.latencies.clear()
        self._tail = b""  # which holds the last one

    def _plain(self, data: bytes) -> None:
        if _FIN in data or _FIN in self._tail + data[:_CARRY]:
            self._fin()
        self._tail = data[-_CARRY:]
        if not self.opened.done():
            self.opened.set_result(None)

    def _measured(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.latencies += [(now - int(sent)) / 1e9 for sent in _SENT.findall(data)]
        self._plain(data)

    def _fin(self) -> None:
        if not self.finished.done():
            self.finished.set_result(time.monotonic())

    def _ended(self, rpc: Rpc) -> None:
        error = ConnectionError(f"a watch ended with status {rpc.status}")
        for future in (self.opened, self.finished):
            if not future.done():
                future.set_exception(error)


class Watchers:
    """Watches that stay open from one command to the next."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._watchers: list[_Watcher] = []
        self._meter = _Meter()

    async def open(self, address: str, method: str, body: str, count: int, connections: int) -> Mapping[str, Any]:
        """Opens watches, and returns once each has got its first message. `connections` 0: each has its own."""
        shared = [await connect(address) for _ in range(connections or count)]
        self._connections += shared
        step = max(1, count // 50)
        for number in range(count):
            watcher = _Watcher(number % step == 0)
            shared[number % len(shared)].call(method, bytes.fromhex(body), watcher.rpc)
            self._watchers.append(watcher)
        await asyncio.gather(*(watcher.opened for watcher in self._watchers))
        return {}

    async def expect(self) -> Mapping[str, Any]:
        """Measures from now on, until the next `fin`."""
        for watcher in self._watchers:
            watcher.expect()
        self._meter = _Meter()
        return {}

    async def finish(self) -> Mapping[str, Any]:
        """Returns once all have seen `fin`."""
        times = await asyncio.gather(*(watcher.finished for watcher in self._watchers))
        latencies = [value for watcher in self._watchers for value in watcher.latencies]
        received = sum(watcher.rpc.received for watcher in self._watchers)
        return {"first": min(times), "last": max(times), "bytes": received, "samples": len(latencies),
                **self._meter.read(), **percentiles(latencies)}  # fmt: skip

    async def close(self) -> Mapping[str, Any]:
        """Leaves."""
        for watcher in self._watchers:
            watcher.opened.cancel()
            watcher.finished.cancel()
        for connection in self._connections:
            connection.close()
        self._connections, self._watchers = [], []
        return {}


if __name__ == "__main__":
    watchers = Watchers()
    uvloop.run(
        obey(
            {
                "unary": unary, "open": watchers.open, "expect": watchers.expect, "finish": watchers.finish,
                "close": watchers.close,
            }
        )
    )  # fmt: skip
