"""The RELAY protocol meets whatever may come over a socket, in any order, at any time."""

import itertools
import json
import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.errors import CallstreamError
from gateway.relay import commands, wire
from gateway.relay.answers import Refused
from gateway.relay.commands import Command, Result
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
    ProtocolState,
    Timeouts,
)
from gateway.relay.resume import ResumeState
from tests.support.fuzzing import count_step, fuzz_settings
from tests.support.hostile_frames import FRAMES, JUNK, answer_frame, as_text

CONNECTION = 3
TIMEOUTS = Timeouts()
ENDINGS = (Refused, DisconnectAsked, Dead)
COMMANDS = st.one_of(
    st.just(commands.stop_stream(node_id="n", call_id="c", control_id="s")),
    st.builds(
        lambda junk: Command(wire.STREAM, {"custom_parameters": junk, "authorization_bearer_token": "no"}),
        JUNK,
    ),
)


class ProtocolMachine(RuleBasedStateMachine):
    """Everything a connection can go through; the model is who waits for which answer."""

    @initialize(resume=st.booleans())
    def open(self, resume: bool) -> None:
        """The first frame asks for the session."""
        ids = itertools.count(1)
        self.now = 100.0
        self.protocol = Protocol(TIMEOUTS, CONNECTION, lambda: f"request-{next(ids)}")
        self.state = ResumeState("p@h", "protocol-1", "state-1") if resume else None
        self.waiting: dict[str, str] = {}
        self.events: list[RelayEvent] = []
        self.changes: list[AuthorizationChanged] = []
        self.connected = 0
        self.ended = 0
        self.protocol.open(
            self.now,
            authentication={"project": "p", "token": "t"},
            contexts=["default"],
            agent="test/1",
            resume=self.state,
        )
        (frame,) = self._sent()
        assert frame["method"] == wire.CONNECT
        self.connect_id = frame["id"]

    def _sent(self) -> list[dict[str, Any]]:
        """All that is to be sent is JSON-RPC, and no larger than RELAY takes."""
        frames = []
        for data in self.protocol.data_to_send():
            assert len(data) <= wire.MAX_FRAME_BYTES
            frame = json.loads(data)
            assert frame["jsonrpc"] == "2.0"
            assert len(set(frame) & {"method", "result", "error"}) == 1
            assert "id" in frame
            frames.append(frame)
        return frames

    def _happened(self) -> list[Happening]:
        """Nothing follows an ending, nothing precedes the session, and each request has one outcome."""
        happened = self.protocol.happened()
        for happening in happened:
            assert not self.ended
            match happening:
                case Connected():
                    assert not self.connected
                    self.connected += 1
                case Answered(request_id, outcome):
                    assert isinstance(outcome, Result | CallstreamError)
                    assert self.waiting.pop(request_id)
                case Arrived(event):
                    assert self.connected
                    self._check_event(event)
                    self.events.append(event)
                case AuthorizationChanged(state):
                    assert self.connected
                    state.encode()
                    self.changes.append(happening)
                case Refused() | DisconnectAsked() | Dead():
                    self.ended += 1
        assert bool(self.ended) == (self.protocol.state is ProtocolState.OVER)
        return happened

    def _check_event(self, event: RelayEvent) -> None:
        assert event.connection == CONNECTION
        event.event_id.encode()
        event.event_type.encode()
        event.raw_params.decode()
        assert event.timestamp is None or math.isfinite(event.timestamp)

    @rule(data=FRAMES)
    def receive(self, data: bytes) -> None:
        """No frame raises. An event is not answered until it is acknowledged; anything else at most once."""
        count_step("protocol")
        self._receive(data)

    def _receive(self, data: bytes) -> bool:
        """Says whether it could be read."""
        over, malformed = self.ended, self.protocol.malformed
        self.protocol.receive(data, self.now)
        happened, sent = self._happened(), self._sent()
        assert len(sent) <= 1
        assert not (sent and any(isinstance(one, Arrived | AuthorizationChanged) for one in happened))
        assert not any("method" in frame for frame in sent)
        assert not (over and (happened or sent))
        return self.protocol.malformed == malformed

    @rule(data=st.data())
    @precondition(lambda self: self.protocol.state is ProtocolState.OPENING)
    def answer_connect(self, data: st.DataObject) -> None:
        """Any answer to connect that can be read opens the session or ends the connection."""
        count_step("protocol")
        readable = self._receive(as_text(data.draw(answer_frame(self.connect_id))))
        assert self.connected + self.ended == readable

    @rule()
    @precondition(lambda self: self.protocol.state is ProtocolState.OPENING)
    def accept(self) -> None:
        """There is a session; it is the former one if it has its name."""
        count_step("protocol")
        self._receive(as_text({"jsonrpc": "2.0", "id": self.connect_id, "result": {"protocol": "protocol-1"}}))
        assert self.connected

    @rule(command=COMMANDS)
    @precondition(lambda self: self.protocol.state is ProtocolState.OPEN)
    def request(self, command: Command) -> None:
        """A command is written, or refused with ValueError and nothing is written."""
        count_step("protocol")
        try:
            request_id = self.protocol.request(command, self.now)
        except ValueError:
            assert not self._sent()
            return
        (frame,) = self._sent()
        assert (frame["id"], frame["method"]) == (request_id, command.method)
        self.waiting[request_id] = command.method

    @rule(data=st.data())
    @precondition(lambda self: self.waiting)
    def answer(self, data: st.DataObject) -> None:
        """Any answer that can be read is one."""
        count_step("protocol")
        request_id = data.draw(st.sampled_from(sorted(self.waiting)))
        readable = self._receive(as_text(data.draw(answer_frame(request_id))))
        assert self.ended or readable == (request_id not in self.waiting)

    @rule(data=st.data())
    @precondition(lambda self: self.waiting)
    def forget(self, data: st.DataObject) -> None:
        """Nobody hears of an answer that nobody waits for."""
        count_step("protocol")
        request_id = data.draw(st.sampled_from(sorted(self.waiting)))
        self.protocol.forget(request_id)
        del self.waiting[request_id]
        self._receive(as_text({"jsonrpc": "2.0", "id": request_id, "result": {"code": "200"}}))

    @rule(number=st.integers(1, 3))
    @precondition(lambda self: self.events)
    def acknowledge(self, number: int) -> None:
        """Events are acknowledged under their own ids, as they were sent; those without one are not."""
        count_step("protocol")
        acknowledged, self.events = self.events[:number], self.events[number:]
        self.protocol.acknowledge(acknowledged)
        ids = [json.loads(event.ack_id) for event in acknowledged if event.ack_id]
        assert repr([frame["id"] for frame in self._sent()]) == repr(ids)  # by repr: NaN is no NaN

    @rule()
    @precondition(lambda self: self.changes)
    def keep(self) -> None:
        """An authorization state is acknowledged once it is kept."""
        count_step("protocol")
        changed = self.changes.pop()
        self.protocol.kept(changed)
        assert len(self._sent()) == (changed.ack_id not in {b"", b"null"})

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, 9.9, 10.0, 15.0, 31.0, 1e6]))
    def time_passes(self, seconds: float) -> None:
        """Whatever was due is done: a clock that is looked at again has nothing to do."""
        count_step("protocol")
        self.now += seconds
        self.protocol.tick(self.now)
        assert self.protocol.next_deadline() > self.now
        self._happened()
        assert all(frame["method"] == wire.PING for frame in self._sent())

    @rule()
    def wait_for_the_deadline(self) -> None:
        """At the deadline something is done, and the next one lies later."""
        count_step("protocol")
        due = self.protocol.next_deadline()
        if math.isinf(due):
            assert self.ended
            return
        self.now = max(self.now, due)
        self.protocol.tick(self.now)
        happened, sent = self._happened(), self._sent()
        assert happened or sent
        assert self.protocol.next_deadline() > self.now

    @rule()
    def excuse(self) -> None:
        """A silence that is the gateway's own is not RELAY's."""
        count_step("protocol")
        self.protocol.excuse(self.now)
        self._happened()
        assert not self._sent()

    @rule(gone=st.integers(0, 9))
    def break_off(self, gone: int) -> None:
        """One time in ten the socket breaks; that is said once."""
        count_step("protocol")
        if gone == 0:
            self.protocol.receive_eof("it broke")
            self._happened()
            assert self.ended == 1

    @invariant()
    def the_same_requests_wait(self) -> None:
        """The protocol waits for what the model waits for."""
        assert self.protocol.pending == len(self.waiting)

    def teardown(self) -> None:
        """In the end nobody waits: what was not answered is lost."""
        if hasattr(self, "protocol"):
            self.protocol.receive_eof("the end")
            self._happened()
            assert self.ended == 1
            assert {answered.request_id for answered in self.protocol.lost()} == set(self.waiting)
            assert self.protocol.pending == 0
            assert not self.protocol.lost()


TestProtocol = ProtocolMachine.TestCase
TestProtocol.settings = fuzz_settings(examples=40)
