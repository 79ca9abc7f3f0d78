"""A RELAY session without sockets: a test says when it is up, when the socket takes commands, and what is answered.

It keeps the promises of `gateway.relay.session.Session` towards the engine: a command is handed over only while its
caller waits and its time has not passed, each has one outcome, and `session_up` comes before the first event.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from gateway.domain.errors import CallstreamError, OutcomeUnknown, RelayDisconnected
from gateway.relay.commands import Command, Result
from gateway.relay.conversation import Order
from gateway.relay.observer import SessionDown, SessionObserver, SessionUp
from gateway.relay.payloads import RelayEvent
from gateway.relay.protocol import Arrived, Protocol, ProtocolState, Timeouts
from gateway.relay.status import SessionState

__all__ = ["ScriptedSession"]


class ScriptedSession:
    """What the engine takes for its session."""

    def __init__(self, observer: SessionObserver, on_handed_over: Callable[[Command], None]) -> None:
        self.state = SessionState.CONNECTING
        self.contexts: frozenset[str] = frozenset({"default"})
        self.outbox: list[Order] = []
        """Commands that the socket has not taken yet."""
        self.sent: list[Order] = []
        """Commands that wait for their answer."""
        self.acknowledged: list[RelayEvent] = []
        self.delivered: list[RelayEvent] = []
        """Events that were not acknowledged on this connection, or a former one."""
        self._observer = observer
        self._on_handed_over = on_handed_over
        self._waiters: set[asyncio.Future[None]] = set()
        self._closing = asyncio.Event()
        self._connections = 0
        self._protocol = Protocol(Timeouts())

    # What the engine does.

    async def wait_connected(self, until: float | None) -> None:
        """See Session."""
        loop = asyncio.get_running_loop()
        while self.state is not SessionState.CONNECTED:
            if until is None or until <= loop.time() or self.state is SessionState.CLOSED:
                raise RelayDisconnected("there is no session")
            waiter = loop.create_future()
            self._waiters.add(waiter)
            try:
                async with asyncio.timeout_at(until):
                    await waiter
            except TimeoutError:
                continue
            finally:
                self._waiters.discard(waiter)

    async def execute(
        self, command: Command, *, send_by: float | None, on_sent: Callable[[], None] | None = None
    ) -> Result:
        """See Session."""
        if self.state is not SessionState.CONNECTED:
            raise RelayDisconnected("there is no session")
        order = Order(command, send_by, on_sent)
        timer = None if send_by is None else asyncio.get_running_loop().call_at(send_by, order.expire)
        self.outbox.append(order)
        try:
            return await order.future
        finally:
            if timer is not None:
                timer.cancel()
            for orders in (self.outbox, self.sent):
                if order in orders:
                    orders.remove(order)

    def acknowledge(self, events: Sequence[RelayEvent]) -> None:
        """See Session."""
        self.acknowledged += events
        for event in events:
            if event in self.delivered:
                self.delivered.remove(event)

    async def update_contexts(self, *, add: Iterable[str], remove: Iterable[str], deadline: float | None) -> None:
        """See Session; never refused."""
        self.contexts = (self.contexts | frozenset(add)) - frozenset(remove)

    async def run(self) -> None:
        """See Session."""
        await self._closing.wait()
        if self.state is SessionState.CONNECTED:
            await self.lose("the gateway leaves")
        self.state = SessionState.CLOSED
        self._wake()

    async def close(self) -> None:
        """See Session."""
        self._closing.set()

    # What the test does.

    async def connect(self, *, restored: bool, had_state: bool) -> None:
        """There is a session; a restored one sends again what was not acknowledged."""
        self._connections += 1
        self._protocol = Protocol(Timeouts(), self._connections, lambda: "connect")
        self._protocol.open(0.0, authentication={}, contexts=(), agent="", resume=None)
        self._protocol.receive(b'{"jsonrpc":"2.0","id":"connect","result":{}}', 0.0)
        self._protocol.happened()
        self.state = SessionState.CONNECTED
        self._wake()
        await self._observer.session_up(SessionUp(restored, self._connections == 1, had_state, "protocol-1"))
        if restored and self.delivered:
            await self._observer.relay_events(list(self.delivered))
        if not restored:
            self.delivered.clear()

    async def lose(self, reason: str) -> None:
        """The connection breaks: what was handed over has an unknown outcome, what was not was not sent."""
        self.state = SessionState.WAITING
        unsent, self.outbox = self.outbox, []
        unanswered, self.sent = self.sent, []
        for order in unsent:
            order.finish(RelayDisconnected("the connection broke; nothing was sent"))
        for order in unanswered:
            order.finish(OutcomeUnknown("the connection broke before RELAY answered"))
        await self._observer.session_down(SessionDown(reason))

    async def receive(self, frames: Iterable[bytes]) -> None:
        """Frames come; the events among them are told as they are by the real session."""
        for frame in frames:
            self._protocol.receive(frame, 0.0)
        events = [happening.event for happening in self._protocol.happened() if isinstance(happening, Arrived)]
        if events:
            self.delivered += events
            await self._observer.relay_events(events)
        if self._protocol.state is ProtocolState.OVER:
            await self.lose("RELAY asked for it")

    async def take_commands(self) -> None:
        """The socket takes what waits to be sent."""
        now = asyncio.get_running_loop().time()
        orders, self.outbox = self.outbox, []
        for order in orders:
            if order.future.done():
                continue
            if order.send_by is not None and now >= order.send_by:
                order.expire()
                continue
            order.request_id = "sent"
            self.sent.append(order)
            self._on_handed_over(order.command)
            if order.on_sent is not None:
                order.on_sent()

    def answer(self, order: Order, outcome: Result | CallstreamError) -> None:
        """RELAY answers a command that was handed over."""
        self.sent.remove(order)
        order.finish(outcome)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
