"""One connection at work: reads, writes and keeps time until it is over.

Three tasks share a `Protocol`: the reader takes what arrived and waits until it was taken in, so that the journal's
pace becomes the socket's; the writer sends what is due, and checks each command once more as it hands it over; the
timer lets time pass.
"""

import asyncio
import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn
from typing import Protocol as TypingProtocol

import structlog

from gateway.domain.errors import (
    CallstreamError,
    DeadlineExceeded,
    InvalidRequest,
    RelayDisconnected,
    RelayRejected,
    Violation,
)
from gateway.relay import wire
from gateway.relay.answers import RefusalKind, Refused
from gateway.relay.commands import Command, Result
from gateway.relay.connection import Connection, ConnectionFailed
from gateway.relay.payloads import RelayEvent
from gateway.relay.protocol import (
    Answered,
    Arrived,
    AuthorizationChanged,
    Connected,
    Dead,
    DisconnectAsked,
    Happening,
    Protocol,
)
from gateway.relay.redact import redacted

__all__ = ["Conversation", "Ending", "EndingKind", "Listener", "Order"]

_BROKEN = "the connection to RELAY broke; nothing was sent"
_NO_SESSION = str(wire.REQUESTER_VALIDATION_FAILED)
_PART_WITHIN = 1.0
"""Seconds that the last frames of a connection may take to be written: a peer that hangs takes nothing."""

_log = structlog.get_logger(__name__)


class EndingKind(enum.Enum):
    """What the end of a connection calls for."""

    LOST = enum.auto()
    """Resume."""
    RESTART = enum.auto()
    """RELAY wants a new session."""
    STALE = enum.auto()
    """RELAY does not know the session that was to be resumed."""
    CREDENTIALS = enum.auto()
    """RELAY refuses the credentials."""
    CLOSED = enum.auto()
    """The gateway leaves."""


class Ending(Exception):
    """The connection is over."""

    def __init__(self, kind: EndingKind, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(reason)


@dataclass(slots=True, eq=False)
class Order:
    """A command on its way: who waits for it, and until when (loop time) it may be handed to the socket."""

    command: Command
    send_by: float | None
    on_sent: Callable[[], None] | None
    future: "asyncio.Future[Result]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    request_id: str = ""

    def finish(self, outcome: Result | CallstreamError) -> None:
        """Tells who waits, if anybody still does."""
        if self.future.done():
            return
        if isinstance(outcome, Result):
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)

    def expire(self) -> None:
        """Its time is over; if it was not sent by now it never is."""
        if not self.request_id:
            self.finish(DeadlineExceeded(f"no time was left to send {self.command.method}", sent=False))


class Listener(TypingProtocol):
    """Who is told what happens, in order."""

    async def connected(self, connected: Connected) -> None:
        """The session is there."""
        ...

    def authorization_changed(self, authorization_state: str) -> None:
        """RELAY gave a new authorization state."""
        ...

    async def relay_events(self, events: Sequence[RelayEvent]) -> None:
        """Events came; nothing more is read until this returns."""
        ...


class Conversation:
    """Runs one connection."""

    def __init__(
        self,
        connection: Connection,
        protocol: Protocol,
        listener: Listener,
        *,
        show_frames: bool = False,
        secrets: Sequence[str] = (),
    ) -> None:
        self._connection = connection
        self._protocol = protocol
        self._listener = listener
        self._show_frames = show_frames
        self._secrets = secrets
        self._loop = asyncio.get_running_loop()
        self._outbox: dict[Order, None] = {}  # in order
        self._sent: dict[str, Order] = {}
        self._over = False
        self._taking_in = False
        self._wakes_at = 0.0
        self._complained = 0
        self._to_write = asyncio.Event()
        self._retimed = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def taking(self) -> bool:
        """Whether commands still have a chance to be sent."""
        return not self._over

    @property
    def pending(self) -> int:
        """How many commands wait to be sent, or for their answer."""
        return len(self._outbox) + self._protocol.pending

    def submit(self, order: Order) -> None:
        """Sends a command as soon as the socket takes it; only while `taking`."""
        self._outbox[order] = None
        self._to_write.set()

    def forget(self, order: Order) -> None:
        """Nobody waits for this command any more. If it was not sent, it never is."""
        self._outbox.pop(order, None)
        if self._sent.pop(order.request_id, None) is not None:
            self._protocol.forget(order.request_id)

    def acknowledge(self, events: Iterable[RelayEvent]) -> None:
        """Tells RELAY that these events need not be sent again; all of one turn in one write."""
        self._protocol.acknowledge(events)
        self._to_write.set()

    def leave(self) -> None:
        """Ends the conversation; what is due is still written."""
        self._leaving.set()

    async def run(self) -> Ending:
        """Talks until the connection is over, closes it, and says why it is over.

        Commands that were not answered end with OutcomeUnknown, those that were not sent with RelayDisconnected.
        """
        self._to_write.set()
        ending = Ending(EndingKind.LOST, "the connection broke")
        cancellations = _cancellations()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(), name="relay read")
                tasks.create_task(self._write(), name="relay write")
                tasks.create_task(self._keep_time(), name="relay time")
                await self._leave()
        except* Ending as endings:
            ending = _first(endings)
        finally:
            self._give_up()
            await self._connection.close()
        if _cancellations() > cancellations:
            # Python 3.11's TaskGroup forgets that it was cancelled when one of its tasks fails in the same moment.
            raise asyncio.CancelledError
        return ending

    async def _read(self) -> NoReturn:
        while True:
            try:
                messages = await self._connection.receive()
            except ConnectionFailed as error:
                self._protocol.receive_eof(str(error))
            else:
                now = self._loop.time()
                for message in messages:
                    self._show("received", message)
                    self._protocol.receive(message, now)
                self._to_write.set()
                self._complain()
            self._taking_in = True
            await self._handle(self._protocol.happened())
            self._taking_in = False

    def _complain(self) -> None:
        """Logs what could not be taken in, at each doubling: a peer that goes wrong may do so with every frame."""
        bad = self._protocol.malformed + self._protocol.passed_over
        if bad >= max(1, 2 * self._complained):
            self._complained = bad
            _log.warning(
                "relay_frames_ignored", malformed=self._protocol.malformed, passed_over=self._protocol.passed_over
            )

    async def _handle(self, happenings: Sequence[Happening]) -> None:
        """Tells the listener what happened, in order; events that came together are told together."""
        events: list[RelayEvent] = []
        try:
            for happening in happenings:
                if isinstance(happening, Arrived):
                    events.append(happening.event)
                    continue
                if events:
                    await self._listener.relay_events(events)
                    events = []
                await self._handle_one(happening)
            if events:
                await self._listener.relay_events(events)
        except asyncio.CancelledError:
            # An answer that came is one, also if the connection ends before the events ahead of it were taken in.
            for happening in happenings:
                if isinstance(happening, Answered):
                    self._answered(happening)
            raise

    def _answered(self, answered: Answered) -> None:
        order = self._sent.pop(answered.request_id, None)
        if order is not None:
            order.finish(answered.outcome)

    async def _handle_one(self, happening: Happening) -> None:
        match happening:
            case Answered(outcome=RelayRejected(code=code)) if code == _NO_SESSION:
                lost = f"RELAY does not know this session any more (it answered with {code})"
                self._answered(replace(happening, outcome=RelayDisconnected(f"{lost}; nothing was done")))
                await self._part(Ending(EndingKind.LOST, lost))
            case Answered():
                self._answered(happening)
            case Connected():
                await self._listener.connected(happening)
            case AuthorizationChanged(authorization_state):
                self._listener.authorization_changed(authorization_state)
                self._protocol.kept(happening)
                self._to_write.set()
            case DisconnectAsked(restart):
                kind = EndingKind.RESTART if restart else EndingKind.LOST
                await self._part(Ending(kind, "RELAY asked for it" + (", with a new session" if restart else "")))
            case Refused(kind, code, message):
                raise Ending(_ENDINGS[kind], f"RELAY refused signalwire.connect with {code}: {message}")
            case Dead(reason):
                raise Ending(EndingKind.LOST, reason)

    async def _write(self) -> NoReturn:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            now = self._loop.time()
            orders, self._outbox = self._outbox, {}
            for order in orders:
                self._hand_over(order, now)
            await self._flush()

    async def _flush(self) -> None:
        data = self._protocol.data_to_send()
        if not data:
            return
        for message in data:
            self._show("sent", message)
        if self._protocol.next_deadline() < self._wakes_at:
            self._retimed.set()
        try:
            await self._connection.send(data)
        except ConnectionFailed as error:
            # What arrived before the end is still to be read: the reader will come to it.
            _log.debug("relay_write_failed", reason=str(error))
            self._refuse()

    async def _part(self, ending: Ending) -> NoReturn:
        """Writes what RELAY is owed, but no commands any more, and ends."""
        self._refuse()
        try:
            async with asyncio.timeout(_PART_WITHIN):
                await self._flush()
        except TimeoutError:
            _log.debug("relay_took_nothing_more")
        raise ending

    def _hand_over(self, order: Order, now: float) -> None:
        if order.future.done():
            return
        if order.send_by is not None and now >= order.send_by:
            order.expire()
            return
        try:
            order.request_id = self._protocol.request(order.command, now)
        except ValueError as error:
            order.finish(InvalidRequest([Violation("", str(error))]))
            return
        self._sent[order.request_id] = order
        if order.on_sent is not None:
            order.on_sent()

    async def _keep_time(self) -> NoReturn:
        while True:
            self._retimed.clear()
            self._wakes_at = self._protocol.next_deadline()
            try:
                async with asyncio.timeout_at(self._wakes_at):
                    await self._retimed.wait()
            except TimeoutError:
                if self._taking_in:
                    self._protocol.excuse(self._loop.time())
                self._protocol.tick(self._loop.time())
                self._to_write.set()
                await self._handle(self._protocol.happened())

    async def _leave(self) -> NoReturn:
        await self._leaving.wait()
        await self._part(Ending(EndingKind.CLOSED, "the gateway leaves"))

    def _refuse(self) -> None:
        """Takes no commands any more, and gives back those that were not sent."""
        self._over = True
        orders, self._outbox = self._outbox, {}
        for order in orders:
            order.finish(RelayDisconnected(_BROKEN))

    def _give_up(self) -> None:
        self._refuse()
        for answered in self._protocol.lost():
            self._answered(answered)

    def _show(self, direction: str, frame: bytes) -> None:
        if self._show_frames:
            _log.debug("relay_frame", direction=direction, frame=redacted(frame, self._secrets))


_ENDINGS = {
    RefusalKind.CREDENTIALS: EndingKind.CREDENTIALS,
    RefusalKind.STALE: EndingKind.STALE,
    RefusalKind.OTHER: EndingKind.LOST,
}


def _cancellations() -> int:
    """How many times the task that runs was cancelled from outside."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _first(endings: ExceptionGroup[Ending]) -> Ending:
    found = endings.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
