"""A rolling restart under load, as a deployment does it: SIGTERM, and the next process on the same address and data.

The clients are those that are shipped, with tokens, over TLS. A start follows the rules of the contract and no others:
after UNAVAILABLE, ABORTED and DEADLINE_EXCEEDED it is asked again with the same control id, when RetryInfo says so.
"""

import asyncio
import contextlib
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import grpc
import grpc.aio

from callstream.aio import Client, connect
from callstream.errors import error_details
from callstream.resume import Events, Snapshot
from callstream.v1 import call_service_pb2, event_pb2, stream_service_pb2
from gateway.access.token import digest_of, new_token
from gateway.emulator.certificates import make_certificates
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink, SinkOptions
from gateway.service.cursor import decode_cursor
from tests.support.authority import Authority
from tests.support.chaos.process import GatewayUnderTest
from tests.support.histories import Place
from tests.support.recording import files_of

__all__ = ["Outcome", "Plan", "run_rolling_restart"]

_PROJECT: Final = "rolling"
_CALLS: Final = 10
_TEAMS: Final = ("red", "blue")
_EVERYBODY: Final = "*"
_CHANNELS: Final = 5
_AGAIN: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED}
_PATIENCE: Final = 30.0
_ASK_WITHIN: Final = 5.0
_SCRAPE_WITHIN: Final = 5.0
_CAUGHT_UP_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Attributes:
        seconds: How long clients start streams.
        restarts: How often the process is replaced meanwhile, evenly.
        watches: How many are open all the time; half of them filtered.
        starts_per_second: How many streams are started.
    """

    seconds: float
    restarts: int = 2
    watches: int = 50
    starts_per_second: int = 20


@dataclass(slots=True)
class Outcome:
    """What was seen.

    Attributes:
        listed: The journal at the end, by ListEvents: sequence, and whose event it is (the stream's label).
        watched: What each watch saw, in order; by its name, which begins with its filter.
        failed: Starts that did not come to a good end, and why.
        answers: How starts were answered, with errors on the way.
        gaps: Seconds that each restart took from SIGTERM until the next process served.
        leaks: Where a secret was found, and which.
        crashes: Processes that ended otherwise than they should.
        restored: How often a process took the session over from the one before it.
    """

    listed: list[tuple[int, str]] = field(default_factory=list)
    watched: dict[str, list[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    gaps: list[float] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    restored: int = 0

    @property
    def started(self) -> int:
        """How many streams were started."""
        return self.answers["OK"]

    def _due(self, team: str) -> list[int]:
        return [sequence for sequence, label in self.listed if team == "all" or label in {team, _EVERYBODY}]

    def wrong_watches(self) -> list[str]:
        """Watches that did not see each matching event once and in order, with what they missed or saw too often."""
        wrong = []
        for name, seen in self.watched.items():
            due = self._due(name.partition(" ")[0])
            if seen != due:
                missed, surplus = sorted(set(due) - set(seen)), sorted((Counter(seen) - Counter(due)).elements())
                wrong.append(f"{name}: of {len(due)} missed {missed[:5]}, should not have seen {surplus[:5]}")
        return wrong


async def run_rolling_restart(plan: Plan, directory: Path) -> Outcome:
    """Runs it; takes some seconds longer than `plan.seconds`."""
    outcome = Outcome()
    async with _world(directory) as world:
        watchers = [_Watcher(world.client(), name) for name in _names(plan.watches)]
        calls = [await world.call() for _ in range(_CALLS)]
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(watcher.run(), name=watcher.name) for watcher in watchers]
            async with asyncio.TaskGroup() as work:
                work.create_task(_start_streams(plan, world, calls, outcome), name="starts")
                work.create_task(_restart(plan, world, outcome), name="restarts")
            outcome.listed = await world.listed()
            head = outcome.listed[-1][0]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CAUGHT_UP_WITHIN):
                    await asyncio.gather(*(watcher.came_to(head) for watcher in watchers))
            for task in watching:
                task.cancel()
        outcome.watched = {watcher.name: [s for s in watcher.seen if s <= head] for watcher in watchers}
        await world.scrape()
        await world.gateway.terminate()
        outcome.crashes = world.gateway.crashes
        outcome.restored = world.gateway.log.text.count('"restored": true')
        outcome.leaks = list(world.leaks())
    return outcome


def _names(number: int) -> Iterator[str]:
    for index in range(number):
        yield f"{'all' if index % 2 else _TEAMS[index // 2 % 2]} {index}"


class _World:
    """RELAY, the gateway, and what clients and operators are told."""

    def __init__(self, emulator: Emulator, sink: AudioSink, gateway: GatewayUnderTest, ops: str) -> None:
        self.emulator = emulator
        self.sink = sink
        self.gateway = gateway
        self.told: list[str] = []
        """All that clients were answered, errors with their details."""
        self.metrics: list[str] = []
        self.secrets: dict[str, str] = {}
        self.clients: list[Client] = []
        self._ops = ops

    def connect(self, token: str, ca_file: Path) -> None:
        """Makes the connections that clients share."""
        self.clients = [connect(self.gateway.address, token=token, ca_file=ca_file) for _ in range(_CHANNELS)]

    def client(self) -> Client:
        """One of the connections, in turn."""
        self.clients.append(self.clients.pop(0))
        return self.clients[0]

    async def call(self) -> str:
        """A call that came in and was answered."""
        call = await self.emulator.place_call(timeout=_ASK_WITHIN)
        request = call_service_pb2.AnswerCallRequest(call_id=call.call_id, node_id=call.node_id)
        await self.client().calls.AnswerCall(request, timeout=_ASK_WITHIN)
        return call.call_id

    async def listed(self) -> list[tuple[int, str]]:
        """All events: the sequence, and whose they are."""
        found: list[tuple[int, str]] = []
        request = stream_service_pb2.ListEventsRequest(page_size=1000)
        while True:
            page = await self.client().streams.ListEvents(request, timeout=_ASK_WITHIN)
            found += [(event.sequence, _team_of(event)) for event in page.events]
            if page.at_head:
                return found
            request = stream_service_pb2.ListEventsRequest(after_cursor=page.next_cursor, page_size=1000)

    async def scrape(self) -> None:
        """Takes what the operations port shows, as Prometheus would."""
        timeout = aiohttp.ClientTimeout(total=_SCRAPE_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._ops) as response:
            assert response.status == 200
            self.metrics.append(await response.text())

    def leaks(self) -> Iterator[str]:
        """Secrets in what was logged, measured, told and kept."""
        places = [
            self.gateway.log,
            Place("the metrics", "\n".join(self.metrics)),
            Place("what clients were told", "\n".join(self.told)),
            *files_of(self.gateway.data_dir),
        ]
        for place in places:
            for name, secret in self.secrets.items():
                if secret in place.text:
                    yield f"{name} in {place.name}"


def _team_of(event: event_pb2.Event) -> str:
    if event.WhichOneof("subject") == "session":
        return _EVERYBODY  # every filter by label lets events of the session pass
    return event.stream.labels.get("team", "")


class _Watcher:
    """A watch that goes on by itself, and what it saw."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.seen: list[int] = []
        self._client = client
        self._position = 0
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Watches from the oldest event on until cancelled."""
        team = self.name.partition(" ")[0]
        request = stream_service_pb2.WatchEventsRequest(from_oldest=True)
        request.bookmark_interval.FromSeconds(1)
        if team != "all":
            request.filter.labels["team"] = team
        async with self._client.watch(request) as watch:
            async for item in watch:
                if isinstance(item, Snapshot):
                    raise AssertionError(f"{self.name} was sent back to a snapshot")  # noqa: TRY004 - a failed promise
                if isinstance(item, Events):
                    self.seen += [event.sequence for event in item.events]
                self._position = decode_cursor(item.cursor).sequence
                self._moved.set()

    async def came_to(self, sequence: int) -> None:
        """Returns once it has passed a position."""
        while self._position < sequence:
            self._moved.clear()
            await self._moved.wait()


async def _start_streams(plan: Plan, world: _World, calls: list[str], outcome: Outcome) -> None:
    """Starts streams at an even pace, whatever becomes of them, and stops each once it was accepted."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(round(plan.seconds * plan.starts_per_second)):
            await asyncio.sleep(begin + number / plan.starts_per_second - loop.time())
            asker = _Asker(world, outcome, f"stream-{number}")
            tasks.create_task(asker.start_and_stop(calls[number % len(calls)]), name=asker.control_id)


class _Asker:
    """A client that wants one stream."""

    def __init__(self, world: _World, outcome: Outcome, control_id: str) -> None:
        self.control_id = control_id
        self._world = world
        self._outcome = outcome

    async def start_and_stop(self, call_id: str) -> None:
        """Follows the rules of the contract to the end."""
        streams = self._world.client().streams
        start = stream_service_pb2.StartStreamRequest(
            call_id=call_id,
            control_id=self.control_id,
            url=f"{self._world.sink.url}audio",
            authorization_bearer_token=self._world.secrets["the endpoint's bearer token"],
            labels={"team": _TEAMS[secrets.randbelow(len(_TEAMS))]},
        )
        if not await self._until_answered(streams.StartStream, start):
            return
        self._outcome.answers["OK"] += 1
        stop = stream_service_pb2.StopStreamRequest(call_id=call_id, control_id=self.control_id)
        await self._until_answered(streams.StopStream, stop)

    async def _until_answered(self, rpc: Callable[..., Any], request: Any) -> bool:
        until = time.monotonic() + _PATIENCE
        pause = 0.1
        while True:
            try:
                response = await rpc(request, timeout=_ASK_WITHIN)
            except grpc.aio.AioRpcError as error:
                details = error_details(error)
                self._world.told.append(f"{error.details()} {error.trailing_metadata()!r}")
                answer = f"{error.code().name} {details.reason}".rstrip()
                self._outcome.answers[answer] += 1
                if error.code() not in _AGAIN or time.monotonic() > until:
                    self._outcome.failed.append(f"{self.control_id}: {answer}: {error.details()}")
                    return False
                await asyncio.sleep(details.retry_after or pause)
                pause = min(2 * pause, 1.0)
            else:
                self._world.told.append(str(response))
                return True


async def _restart(plan: Plan, world: _World, outcome: Outcome) -> None:
    """Replaces the process, evenly over the time."""
    for _ in range(plan.restarts):
        await asyncio.sleep(plan.seconds / (plan.restarts + 1))
        await world.scrape()
        began = time.monotonic()
        await world.gateway.terminate()
        await world.gateway.start()
        outcome.gaps.append(time.monotonic() - began)


@contextlib.asynccontextmanager
async def _world(directory: Path) -> AsyncIterator[_World]:
    made = make_certificates(directory / "endpoint")
    authority = Authority(directory / "gateway")
    authority.renew()
    api_token, client_token, bearer = secrets.token_urlsafe(16), new_token(), secrets.token_urlsafe(16)
    tokens = directory / "tokens.toml"
    scopes = ["streams:read", "streams:write", "calls:write", "events:read"]
    tokens.write_text(f'[[token]]\nname = "tester"\nsha256 = "{digest_of(client_token)}"\nscopes = {scopes}\n')
    async with (
        AudioSink(SinkOptions(certificate=made.certificate, key=made.key)) as sink,
        Emulator(
            EmulatorOptions(listen="127.0.0.1:0", projects={_PROJECT: api_token}, ca_file=made.ca, record_bytes=0)
        ) as emulator,
    ):
        address, ops = _free_address(), _free_address()
        gateway = GatewayUnderTest(
            directory,
            {
                "SIGNALWIRE_PROJECT_ID": _PROJECT,
                "SIGNALWIRE_API_TOKEN": api_token,
                "SIGNALWIRE_RELAY_HOST": emulator.host,
                "SIGNALWIRE_RELAY_SCHEME": "ws",
                "CALLSTREAM_LISTEN": address,
                "CALLSTREAM_OPS_LISTEN": ops,
                "CALLSTREAM_TLS_CERT_FILE": str(authority.certificate),
                "CALLSTREAM_TLS_KEY_FILE": str(authority.key),
                "CALLSTREAM_TOKENS_FILE": str(tokens),
                "CALLSTREAM_LOG_LEVEL": "debug",
                "CALLSTREAM_LOG_FORMAT": "json",
            },
        )
        gateway.address = address
        world = _World(emulator, sink, gateway, f"http://{ops}/metrics")
        world.secrets = {
            "the API token": api_token,
            "the client's token": client_token,
            "the endpoint's bearer token": bearer,
            "the TLS key": authority.key.read_text().splitlines()[1],
        }
        try:
            await gateway.start()
            world.connect(client_token, authority.ca_file)
            yield world
        finally:
            for client in world.clients:
                await client.close()
            await gateway.abandon()


def _free_address() -> str:
    """An address on loopback that nobody has now: every process of a run is to have the same."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)  # below those that the system gives to whoever asks for any
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return f"127.0.0.1:{port}"
