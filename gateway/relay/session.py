"""The RELAY session: decides when to connect, resume, begin anew, back off, give up and leave.

::

    CONNECTING ──▶ CONNECTED ──connection lost──▶ WAITING ──▶ CONNECTING …
        │  ╲──cannot connect────────────────────────▲
        └──credentials refused, and never taken──▶ REFUSED          any of them ──close()──▶ CLOSED

A command is handed to the socket only while its caller waits for it: not before there is a session, not after its time,
and never again after the connection broke. Its outcome is then unknown, and what to do about that is not decided here.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.domain.errors import RelayDisconnected
from gateway.relay import commands
from gateway.relay.backoff import backoff
from gateway.relay.commands import Command, Result
from gateway.relay.connection import Connection, ConnectionFailed, open_connection
from gateway.relay.conversation import Conversation, Ending, EndingKind, Order
from gateway.relay.endpoint import Credentials, Endpoint
from gateway.relay.observer import RequestObserver, SessionDown, SessionObserver, SessionUp, nobody, told
from gateway.relay.payloads import RelayEvent
from gateway.relay.protocol import Connected, Protocol, Timeouts
from gateway.relay.redact import scrubbed
from gateway.relay.resume import ResumeState, ResumeStore
from gateway.relay.status import SessionState, SessionStatus

__all__ = [
    "CredentialsRefused",
    "Session",
    "SessionDown",
    "SessionObserver",
    "SessionOptions",
    "SessionState",
    "SessionStatus",
    "SessionUp",
]

_PATIENCE_WHEN_KNOWN = 5
"""How many times longer refusals are put down to RELAY when it has taken the credentials before."""

_TOLD_AT_LEAST = 64
"""Of so many attempts in vain, half an hour of them, one is told at least."""

_log = structlog.get_logger(__name__)


class CredentialsRefused(Exception):
    """RELAY does not take the credentials, and never did: trying again will not help."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How the session behaves over time.

    Attributes:
        timeouts: How long to wait for RELAY.
        backoff_initial, backoff_maximum: Seconds between attempts, doubled from the one to the other.
        steady_after: A connection that held for so many seconds is taken up again at once.
        refusals_allowed: How many times in a row RELAY may refuse credentials that it has never taken.
        show_frames: Log every frame, redacted, at debug level.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    backoff_initial: float = 1.0
    backoff_maximum: float = 30.0
    steady_after: float = 5.0
    refusals_allowed: int = 3
    show_frames: bool = False


class Session:
    """Keeps one session with RELAY for as long as `run` runs."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        credentials: Credentials,
        contexts: Iterable[str],
        observer: SessionObserver,
        store: ResumeStore,
        agent: str,
        options: SessionOptions | None = None,
        requests: RequestObserver = nobody,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._contexts = frozenset(contexts)
        self._observer = observer
        self._store = store
        self._agent = agent
        self._options = options or SessionOptions()
        self._requests = requests
        self._owner = f"{credentials.project}@{endpoint.host}"
        self._resume: ResumeState | None = None
        self._state = SessionState.CONNECTING
        self._since = time.time()
        self._attempts = 0
        self._losses = 0
        self._refusals = 0
        self._last_error: str | None = None
        self._connections = 0
        self._connects = 0
        self._resumes = 0
        self._conversation: Conversation | None = None
        self._waiters: set[asyncio.Future[None]] = set()
        self._closing = asyncio.Event()
        self._opening: asyncio.Timeout | None = None
        self._had_state = False
        self._up_at = 0.0

    @property
    def state(self) -> SessionState:
        """Where it is; WAITING as soon as a connection that ends takes no commands any more."""
        conversation = self._conversation
        ending = self._state is SessionState.CONNECTED and (conversation is None or not conversation.taking)
        return SessionState.WAITING if ending else self._state

    @property
    def contexts(self) -> frozenset[str]:
        """On which contexts inbound calls are received."""
        return self._contexts

    def status(self) -> SessionStatus:
        """How it is."""
        return SessionStatus(
            self.state,
            self._since,
            self._attempts,
            self._last_error,
            self._connects,
            self._resumes,
            self._conversation.pending if self._conversation is not None else 0,
            self._losses,
        )

    # Commands.

    async def wait_connected(self, until: float | None) -> None:
        """Returns once commands can be sent.

        Args:
            until: Loop time until which to wait; None not to wait at all.

        Raises:
            RelayDisconnected: There is no session (in time).
        """
        loop = asyncio.get_running_loop()
        while self.state is not SessionState.CONNECTED:
            if until is None or until <= loop.time() or self._state in {SessionState.CLOSED, SessionState.REFUSED}:
                raise RelayDisconnected(f"there is no RELAY session now: {self._last_error or 'it is being opened'}")
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
        """Sends a command and returns RELAY's answer.

        Cancelling it before it is sent sends nothing; afterwards the answer is passed over.

        Args:
            command: What to send.
            send_by: Loop time until which it may be handed to the socket, None for ever. How long the answer takes is
                not bounded by it, but by `Timeouts.request`.
            on_sent: Called at the moment it is handed over.

        Raises:
            RelayRejected: RELAY refused.
            RelayFailed: RELAY answered with a 5xx code.
            RelayDisconnected: There is no session; nothing was sent.
            DeadlineExceeded: It could not be sent in time; nothing was sent.
            OutcomeUnknown: It was sent, and no answer came or will come.
        """
        conversation = self._conversation
        if conversation is None or self.state is not SessionState.CONNECTED:
            raise RelayDisconnected(f"there is no RELAY session now: {self._last_error or 'it is being opened'}")
        order = Order(command, send_by, on_sent)
        timer = None if send_by is None else asyncio.get_running_loop().call_at(send_by, order.expire)
        conversation.submit(order)
        try:
            return await told(order.future, self._requests(command))
        finally:
            conversation.forget(order)
            if timer is not None:
                timer.cancel()

    def acknowledge(self, events: Sequence[RelayEvent]) -> None:
        """Tells RELAY that these events are safe. Those of a former connection are passed over: they come again."""
        if self._conversation is not None:
            self._conversation.acknowledge(events)

    async def update_contexts(self, *, add: Iterable[str], remove: Iterable[str], deadline: float | None) -> None:
        """Receives inbound calls on other contexts from now on, also after reconnecting.

        Raises:
            RelayRejected, RelayFailed, RelayDisconnected, DeadlineExceeded, OutcomeUnknown: As for `execute`.
        """
        added, removed = frozenset(add), frozenset(remove)
        if added:
            await self.execute(commands.receive(added), send_by=deadline)
            self._contexts |= added
        if removed:
            await self.execute(commands.unreceive(removed), send_by=deadline)
            self._contexts -= removed

    # Life.

    async def run(self) -> None:
        """Keeps the session until `close`.

        Raises:
            CredentialsRefused: RELAY does not take the credentials, and never did.
        """
        self._resume = self._load()
        try:
            await self._keep()
        finally:
            if self._state is not SessionState.REFUSED:
                self._enter(SessionState.CLOSED)

    async def _keep(self) -> None:
        delays = self._delays()
        while not self._closing.is_set():
            self._enter(SessionState.CONNECTING)
            self._had_state = self._had_state or self._resume is not None
            ending, was_up = await self._attempt()
            if ending.kind is EndingKind.CLOSED:
                break
            self._note(ending)
            held = was_up and asyncio.get_running_loop().time() - self._up_at >= self._options.steady_after
            if held:
                delays = self._delays()
            elif ending.kind is not EndingKind.STALE:
                await self._pause(next(delays))

    async def close(self) -> None:
        """Leaves. RELAY keeps the session for a while, so the next process can resume it."""
        self._closing.set()
        if self._opening is not None and not self._opening.expired():
            self._opening.reschedule(asyncio.get_running_loop().time())
        if self._conversation is not None:
            self._conversation.leave()

    def _delays(self) -> Iterator[float]:
        return backoff(self._options.backoff_initial, self._options.backoff_maximum)

    def _enter(self, state: SessionState) -> None:
        if state is not self._state:
            self._state, self._since = state, time.time()
        if state in {SessionState.CONNECTED, SessionState.CLOSED, SessionState.REFUSED}:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def _pause(self, seconds: float) -> None:
        self._enter(SessionState.WAITING)
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _attempt(self) -> tuple[Ending, bool]:
        """Connects and talks until it is over; says why, and whether there was a session."""
        try:
            async with asyncio.timeout(None) as self._opening:  # `close` lets it run out
                connection = await open_connection(self._endpoint, self._options.timeouts.connect)
        except ConnectionFailed as error:
            return Ending(EndingKind.LOST, str(error)), False
        except TimeoutError:
            return Ending(EndingKind.CLOSED, "the gateway leaves"), False
        finally:
            self._opening = None
        if self._closing.is_set():
            await connection.close()
            return Ending(EndingKind.CLOSED, "the gateway leaves"), False
        return await self._talk(connection)

    async def _talk(self, connection: Connection) -> tuple[Ending, bool]:
        loop = asyncio.get_running_loop()
        self._connections += 1
        connects = self._connects
        protocol = Protocol(self._options.timeouts, self._connections)
        protocol.open(
            loop.time(),
            authentication=self._credentials.authentication,
            contexts=self._contexts,
            agent=self._agent,
            resume=self._resume,
        )
        conversation = Conversation(
            connection, protocol, self, show_frames=self._options.show_frames, secrets=self._credentials.secrets
        )
        self._conversation = conversation
        try:
            ending = await conversation.run()
        finally:
            self._conversation = None
            self._enter(SessionState.WAITING)
        was_up = self._connects > connects
        if was_up:
            await self._observer.session_down(SessionDown(self._scrubbed(ending.reason)))
        return ending, was_up

    def _note(self, ending: Ending) -> None:
        """Remembers why a connection ended, and what that means for the next one."""
        self._attempts += 1
        self._losses += 1
        self._last_error = self._scrubbed(ending.reason)
        tell = _log.warning if _is_worth_telling(self._attempts) else _log.debug
        tell("relay_connection_over", reason=self._last_error, attempt=self._attempts, next="tried again, for ever")
        if ending.kind in {EndingKind.RESTART, EndingKind.STALE}:
            self._save(None)
        if ending.kind is EndingKind.CREDENTIALS:
            self._refusals += 1
            self._judge_credentials()

    def _judge_credentials(self) -> None:
        """Decides whether refused credentials are bad: never if RELAY has taken them before.

        It may be the resume state that is refused under the wrong name, so they are tried once without it. What is kept
        on disk stays: a token that was mistyped must not cost the session of the right one.

        Raises:
            CredentialsRefused: They are.
        """
        patience = self._options.refusals_allowed * (_PATIENCE_WHEN_KNOWN if self._connects else 1)
        if self._refusals < patience:
            return
        if self._resume is not None:
            self._resume = None
        elif not self._connects:
            self._enter(SessionState.REFUSED)
            raise CredentialsRefused(
                f"RELAY refuses the credentials of project {self._credentials.project!r} "
                f"({self._last_error}); check SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN"
            )

    def _scrubbed(self, reason: str) -> str:
        state = self._resume.authorization_state if self._resume is not None else ""
        return scrubbed(reason, [*self._credentials.secrets, *filter(None, [state])])

    # What the conversation tells.

    async def connected(self, connected: Connected) -> None:
        """See Listener."""
        had_state, self._had_state = self._had_state, False
        kept = self._resume.authorization_state if self._resume is not None and connected.restored else ""
        up = SessionUp(connected.restored, not self._connects, had_state, connected.protocol)
        self._connects += 1
        self._resumes += connected.restored
        self._attempts = 0
        self._refusals = 0
        self._save(ResumeState(self._owner, connected.protocol, kept) if connected.protocol else None)
        self._up_at = asyncio.get_running_loop().time()
        _log.info("relay_connected", restored=connected.restored, host=self._endpoint.host)
        self._enter(SessionState.CONNECTED)
        await self._observer.session_up(up)

    def authorization_changed(self, authorization_state: str) -> None:
        """See Listener."""
        if self._resume is not None:
            self._save(ResumeState(self._owner, self._resume.protocol, authorization_state))

    async def relay_events(self, events: Sequence[RelayEvent]) -> None:
        """See Listener."""
        await self._observer.relay_events(events)

    # What outlives the process.

    def _load(self) -> ResumeState | None:
        try:
            state = self._store.load()
        except OSError as error:
            _log.warning("session_state_unreadable", reason=str(error))
            return None
        return state if state is not None and state.owner == self._owner else None

    def _save(self, state: ResumeState | None) -> None:
        self._resume = state
        try:
            self._store.save(state)
        except OSError as error:
            # This process goes on as it is; only the next one would begin anew.
            _log.warning("session_state_not_saved", reason=str(error))


def _is_worth_telling(attempt: int) -> bool:
    """Whether a failure is told: the first one, and then ever fewer of those that follow on each other."""
    return attempt & (attempt - 1) == 0 or attempt % _TOLD_AT_LEAST == 0
