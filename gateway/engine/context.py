"""What the engine's parts share: session, recorder, options, and the tasks that outlive their callers."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gateway.domain.errors import CallstreamError, Draining, JournalUnavailable, OutcomeUnknown
from gateway.domain.streams import StreamKey
from gateway.engine.options import EngineOptions
from gateway.engine.recorder import Recorder
from gateway.engine.timers import Timers
from gateway.journal.base import Journal
from gateway.relay.commands import Command, Result
from gateway.relay.payloads import RelayEvent
from gateway.relay.session import SessionState

__all__ = ["Caller", "Context", "RelaySession"]

T = TypeVar("T")

_LEAVING = "this process is shutting down; another one takes over"


class RelaySession(Protocol):
    """What the engine needs of `gateway.relay.session.Session`."""

    @property
    def state(self) -> SessionState:
        """Whether commands can be sent."""
        ...

    async def wait_connected(self, until: float | None) -> None:
        """Returns once commands can be sent; raises RelayDisconnected if that is not so by `until` (loop time)."""
        ...

    async def execute(
        self,
        command: Command,
        *,
        send_by: float | None,
        on_sent: Callable[[], None] | None = None,
    ) -> Result:
        """Sends a command and returns RELAY's answer."""
        ...

    def acknowledge(self, events: Sequence[RelayEvent]) -> None:
        """Tells RELAY that these events need not be sent again."""
        ...


@dataclass(slots=True)
class Caller:
    """Who ordered a command.

    Attributes:
        deadline: Loop time until which it may be sent, None for ever.
        sent: RELAY has it, or may have it.
        in_flight: It was sent, and its answer is still to come.
        gone: The caller does not wait any more.
    """

    deadline: float | None = None
    sent: bool = False
    in_flight: bool = False
    gone: bool = False

    def mark_sent(self) -> None:
        """The command is RELAY's now: it is seen to its end, whatever becomes of the caller."""
        self.sent = self.in_flight = True


class Context:
    """What the engine's parts share."""

    def __init__(self, journal: Journal, recorder: Recorder, options: EngineOptions) -> None:
        self.journal = journal
        self.recorder = recorder
        self.registry = recorder.registry
        self.options = options
        self.timers = Timers()
        self.draining = False
        self.starting: dict[StreamKey, asyncio.Task[Any]] = {}
        """Starts that are under way."""
        self.hanging_up: set[str] = set()
        """Calls that a client has ended and RELAY has not reported as ended yet."""
        self._session: RelaySession | None = None
        self._operations: set[asyncio.Task[Any]] = set()

    @property
    def session(self) -> RelaySession:
        """The session with RELAY."""
        if self._session is None:
            raise RuntimeError("no session is attached yet")
        return self._session

    def attach(self, session: RelaySession) -> None:
        """Gives the parts their session; once, before anything runs."""
        self._session = session

    def now(self) -> int:
        """Microseconds since the Unix epoch; never falls."""
        return self.recorder.clock.now()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Runs an operation as a task that the engine owns; `finish` waits for it."""
        task = asyncio.create_task(work, name=name)
        self._operations.add(task)
        task.add_done_callback(self._operations.discard)
        return task

    async def carry(self, caller: Caller, task: asyncio.Task[T]) -> T:
        """Waits for an operation that outlives its caller while its command is in flight.

        Otherwise nothing is sent for a caller that has gone.

        Raises:
            Draining: The process is leaving; nothing was sent.
            OutcomeUnknown: The process is leaving; RELAY may have the command.
        """
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and not current.cancelling():  # it is `finish` that ended the operation
                raise _left_behind(caller) from None
            caller.gone = True
            if not caller.in_flight:
                task.cancel()
            task.add_done_callback(_retrieve)
            raise

    async def finish(self, grace: float) -> None:
        """Lets operations end within `grace` seconds, and cancels the rest."""
        if not self._operations:
            return
        _, late = await asyncio.wait(self._operations, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def admit(self) -> None:
        """Refuses new commands while the process drains or the journal cannot write.

        Raises:
            Draining: This process is leaving.
            JournalUnavailable: What would be accepted could not be made durable.
        """
        if self.draining:
            raise Draining(_LEAVING)
        if self.journal.failure is not None:
            raise JournalUnavailable(f"events can't be written now: {self.journal.failure}")

    async def connected(self, caller: Caller) -> None:
        """Waits for the session as long as the caller's deadline and `relay_wait` allow.

        Raises:
            RelayDisconnected: There is none; nothing was sent.
        """
        if caller.deadline is None:
            until = None
        else:
            now = asyncio.get_running_loop().time()
            # A part of the caller's time is kept, so that it gets an answer rather than its own deadline.
            until = now + min(self.options.relay_wait, 0.9 * (caller.deadline - now))
        await self.session.wait_connected(until)


def _left_behind(caller: Caller) -> CallstreamError:
    if caller.sent:
        return OutcomeUnknown("this process is shutting down, and RELAY has not answered yet; ask another one")
    return Draining(_LEAVING)


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Takes the outcome of an operation whose caller has gone, so that asyncio does not report it as forgotten."""
    if not task.cancelled():
        task.exception()
