"""The whole engine without sockets: any event, command, answer, loss, restart and time, in any order."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.errors import (
    CallstreamError,
    InvalidRequest,
    OutcomeUnknown,
    RelayFailed,
    RelayRejected,
    Violation,
)
from gateway.domain.streams import StreamState, Track
from gateway.engine.clock import Clock
from gateway.engine.engine import Engine
from gateway.engine.options import EngineOptions
from gateway.engine.orders import AnswerCall, ConflictPolicy, DialOrder, EndCall, PassCall, StartStream
from gateway.journal.options import JournalOptions
from gateway.journal.sqlite import open_journal
from gateway.relay import wire
from gateway.relay.commands import Command, Result
from gateway.relay.session import Session, SessionObserver, SessionState
from gateway.service.codec import ContractCodec
from tests.support.engine_model import EngineModel
from tests.support.fuzzing import count_step, fuzz_settings
from tests.support.hostile_frames import CALL_IDS, CODES, CONTROL_IDS, FRAMES, NODE_IDS, TAGS, as_text, event_frame
from tests.support.scripted_session import ScriptedSession
from tests.support.virtual_time import VirtualTimeLoop

OPTIONS = EngineOptions(
    start_timeout=30,
    stop_timeout=10,
    relay_wait=5,
    ended_retention=120,
    ended_kept=6,
    max_streams_per_call=2,
    dial_timeout=100,
    retry_delay=1,
    sweep_interval=60,
)
MAX_CLIENTS = 12
DEADLINES = st.sampled_from([None, 0.0, 0.5, 20.0, 20.0, 100.0])
OUTCOMES = st.sampled_from(["code", "code", "code", "lost", "refused"])
ORDERS = st.builds(
    lambda call_id, control_id, url, **fields: StartStream(
        call_id, control_id, url, digest=f"{url} {fields['name']} {fields['max_duration']}", **fields
    ),
    CALL_IDS,
    CONTROL_IDS,
    st.sampled_from(["wss://one/", "wss://one/", "wss://two/"]),
    node_id=NODE_IDS,
    name=st.sampled_from(["", "", "n1"]),
    track=st.sampled_from(list(Track)),
    authorization_bearer_token=st.just("secret"),
    labels=st.sampled_from([{}, {"team": "a"}]),
    conflict_policy=st.sampled_from(list(ConflictPolicy)),
    until_streaming=st.booleans(),
    max_duration=st.sampled_from([0, 0, 5_000_000]),
    validate_only=st.sampled_from([False] * 9 + [True]),
)
DEVICES = (({"type": "phone", "params": {"to_number": "+15550001111", "from_number": "+15550002222"}},),)


@dataclass(eq=False)
class Client:
    """Somebody who has ordered something, and waits."""

    subject: tuple[str, ...]
    deadline: float | None
    task: "asyncio.Task[Any]"
    left: bool = False


class EngineMachine(RuleBasedStateMachine):
    """An engine at work; RELAY, its clients and time do as they like."""

    @initialize(connected=st.sampled_from([True, True, True, False]))
    def begin(self, connected: bool) -> None:
        """An empty journal; mostly a session, and a call."""
        self.loop = VirtualTimeLoop()
        self.errors: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, told: self.errors.append(told))
        self.skew = 0.0
        self.stalled = False
        self.clients: list[Client] = []
        self.model = EngineModel()
        self.loop.run(self._open())
        if connected:
            self._do(self.session.connect(restored=False, had_state=False))
            received = {"call_id": "call-1", "node_id": "node-1", "call_state": "created", "direction": "inbound"}
            outer = {"event_type": wire.CALL_RECEIVE, "params": received}
            self._do(self.session.receive([as_text({"id": "event-0", "method": wire.EVENT, "params": outer})]))

    async def _open(self) -> None:
        self.journal = open_journal(None, JournalOptions(compaction_interval=3600), now_us=self._wall)
        forget = self.journal.forget

        def forget_and_tell(keys: Any) -> None:
            forgotten = tuple(keys)
            self.model.forget(self.journal.last_sequence, forgotten)
            forget(forgotten)

        self.journal.forget = forget_and_tell  # type: ignore[method-assign]
        await self._start()

    def _wall(self) -> int:
        return round((1.7e9 + self.loop.time() + self.skew) * 1e6)

    def _ticks(self) -> int:
        return round(self.loop.time() * 1e6)

    async def _start(self) -> None:
        def connect(observer: SessionObserver) -> Session:
            self.session = ScriptedSession(observer, self._handed_over)
            return cast(Session, self.session)

        self.engine = Engine(self.journal, ContractCodec(), connect, OPTIONS, Clock(self._wall, self._ticks))
        self.engine.load()
        self.gone = False
        self.running = self.loop.create_task(self.engine.run(), name="engine")
        await self._settle()

    async def _settle(self) -> None:
        """Lets everything run that can, until all is durable."""
        while True:
            await self.loop.idle()
            if self.stalled:
                return
            head, committed = self.journal.last_sequence, asyncio.Event()
            self.journal.append([], committed.set)
            await committed.wait()
            await self.loop.idle()
            if self.journal.last_sequence == head:
                return

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        count_step("engine")
        self.sound = False

        async def do() -> None:
            await work
            await self._settle()

        self.loop.run(do())
        self.sound = True

    @property
    def _connected(self) -> bool:
        return self.session.state is SessionState.CONNECTED

    # What RELAY does.

    @rule(restored=st.sampled_from([True, True, False]), had_state=st.booleans())
    @precondition(lambda self: not self._connected)
    def connect(self, restored: bool, had_state: bool) -> None:
        """There is a session, taken up or new."""
        self._do(self.session.connect(restored=restored, had_state=had_state))

    @rule()
    @precondition(lambda self: self._connected)
    def lose_the_connection(self) -> None:
        """The socket breaks."""
        self._do(self.session.lose("it broke"))

    @rule(frames=st.lists(event_frame().map(as_text), min_size=1, max_size=4))
    @precondition(lambda self: self._connected)
    def report(self, frames: list[bytes]) -> None:
        """RELAY reports."""
        self._do(self.session.receive(frames))

    @rule(frame=FRAMES)
    @precondition(lambda self: self._connected)
    def say_anything(self, frame: bytes) -> None:
        """RELAY sends what it wants."""
        self._do(self.session.receive([frame]))

    @rule()
    @precondition(lambda self: self._connected and self.session.outbox)
    def take_commands(self) -> None:
        """The socket takes what waits."""
        self._do(self.session.take_commands())

    @rule(which=st.integers(0, 100), code=CODES, kind=OUTCOMES)
    @precondition(lambda self: self.session.sent)
    def answer(self, which: int, code: str, kind: str) -> None:
        """RELAY answers a command, as it likes, or its answer does not come."""
        order = self.session.sent[which % len(self.session.sent)]
        self.session.answer(order, _outcome(order.command.method, code, kind))
        self._do(asyncio.sleep(0))

    @rule()
    @precondition(lambda self: self._connected)
    def agree_to_everything(self) -> None:
        """RELAY takes all commands and says yes."""
        self._do(self._agree())

    @rule(code=CODES, kind=OUTCOMES)
    @precondition(lambda self: self._connected and (self.session.outbox or self.session.sent))
    def answer_everything(self, code: str, kind: str) -> None:
        """RELAY takes all commands, and has one answer for all."""
        self._do(self._answer_all(code, kind))

    @rule(order=ORDERS, code=CODES, kind=OUTCOMES)
    @precondition(lambda self: self._connected and not self.stalled)
    def start_and_answer(self, order: StartStream, code: str, kind: str) -> None:
        """Somebody starts a stream, and RELAY answers."""
        self._start_stream(order, 20.0)
        if self._connected:
            self._do(self._answer_all(code, kind))

    async def _answer_all(self, code: str, kind: str) -> None:
        await self.session.take_commands()
        for waiting in list(self.session.sent):
            self.session.answer(waiting, _outcome(waiting.command.method, code, kind))

    async def _agree(self) -> None:
        await self.session.take_commands()
        for order in list(self.session.sent):
            self.session.answer(order, Result("200", "as you wish", {}))

    # What clients do.

    def _order(self, subject: tuple[str, ...], seconds: float | None, make: Any) -> None:
        deadline = None if seconds is None else self.loop.time() + seconds
        if sum(not client.task.done() for client in self.clients) < MAX_CLIENTS:
            task = self.loop.create_task(make(deadline), name=f"client {subject}")
            self.clients.append(Client(subject, deadline, task))
        self._do(asyncio.sleep(0))

    @rule(order=ORDERS, seconds=DEADLINES)
    def start(self, order: StartStream, seconds: float | None) -> None:
        """Somebody starts a stream."""
        self._start_stream(order, seconds)

    def _start_stream(self, order: StartStream, seconds: float | None) -> None:
        subject = (wire.STREAM, order.call_id, order.control_id)
        self._order(subject, seconds, lambda deadline: self.engine.starts.start(order, deadline))

    @rule(call_id=CALL_IDS, control_id=CONTROL_IDS, seconds=DEADLINES, until_ended=st.booleans())
    def stop(self, call_id: str, control_id: str, seconds: float | None, until_ended: bool) -> None:
        """Somebody stops a stream."""

        async def stop(deadline: float | None) -> None:
            stream = self.engine.stops.find(call_id, control_id, "")
            await self.engine.stops.stop(stream, deadline, until_ended=until_ended)

        self._order((wire.STREAM_STOP, call_id, control_id), seconds, stop)

    @rule(call_id=CALL_IDS, seconds=DEADLINES)
    def stop_all(self, call_id: str, seconds: float | None) -> None:
        """Somebody stops all streams of a call."""
        self._order(
            (wire.STREAM_STOP, call_id),
            seconds,
            lambda deadline: self.engine.stops.stop_all(call_id, deadline, until_ended=False),
        )

    @rule(what=st.sampled_from([wire.ANSWER, wire.PASS, wire.END]), call_id=CALL_IDS, node=NODE_IDS, seconds=DEADLINES)
    def command_call(self, what: str, call_id: str, node: str, seconds: float | None) -> None:
        """Somebody answers, declines or ends a call."""

        async def command(deadline: float | None) -> None:
            calls = self.engine.calls
            if what == wire.ANSWER:
                await calls.answer(AnswerCall(call_id, node), deadline)
            elif what == wire.PASS:
                await calls.pass_on(PassCall(call_id, node), deadline)
            else:
                await calls.end(EndCall(call_id, node), deadline)

        self._order((what, call_id), seconds, command)

    @rule(tag=TAGS, seconds=DEADLINES)
    def dial(self, tag: str, seconds: float | None) -> None:
        """Somebody calls somebody."""
        order = DialOrder(tag, DEVICES)
        self._order((wire.DIAL, tag), seconds, lambda deadline: self.engine.calls.dial(order, deadline))

    @rule(which=st.integers(0, 100))
    @precondition(lambda self: any(not client.task.done() for client in self.clients))
    def leave(self, which: int) -> None:
        """A client does not wait any more."""
        waiting = [client for client in self.clients if not client.task.done()]
        client = waiting[which % len(waiting)]
        client.left = True
        client.task.cancel()
        self._do(asyncio.sleep(0))

    def _handed_over(self, command: Command) -> None:
        """Nothing but stops goes to RELAY without somebody who waits for it, and in time."""
        if command.method == wire.STREAM_STOP:
            return
        params = command.params
        named = (params["tag"],) if command.method == wire.DIAL else (params["call_id"], params.get("control_id"))
        subject = (command.method, *filter(None, named))
        now = self.loop.time()
        assert any(
            client.subject == subject
            and not client.left
            and not client.task.done()
            and (client.deadline is None or now < client.deadline)
            for client in self.clients
        ), f"nobody waits for {subject}"

    # What time and the machine do.

    @rule(seconds=st.sampled_from([0.001, 0.6, 3.0, 11.0, 31.0, 150.0]))
    def time_passes(self, seconds: float) -> None:
        """Every timer on the way fires at its time."""
        self._do(self._pass(seconds))

    async def _pass(self, seconds: float) -> None:
        until = self.loop.time() + seconds
        while (due := self.loop.next_timer()) is not None and due <= until:
            self.loop.advance_to(due)
            await self._settle()
        self.loop.advance_to(until)

    @rule(seconds=st.sampled_from([-3600.0, -0.5, 0.5, 50.0]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the machine's clock."""
        self.skew += seconds
        self._do(asyncio.sleep(0))

    @rule()
    @precondition(lambda self: not self.stalled)
    def disk_stalls(self) -> None:
        """Nothing becomes durable for a while."""
        self.journal._database._turn.__enter__()
        self.stalled = True
        self._do(asyncio.sleep(0))

    @rule()
    @precondition(lambda self: self.stalled)
    def disk_goes_on(self) -> None:
        """All becomes durable."""
        self._release_disk()
        self._do(asyncio.sleep(0))

    def _release_disk(self) -> None:
        if self.stalled:
            self.stalled = False
            self.journal._database._turn.__exit__(None, None, None)

    @rule(kill=st.sampled_from([True, True, False]))
    def restart(self, kill: bool) -> None:
        """The process ends, in order or not, and the next one has its journal."""
        self._release_disk()
        self._do(self._restart(kill))

    async def _restart(self, kill: bool) -> None:
        await self._leave(kill)
        self._read_journal()
        await self._start()

    async def _leave(self, kill: bool) -> None:
        if kill:
            self.engine.recorder.append = lambda *_: None  # type: ignore[method-assign]  # nothing more is written
            for client in self.clients:
                client.left = client.task.cancel()
            self.running.cancel()
            await asyncio.wait([self.running])
            assert self.running.cancelled()
            self.gone = True
            await self.engine.drain(0.0)
        else:
            await self.engine.drain(0.0)
            await self.engine.close()
            await self.loop.idle()
            self.running.result()
            self.gone = True
        await self._settle()
        late = [client.subject for client in self.clients if not client.task.done()]
        assert not late, f"{late} wait for an engine that has left"

    # What must hold.

    @invariant()
    def check(self) -> None:
        """No exception escapes; the journal is sound; the registry is its fold; acknowledged is what is durable."""
        if not hasattr(self, "journal"):
            return
        self.sound = False
        assert not self.errors
        assert self.gone or not self.running.done()
        for client in [client for client in self.clients if client.task.done()]:
            self.clients.remove(client)
            error = None if client.task.cancelled() else client.task.exception()
            assert client.left or not client.task.cancelled()
            if error is not None and not isinstance(error, CallstreamError):
                raise error
        if not self.stalled:
            assert self.journal.head == self.journal.last_sequence
            self._read_journal()
            self.model.check(self.engine.registry)
        for event in self.session.acknowledged:
            assert not event.event_id or event.event_id in self.model.event_ids
        self.session.acknowledged.clear()
        self.sound = True

    def _read_journal(self) -> None:
        codec = ContractCodec()
        for record in self.journal._tail.read(self.model.head, None, 10_000, 1 << 30).records:
            self.model.take(codec.decode(record))

    def teardown(self) -> None:
        """Once RELAY is itself again every stream that was asked for is streaming, or has ended."""
        if not hasattr(self, "journal"):
            return
        self._release_disk()
        try:
            if self.sound:
                self._end_well()
        finally:
            self.loop.run(self._end())
            self.loop.close()

    def _end_well(self) -> None:
        self.loop.run(self._calm_down())
        self.check()
        unsettled = [
            stream
            for stream in self.model.streams()
            if stream.active and stream.state is not StreamState.STREAMING and stream.request_digest
        ]
        assert not unsettled, f"{unsettled} are not settled"
        self.loop.run(self._leave(kill=False))

    async def _calm_down(self) -> None:
        for _ in range(12):
            if not self._connected:
                await self.session.connect(restored=True, had_state=True)
            await self._settle()
            await self._agree()
            await self._settle()
            await self._pass(12.0)
            await self._settle()

    async def _end(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])
        await self.journal.close()
        here = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not here]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


def _outcome(method: str, code: str, kind: str) -> Result | CallstreamError:
    if kind == "lost":
        return OutcomeUnknown(f"RELAY did not answer {method}")
    if kind == "refused" and method != wire.STREAM_STOP:  # ids that RELAY has told can be told to RELAY
        return InvalidRequest([Violation("", "it cannot be written")])
    if not code or (code.startswith("2") and len(code) == len("200")):
        return Result(code, "as you wish", {})
    return RelayFailed(method, code, "no") if code.startswith("5") else RelayRejected(method, code, "no")


TestEngine = EngineMachine.TestCase
TestEngine.settings = fuzz_settings(examples=60)
