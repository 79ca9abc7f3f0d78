"""An engine over a real session, a real journal and an emulator: what tests of the engine begin with."""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gateway.domain.calls import Call, CallState
from gateway.domain.events import Event, EventType
from gateway.domain.streams import Stream, StreamState
from gateway.emulator.frames import CLIENT_TO_SERVER, Frame
from gateway.emulator.model import Call as EmulatedCall
from gateway.emulator.server import Emulator, EmulatorOptions
from gateway.emulator.sessions import Session as EmulatedSession
from gateway.emulator.sink import AudioSink
from gateway.engine.clock import Clock
from gateway.engine.engine import Engine
from gateway.engine.options import EngineOptions
from gateway.engine.orders import StartStream
from gateway.journal.directory import make_private_directory
from gateway.journal.session_store import MemorySessionStore, SessionStore
from gateway.journal.sqlite import SqliteJournal, open_journal
from gateway.relay import wire
from gateway.relay.endpoint import Credentials, Endpoint
from gateway.relay.protocol import Timeouts
from gateway.relay.resume import ResumeState, ResumeStore
from gateway.relay.session import Session, SessionObserver, SessionOptions
from gateway.service.codec import ContractCodec
from tests.support.leaks import no_tasks_beyond
from tests.support.running import PROJECT, TOKEN

__all__ = [
    "UNREACHABLE",
    "WITHIN",
    "Running",
    "World",
    "failing",
    "frames_of",
    "in_time",
    "make_engine",
    "order_for",
    "running_engine",
    "soon",
    "stalled",
    "world",
]

WITHIN = 10.0
"""Seconds after which something that a test waits for counts as never coming."""
UNREACHABLE = "ws://127.0.0.1:1/"
"""Where nobody listens: the emulator accepts such a stream and then says nothing about it, as RELAY does."""

_control_ids = (f"stream-{number}" for number in itertools.count(1))


def in_time(seconds: float = WITHIN) -> float:
    """A caller's deadline, as loop time."""
    return asyncio.get_running_loop().time() + seconds


def order_for(call: Call | EmulatedCall | str, url: str = UNREACHABLE, **fields: Any) -> StartStream:
    """An order to stream a call; those that ask for the same have the same digest, as the service makes it."""
    call_id = call if isinstance(call, str) else call.call_id
    control_id = fields.pop("control_id", None) or next(_control_ids)
    asked = sorted((name, repr(value)) for name, value in fields.items() if name != "authorization_bearer_token")
    return StartStream(call_id, control_id, url, **{"digest": f"{url} {asked}", **fields})


def frames_of(emulator: Emulator, method: str, *, after: int = 0) -> list[Frame]:
    """The requests of a method that came from the gateway."""
    return [
        frame
        for frame in emulator.frames
        if frame.number > after
        and frame.direction == CLIENT_TO_SERVER
        and frame.method == method
        and not frame.is_response
    ]


class Running:
    """An engine at work."""

    def __init__(self, engine: Engine, journal: SqliteJournal, emulator_host: str) -> None:
        self.engine = engine
        self.journal = journal
        self.registry = engine.registry
        self.emulator_host = emulator_host
        self._codec = ContractCodec()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Lets it run."""
        self._task = asyncio.create_task(self.engine.run(), name="engine")

    async def connected(self) -> None:
        """Returns once there is a session and the journal tells so."""
        await self.engine.session.wait_connected(in_time())
        await self.until(lambda event: event.type in {EventType.SESSION_UP, EventType.SESSION_RESUMED})

    async def crash(self) -> None:
        """Ends at once: no command is finished and RELAY is not told."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        await self.engine.drain(0.0)
        await self.journal.close()

    async def leave(self) -> None:
        """Drains, leaves the session and closes the journal; does nothing after a crash."""
        if self._task is None:
            return
        await self.engine.drain(0.0)
        async with asyncio.timeout(WITHIN):
            await self.engine.close()
            await self._task
        self._task = None
        await self.journal.close()

    async def events(self, after: int = 0) -> list[Event]:
        """All durable events after a sequence."""
        found: list[Event] = []
        while after < self.journal.head:
            batch = await self.journal.read(after)
            found += [self._codec.decode(record) for record in batch.records]
            after = batch.position
        return found

    async def until(self, wanted: Callable[[Event], bool], after: int = 0) -> Event:
        """The first durable event after a sequence that is wanted, come or to come."""
        async with asyncio.timeout(WITHIN):
            while True:
                head = self.journal.head
                for event in await self.events(after):
                    if wanted(event):
                        return event
                after = head
                await self.journal.wait_beyond(head)

    async def until_type(self, kind: EventType, control_id: str = "", *, after: int = 0) -> Event:
        """The first durable event of a type, of a stream if one is named."""
        return await self.until(lambda event: event.type is kind and control_id in {"", event.control_id}, after)

    async def types_of(self, control_id: str) -> list[str]:
        """The types of a stream's events so far, in order; updates are left out."""
        await self.journal.committed(self.journal.last_sequence)
        return [
            event.type.name.removeprefix("STREAM_")
            for event in await self.events()
            if event.control_id == control_id and event.type is not EventType.STREAM_UPDATED
        ]

    async def call(self, call_id: str, *states: CallState) -> Call:
        """The call, once it is known (and in one of these states)."""
        await self.until(
            lambda event: (
                isinstance(event.subject, Call)
                and event.subject.call_id == call_id
                and (not states or event.subject.state in states)
            )
        )
        found = self.registry.call(call_id)
        assert found is not None
        return found

    async def stream(self, control_id: str, *states: StreamState, after: int = 0) -> Stream:
        """The stream as it was when it came to one of these states, which is durable."""
        event = await self.until(
            lambda event: (
                isinstance(event.subject, Stream)
                and event.control_id == control_id
                and (not states or event.subject.state in states)
            ),
            after,
        )
        assert isinstance(event.subject, Stream)
        return event.subject


class World:
    """An emulator, an endpoint for audio, and engines."""

    def __init__(self, emulator: Emulator, sink: AudioSink) -> None:
        self.emulator = emulator
        self.sink = sink

    @property
    def session(self) -> EmulatedSession:
        """The only session that the emulator has."""
        (session,) = self.emulator.sessions.values()
        return session

    def sent(self, method: str, *, after: int = 0) -> list[Frame]:
        """The requests of a method that came from the gateway."""
        return frames_of(self.emulator, method, after=after)

    async def command(self, method: str, number: int = 1) -> Frame:
        """The `number`th request of a method that comes from the gateway."""
        await self.emulator.frames.wait_for(lambda _: len(self.sent(method)) >= number, WITHIN)
        return self.sent(method)[number - 1]

    async def tell(self, call: EmulatedCall, control_id: str, state: str, **params: Any) -> str:
        """RELAY reports on a stream; returns the event's id."""
        inner = {"call_id": call.call_id, "node_id": call.node_id, "control_id": control_id, "state": state, **params}
        (event_id,) = await self.emulator.send_event(wire.CALL_STREAM, inner)
        return event_id

    async def incoming(self, running: Running, **options: Any) -> EmulatedCall:
        """A call comes in, and the engine knows it."""
        call = await self.emulator.place_call(**options)
        await running.call(call.call_id)
        return call


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    """An emulator and an endpoint for audio, on free ports; no task may be left behind."""
    before = asyncio.all_tasks()
    defaults: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "projects": {PROJECT: TOKEN},
        "allow_insecure_stream_urls": True,
        "ping_interval": None,
    }
    async with AudioSink() as sink, Emulator(EmulatorOptions(**{**defaults, **options})) as emulator:
        yield World(emulator, sink)
    await no_tasks_beyond(before)


def make_engine(
    emulator_host: str,
    journal: SqliteJournal,
    store: ResumeStore,
    *,
    timeouts: Timeouts | None = None,
    contexts: Iterable[str] = ("default",),
    clock: Clock | None = None,
    **options: Any,
) -> Engine:
    """An engine with a session of its own; it reconnects at once, unless it is refused again and again."""

    def connect(observer: SessionObserver) -> Session:
        return Session(
            endpoint=Endpoint(emulator_host, scheme="ws"),
            credentials=Credentials(PROJECT, TOKEN),
            contexts=contexts,
            observer=observer,
            store=store,
            agent="callstream/test",
            options=SessionOptions(timeouts or Timeouts(), backoff_initial=0.01, backoff_maximum=0.05, steady_after=0),
        )

    engine_options = EngineOptions(**{"relay_wait": WITHIN, "retry_delay": 0.01, "sweep_interval": 0.02, **options})
    return Engine(journal, ContractCodec(), connect, engine_options, clock)


@asynccontextmanager
async def running_engine(
    emulator: Emulator | str, data_dir: Path | None = None, *, journal: SqliteJournal | None = None, **options: Any
) -> AsyncIterator[Running]:
    """An engine that runs and (unless the emulator refuses) has its session; `options` are EngineOptions and more."""
    host = emulator if isinstance(emulator, str) else emulator.host
    store: ResumeStore = MemorySessionStore()
    if data_dir is not None:
        make_private_directory(data_dir)
        store = SessionStore(data_dir / "session.json", ResumeState)
    journal = journal or open_journal(data_dir)
    running = Running(make_engine(host, journal, store, **options), journal, host)
    running.engine.load()
    running.start()
    try:
        if not isinstance(emulator, str) and emulator.refusing is None:
            await running.engine.session.wait_connected(in_time())
        yield running
    finally:
        await running.leave()


async def soon(condition: Callable[[], bool]) -> None:
    """Returns once something holds that nobody tells of: what is decided and not durable yet."""
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 - nobody is told before the commit
            await asyncio.sleep(0)


@contextmanager
def stalled(journal: SqliteJournal) -> Iterator[None]:
    """The disk takes nothing while this lasts; what was to be committed is committed afterwards."""
    gate = threading.Event()
    write = journal._writer._write

    def wait_and_write(items: Any, *, again: bool) -> Any:
        gate.wait()
        return write(items, again=again)

    journal._writer._write = wait_and_write  # type: ignore[method-assign]
    try:
        yield
    finally:
        gate.set()
        journal._writer._write = write  # type: ignore[method-assign]


@contextmanager
def failing(journal: SqliteJournal) -> Iterator[None]:
    """The disk refuses every commit while this lasts; they are tried again afterwards."""
    write = journal._writer._write

    def refuse(items: Any, *, again: bool) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    journal._writer._write = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        journal._writer._write = write  # type: ignore[method-assign]
