"""The engine: what a gateway does, without gRPC and without knowing how events are encoded."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from gateway.domain.registry import Registry
from gateway.domain.streams import StreamInput, StreamState
from gateway.engine.calls import Calls
from gateway.engine.clock import SECOND, Clock
from gateway.engine.context import Caller, Context
from gateway.engine.ingest import Ingest
from gateway.engine.options import EngineOptions
from gateway.engine.recorder import EventCodec, Recorder
from gateway.engine.settlement import Settlement
from gateway.engine.starts import Starts
from gateway.engine.stops import Stops
from gateway.journal.base import Journal
from gateway.relay.session import Session, SessionObserver

__all__ = ["Engine"]

_log = structlog.get_logger(__name__)


class Engine:
    """Owns the session and everything that is known through it.

    Attributes:
        calls, starts, stops: The commands.
        ingest, recorder, registry, journal, session: The parts, to be read from.
    """

    def __init__(
        self,
        journal: Journal,
        codec: EventCodec,
        connect: Callable[[SessionObserver], Session],
        options: EngineOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Puts the parts together.

        Args:
            journal: Where events go.
            codec: How they are encoded.
            connect: Makes the session, given the observer that it reports to.
            options: The bounds.
            clock: The time.
        """
        self.options = options or EngineOptions()
        self.journal = journal
        self.recorder = Recorder(journal, codec, clock or Clock())
        self._context = Context(journal, self.recorder, self.options)
        self._settlement = Settlement(self._context)
        self.ingest = Ingest(self._context, self._settlement)
        self.session = connect(self.ingest)
        self._context.attach(self.session)
        self.calls = Calls(self._context, self._settlement)
        self.stops = Stops(self._context, self._settlement)
        self.starts = Starts(self._context, self._settlement, self.stops)
        self._left = asyncio.Event()
        self._left.set()

    @property
    def registry(self) -> Registry:
        """Calls, streams and dials as they are now."""
        return self.recorder.registry

    @property
    def draining(self) -> bool:
        """Whether new commands are refused because the process leaves."""
        return self._context.draining

    def load(self) -> None:
        """Takes back what the journal knows. Blocks: before `run`.

        Starts that were under way when the process ended may or may not have reached RELAY: they become UNKNOWN, and
        are settled by events, by their clients asking again, or by the start timeout. They are not sent again: their
        bearer tokens are written nowhere.
        """
        self.recorder.load()

    async def run(self) -> None:
        """Keeps the session and the deadlines until `close`, or until cancelled.

        Raises:
            CredentialsRefused: RELAY does not take the credentials, and never did.
        """
        self._resume_streams()
        self._left.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self._context.timers.run(), name="timers"),
                    tasks.create_task(self._sweep(), name="sweep"),
                ]
                await self.session.run()
                for task in background:
                    task.cancel()
        finally:
            self._left.set()

    def _resume_streams(self) -> None:
        for stream in list(self.registry.streams()):
            if stream.state is StreamState.STARTING and not stream.accepted:
                self._settlement.happened(stream.key, StreamInput.ANSWER_LOST)
            elif stream.active:
                self._settlement.watch_over(stream)
            else:
                self._settlement.stop_given_up(stream)
        for dial in self.registry.dialing():
            self._settlement.watch_over_dial(dial)

    async def _sweep(self) -> None:
        """Forgets what ended long ago."""
        options = self.options
        while True:
            now = self._context.now()
            forgotten = self.recorder.forget(now - round(options.ended_retention * SECOND), options.ended_kept)
            if forgotten:
                _log.debug("forgot_ended", count=forgotten)
            await asyncio.sleep(options.sweep_interval)

    async def update_contexts(self, add: Iterable[str], remove: Iterable[str], deadline: float | None) -> list[str]:
        """Changes on which contexts inbound calls are received; returns all of them, sorted.

        Raises:
            RelayRejected, RelayDisconnected, OutcomeUnknown, DeadlineExceeded, Draining: As their names say.
        """
        self._context.admit()
        await self._context.connected(Caller(deadline))
        await self.session.update_contexts(add=add, remove=remove, deadline=deadline)
        return sorted(self.session.contexts)

    async def drain(self, grace: float) -> None:
        """Refuses new commands, lets those under way end within `grace` seconds, and sends waiters elsewhere."""
        self._context.draining = True
        await self._context.finish(grace)
        self.recorder.changes.close()

    async def close(self) -> None:
        """Leaves the session so that the next process can take it up, and waits for the end of `run`. After `drain`."""
        await self.session.close()
        await self._left.wait()
