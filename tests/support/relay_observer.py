"""An observer of the RELAY session that writes everything down, and a session that runs for the length of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.relay.endpoint import Credentials, Endpoint
from gateway.relay.observer import RequestObserver, nobody
from gateway.relay.payloads import RelayEvent
from gateway.relay.protocol import Timeouts
from gateway.relay.resume import ResumeState
from gateway.relay.session import Session, SessionDown, SessionOptions, SessionUp

__all__ = ["TOKEN", "KeptState", "RecordingObserver", "fast", "reached", "running_session"]

TOKEN = "T-0ken-of-the-project"
_WITHIN = 10.0


class RecordingObserver:
    """Keeps what it is told, in order; `gate` holds it up while it is cleared."""

    def __init__(self) -> None:
        self.told: list[SessionUp | SessionDown | RelayEvent] = []
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = 0
        self._changed = asyncio.Condition()

    async def session_up(self, up: SessionUp) -> None:
        """There is a session."""
        await self._keep([up])

    async def session_down(self, down: SessionDown) -> None:
        """There is none any more."""
        await self._keep([down])

    async def relay_events(self, events: Sequence[RelayEvent]) -> None:
        """Events came."""
        self.busy += 1
        assert self.busy == 1, "told of events while still taking others in"
        try:
            self.batches.append(len(events))
            await self._keep(events)
            await self.gate.wait()
        finally:
            self.busy -= 1

    @property
    def events(self) -> list[RelayEvent]:
        """The events."""
        return [what for what in self.told if isinstance(what, RelayEvent)]

    @property
    def ups(self) -> list[SessionUp]:
        """The sessions."""
        return [what for what in self.told if isinstance(what, SessionUp)]

    @property
    def downs(self) -> list[SessionDown]:
        """Their ends."""
        return [what for what in self.told if isinstance(what, SessionDown)]

    async def until(self, is_so: Callable[["RecordingObserver"], object]) -> None:
        """Waits until it has been told enough."""
        async with asyncio.timeout(_WITHIN), self._changed:
            await self._changed.wait_for(lambda: is_so(self))

    async def _keep(self, what: Sequence[SessionUp | SessionDown | RelayEvent]) -> None:
        async with self._changed:
            self.told.extend(what)
            self._changed.notify_all()


@dataclass
class KeptState:
    """A store of resume state that remembers each save, and can be made to fail."""

    state: ResumeState | None = None
    saved: list[ResumeState | None] = field(default_factory=list)
    broken: bool = False

    def load(self) -> ResumeState | None:
        """What was saved last."""
        if self.broken:
            raise OSError("no such disk")
        return self.state

    def save(self, state: ResumeState | None) -> None:
        """Keeps it."""
        if self.broken:
            raise OSError("no such disk")
        self.state = state
        self.saved.append(state)


def fast(
    *,
    connect: float = 5.0,
    request: float = 5.0,
    ping_interval: float = 60.0,
    backoff: float = 0.001,
    steady_after: float = 0.0,
    show_frames: bool = False,
) -> SessionOptions:
    """Options under which nothing takes long; `steady_after` 0 comes back at once after any loss."""
    timeouts = Timeouts(connect, request, ping_interval, ping_timeout=ping_interval, ping_failures=3)
    return SessionOptions(timeouts, backoff, backoff, steady_after, refusals_allowed=3, show_frames=show_frames)


async def reached(is_so: Callable[[], object]) -> None:
    """Lets the loop turn until something is so that nobody tells of."""
    async with asyncio.timeout(_WITHIN):
        while not is_so():  # noqa: ASYNC110 - there is no event for it, and no time passes
            await asyncio.sleep(0)


@asynccontextmanager
async def running_session(
    endpoint: Endpoint,
    observer: RecordingObserver,
    store: KeptState | None = None,
    options: SessionOptions | None = None,
    contexts: Sequence[str] = ("default",),
    requests: RequestObserver = nobody,
) -> AsyncIterator[Session]:
    """Runs a session; at the end it is closed, `run` has returned, and no task is left."""
    before = asyncio.all_tasks()
    session = Session(
        endpoint=endpoint,
        credentials=Credentials("P", token=TOKEN),
        contexts=contexts,
        observer=observer,
        store=store or KeptState(),
        agent="callstream/test",
        options=options or fast(),
        requests=requests,
    )
    running = asyncio.create_task(session.run(), name="session under test")
    try:
        yield session
    finally:
        observer.gate.set()
        await session.close()
        async with asyncio.timeout(_WITHIN):
            await asyncio.wait([running])
    if not running.cancelled() and (error := running.exception()) is not None:
        raise error
    left = {task for task in asyncio.all_tasks() - before if task.get_name().startswith(("relay", "session"))}
    assert not left, f"tasks are left: {left}"
