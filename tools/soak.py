"""A soak: one gateway under constant load and recurring losses, watched for anything that grows.

    python tools/soak.py --minutes 30

First the memories that are bounded by number are filled (the ids of events, the tail of the journal), as their growth
is meant. Then calls come, are streamed, stopped and ended, watches come and go, and the connection to RELAY is cut
every few seconds. The exit code is 1 if memory grew by more than 5 % after the warm-up, or if anything was lost.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the harness is shared with the tests

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2  # noqa: E402
from gateway.emulator.server import Emulator  # noqa: E402
from gateway.relay import wire  # noqa: E402
from tests.support.running import Client, GatewayProcess, running_emulator, start_gateway_process  # noqa: E402
from tools.line_plot import Panel, write_plot  # noqa: E402

ALLOWED_GROWTH = 0.05
WARM_UP = 0.3
"""The part of the run that does not count."""
FLOOD = 140_000
"""Events before the load: more than the gateway remembers ids of."""
PADDING = 600
UNACKED = 800
"""Of these on the way at once: RELAY drops those beyond a thousand."""
LONGEST = 5.0
"""Seconds that streams go on at most before they are stopped."""
URL = "wss://localhost:1/audio"
"""Where nobody listens: the soak tells of audio itself, so that it does not spend its time on sending some."""
SETTINGS = {
    "CALLSTREAM_LOG_LEVEL": "error",
    "CALLSTREAM_ENDED_RETENTION": "20s",
    "CALLSTREAM_RETENTION": "60s",
    "CALLSTREAM_START_TIMEOUT": "5s",
}


@dataclass
class Sample:
    """The gateway at one moment, seconds after the load began."""

    time: float
    rss: float
    threads: int
    files: int
    streams: int
    calls: int
    watches: int
    pending: int
    backlog: int
    connections: int
    head: int


@dataclass
class Soak:
    """What is shared while it runs."""

    emulator: Emulator
    gateway: GatewayProcess
    rate: float
    counts: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def client(self) -> Client:
        """The stubs."""
        return self.gateway.client

    def count(self, what: str, number: int = 1) -> None:
        """Something happened."""
        self.counts[what] = self.counts.get(what, 0) + number


async def flood(soak: Soak) -> None:
    """Fills what is bounded by number."""
    (session,) = soak.emulator.sessions.values()
    for _ in range(FLOOD):
        # As large as what the load brings later: the tail of the journal is bounded by number too.
        told = {"call_id": str(uuid.uuid4()), "control_id": str(uuid.uuid4()), "padding": "x" * PADDING}
        await soak.emulator.send_event("calling.call.play", told)
        while len(session.unacked) > UNACKED:  # noqa: ASYNC110 - the emulator does not tell of acknowledgements
            await asyncio.sleep(0.001)


async def one_call(soak: Soak) -> None:
    """A call comes in, is answered and streamed twice, and ends; errors of lost connections are part of it."""
    try:
        call = await soak.emulator.place_call(timeout=20)
    except TimeoutError:
        return
    streams = soak.client.streams
    call_id, node_id = call.call_id, call.node_id

    async def tried(what: str, rpc: Callable[[], Awaitable[object]]) -> None:
        for _ in range(20):
            try:
                await rpc()
            except grpc.aio.AioRpcError as error:
                soak.count(f"{what} {error.code().name}")
                if error.code() in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}:
                    return
                await asyncio.sleep(0.2)
            else:
                soak.count(what)
                return
        soak.wrong.append(f"{what} did not work in 20 attempts")

    answer = call_service_pb2.AnswerCallRequest(call_id=call_id, node_id=node_id)
    await tried("answers", lambda: soak.client.calls.AnswerCall(answer, timeout=5))
    for control in ("a", "b"):
        request = stream_service_pb2.StartStreamRequest(call_id=call_id, node_id=node_id, control_id=control, url=URL)
        await tried("starts", lambda request=request: streams.StartStream(request, timeout=5))  # type: ignore[misc]
        told = {"call_id": call_id, "node_id": node_id, "control_id": control, "state": "streaming"}
        await soak.emulator.send_event(wire.CALL_STREAM, told)
    await asyncio.sleep(random.uniform(0, LONGEST))  # noqa: S311 - not for secrets
    page = stream_service_pb2.ListStreamsRequest(call_id=call_id)
    await tried("lists", lambda: streams.ListStreams(page, timeout=5))
    stop = stream_service_pb2.StopStreamRequest(call_id=call_id, control_id="a")
    await tried("stops", lambda: streams.StopStream(stop, timeout=5))
    await soak.emulator.hang_up(call_id)
    soak.count("calls")


async def place_calls(soak: Soak) -> None:
    """Calls at a constant rate."""
    async with asyncio.TaskGroup() as calls:
        for _ in itertools.count():
            calls.create_task(one_call(soak), name="call")
            await asyncio.sleep(1 / soak.rate)


async def watch(soak: Soak) -> None:
    """Follows everything for ever, and resumes whatever happens; no event may be missing."""
    cursor, last = "", 0
    while True:
        start = {"after_cursor": cursor} if cursor else {"from_oldest": True}
        request = stream_service_pb2.WatchEventsRequest(**start, max_age={"seconds": random.randint(2, 20)})  # type: ignore[arg-type]  # noqa: S311
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for response in soak.client.streams.WatchEvents(request):
                cursor = response.cursor
                for event in response.events.events:
                    if last and event.sequence != last + 1:
                        soak.wrong.append(f"a watch saw {event.sequence} after {last}")
                    last = event.sequence
                soak.count("events delivered", len(response.events.events))
        soak.count("watches resumed")
        await asyncio.sleep(0.05)


async def glance(soak: Soak) -> None:
    """Watches that are opened and dropped."""
    while True:
        request = stream_service_pb2.WatchEventsRequest(include_snapshot=True)
        looks = [soak.client.streams.WatchEvents(request) for _ in range(5)]
        try:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await looks[0].read()
        finally:
            for look in looks:
                look.cancel()
        soak.count("watches dropped", len(looks))
        await asyncio.sleep(0.5)


async def make_trouble(soak: Soak) -> None:
    """The connection is lost every few seconds, in one way or another; now and then the session is not kept."""
    for number in itertools.count(1):
        # A connection that is lost within five seconds counts as a failure to the gateway, and it backs off.
        await asyncio.sleep(random.uniform(5.5, 10))  # noqa: S311
        soak.count("connections lost")
        if number % 10 == 0:
            await soak.emulator.disconnect(restart=True)
        elif number % 3 == 0:
            await soak.emulator.disconnect()
        else:
            await soak.emulator.cut()


async def take_samples(soak: Soak, began: float, interval: float) -> None:
    """Looks at the process, and asks it."""
    process = Path("/proc") / str(soak.gateway.process.pid)
    while True:
        info = await soak.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        soak.samples.append(
            Sample(
                time.monotonic() - began,
                int(status["VmRSS"].split()[0]) / 1024,
                int(status["Threads"]),
                len(os.listdir(process / "fd")),  # noqa: PTH208 - a directory of the kernel's
                info.active_streams,
                info.active_calls,
                info.open_watches,
                info.relay_session.pending_requests,
                info.journal.backlog,
                info.relay_session.connections,
                info.journal.head_sequence,
            )
        )
        await asyncio.sleep(interval)


async def calm_down(soak: Soak) -> None:
    """Without load and losses everything comes to its end."""
    for call in [call for call in soak.emulator.calls.values() if not call.ended]:
        await soak.emulator.hang_up(call.call_id)
    info = gateway_service_pb2.GetGatewayInfoResponse()
    for _ in range(100):
        info = await soak.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest())
        if not (
            info.active_streams or info.open_watches or info.relay_session.pending_requests or info.journal.backlog
        ):
            return
        await asyncio.sleep(0.2)
    soak.wrong.append(
        f"left over: {info.active_streams} streams, {info.open_watches} watches, "
        f"{info.relay_session.pending_requests} requests, a backlog of {info.journal.backlog}"
    )


def growth(samples: list[Sample], warm: float) -> float:
    """By how much memory grew after the warm-up: the last third of what counts against the first third."""
    counted = [sample.rss for sample in samples if sample.time >= warm]
    third = max(1, len(counted) // 3)
    return statistics.median(counted[-third:]) / statistics.median(counted[:third]) - 1


def show(soak: Soak) -> None:
    """Prints some of the samples, and what was done."""
    header = ("s", "MiB", "threads", "files", "calls", "streams", "watches", "pending", "backlog", "lost", "events")
    print("".join(f"{name:>9}" for name in header))
    for sample in soak.samples[:: max(1, len(soak.samples) // 20)]:
        values = (
            f"{sample.time:.0f}", f"{sample.rss:.1f}", sample.threads, sample.files, sample.calls, sample.streams,
            sample.watches, sample.pending, sample.backlog, sample.connections - 1, sample.head,
        )  # fmt: skip
        print("".join(f"{value:>9}" for value in values))
    print()
    for what, number in sorted(soak.counts.items()):
        print(f"  {what:<32} {number:>10,}")


async def run(seconds: float, rate: float, watchers: int, data_dir: Path) -> Soak:
    """The whole soak; the samples are in what it returns."""
    async with running_emulator(frame_limit=0, ping_interval=None) as emulator:
        gateway = await start_gateway_process(emulator.host, data_dir, **SETTINGS)
        soak = Soak(emulator, gateway, rate)
        while not emulator.sessions:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await flood(soak)
        print(f"filled the bounded memories with {FLOOD:,} events in {time.monotonic() - began:.0f} s", flush=True)
        load = [place_calls(soak), make_trouble(soak), glance(soak), *(watch(soak) for _ in range(watchers))]
        began = time.monotonic()
        tasks = [asyncio.create_task(part) for part in (*load, take_samples(soak, began, max(0.5, seconds / 600)))]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in done:
            soak.wrong.append(f"the soak itself broke: {task.exception()!r}")
        await calm_down(soak)
        code = await gateway.terminate()
        if code:
            soak.wrong.append(f"the gateway ended with {code}")
        return soak


def main() -> None:
    """Runs, shows, plots, judges."""
    parser = argparse.ArgumentParser(description="Look for anything that grows.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=5.0, help="calls per second")
    parser.add_argument("--watchers", type=int, default=10, help="watches that follow everything")
    parser.add_argument("--plot", type=Path, default=ROOT / "out" / "soak.png")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        soak = asyncio.run(run(60 * given.minutes, given.rate, given.watchers, Path(directory) / "data"))
    warm = WARM_UP * soak.samples[-1].time
    show(soak)
    times = [sample.time for sample in soak.samples]
    write_plot(
        given.plot,
        times,
        [
            Panel("memory in MiB", [sample.rss for sample in soak.samples], warm),
            Panel("open files", [sample.files for sample in soak.samples]),
            Panel("threads", [sample.threads for sample in soak.samples]),
            Panel("active streams", [sample.streams for sample in soak.samples]),
            Panel("open watches", [sample.watches for sample in soak.samples]),
        ],
    )
    grown = growth(soak.samples, warm)
    print(f"\nmemory after the first {warm:.0f} s: {grown:+.1%} (at most {ALLOWED_GROWTH:+.0%}); plot: {given.plot}")
    if grown > ALLOWED_GROWTH:
        soak.wrong.append("memory grows")
    for line in soak.wrong[:20]:
        print(f"WRONG: {line}")
    sys.exit(bool(soak.wrong))


if __name__ == "__main__":
    main()
