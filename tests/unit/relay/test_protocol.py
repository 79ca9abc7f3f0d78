"""The RELAY protocol without I/O: every test is a conversation of plain bytes and made-up time."""

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import OutcomeUnknown, RelayRejected
from gateway.relay.answers import RefusalKind, Refused
from gateway.relay.commands import Command, Result
from gateway.relay.payloads import CallStatePayload
from gateway.relay.protocol import (
    Answered,
    Arrived,
    AuthorizationChanged,
    Connected,
    Dead,
    DisconnectAsked,
    Protocol,
    ProtocolState,
    Timeouts,
)
from gateway.relay.resume import ResumeState

TIMEOUTS = Timeouts(connect=15, request=30, ping_interval=30, ping_timeout=10, ping_failures=3)
FORMER = ResumeState("P@h", "former", "state-0")
ANSWER = Command("calling.answer", {"call_id": "c"})


def counted() -> Callable[[], str]:
    """Ids that a test can foretell, from 1 on."""
    ids = itertools.count(1)
    return lambda: str(next(ids))


def opening(resume: ResumeState | None = None) -> Protocol:
    """A protocol that has just asked for its session, at time 0; connect has the id 1."""
    protocol = Protocol(TIMEOUTS, 7, counted())
    protocol.open(0.0, authentication={"project": "P", "token": "T"}, contexts={"b", "a"}, agent="x/1", resume=resume)
    return protocol


def opened(resume: ResumeState | None = None) -> Protocol:
    """A protocol whose session is there, with nothing left to send or to tell."""
    protocol = opening(resume)
    say(protocol, id="1", result={"protocol": "p"})
    protocol.happened()
    protocol.data_to_send()
    return protocol


def say(protocol: Protocol, now: float = 0.0, **frame: Any) -> None:
    """RELAY says something."""
    protocol.receive(json.dumps({"jsonrpc": "2.0", **frame}).encode(), now)


def event(event_id: Any, event_type: str = "calling.call.state", **params: Any) -> dict[str, Any]:
    """An event's frame."""
    return {
        "id": event_id,
        "method": "signalwire.event",
        "params": {"event_type": event_type, "timestamp": 1.5, "params": params},
    }


def sent(protocol: Protocol) -> list[Any]:
    """What goes out, decoded."""
    return [json.loads(data) for data in protocol.data_to_send()]


class TestConnect:
    """Asking for a session."""

    def test_asks_with_everything(self) -> None:
        """Connect carries version, agent, acks, credentials, contexts in order, and what resumes a session."""
        (request,) = sent(opening(FORMER))
        assert request == {
            "jsonrpc": "2.0",
            "id": "1",
            "method": "signalwire.connect",
            "params": {
                "version": {"major": 2, "minor": 0, "revision": 0},
                "agent": "x/1",
                "event_acks": True,
                "authentication": {"project": "P", "token": "T"},
                "contexts": ["a", "b"],
                "protocol": "former",
                "authorization_state": "state-0",
            },
        }

    def test_fresh_connect_names_no_session(self) -> None:
        """Without a former session nothing is said about one; without its state only its name."""
        assert {"protocol", "authorization_state"}.isdisjoint(sent(opening())[0]["params"])
        nameless = sent(opening(ResumeState("P@h", "former", "")))[0]["params"]
        assert nameless["protocol"] == "former"
        assert "authorization_state" not in nameless

    @pytest.mark.parametrize(
        ("resume", "result", "restored"),
        [
            (FORMER, {"protocol": "former", "session_restored": True}, True),
            (FORMER, {"protocol": "former"}, True),
            (FORMER, {"protocol": "other", "session_restored": True}, True),
            (FORMER, {"protocol": "former", "session_restored": False}, False),
            (FORMER, {"protocol": "other"}, False),
            (FORMER, {"protocol": "former", "session_restored": "yes"}, True),
            (None, {"protocol": "p"}, False),
            (None, {"protocol": "p", "session_restored": True}, False),
            (None, {"protocol": "p", "code": "200"}, False),
        ],
    )
    def test_tells_restored_from_fresh(self, resume: ResumeState | None, result: Any, restored: bool) -> None:
        """`session_restored` decides, without it the name; what was not asked for is not restored."""
        protocol = opening(resume)
        say(protocol, id="1", result=result)
        assert protocol.happened() == [Connected(result["protocol"], restored)]
        assert protocol.state is ProtocolState.OPEN

    @pytest.mark.parametrize("result", [{}, {"protocol": 7}])
    def test_session_without_a_name(self, result: Any) -> None:
        """A session that RELAY does not name works, it only can't be resumed."""
        protocol = opening()
        say(protocol, id="1", result=result)
        assert protocol.happened() == [Connected("", restored=False)]

    @pytest.mark.parametrize(
        ("answer", "refused"),
        [
            ({"error": {"code": -32002, "message": "401"}}, Refused(RefusalKind.CREDENTIALS, "-32002", "401")),
            ({"error": {"code": -32003, "message": "stale"}}, Refused(RefusalKind.STALE, "-32003", "stale")),
            (
                {"result": {"code": "-32001", "message": "Permission Denied."}},
                Refused(RefusalKind.CREDENTIALS, "-32001", "Permission Denied."),
            ),
            ({"result": {"code": "503", "message": "later"}}, Refused(RefusalKind.OTHER, "503", "later")),
        ],
    )
    def test_refusal_ends_it(self, answer: Any, refused: Refused) -> None:
        """A refusal, as an error or inside a result, is told once, and then nothing more counts."""
        protocol = opening(FORMER)
        say(protocol, id="1", **answer)
        say(protocol, id="1", result={"protocol": "p"})
        assert protocol.happened() == [refused]
        assert protocol.state is ProtocolState.OVER

    def test_silence_ends_it(self) -> None:
        """Connect that is not answered in time is given up."""
        protocol = opening()
        assert protocol.next_deadline() == 15.0
        protocol.tick(14.9)
        assert protocol.happened() == []
        protocol.tick(15.0)
        assert protocol.happened() == [Dead("RELAY did not answer signalwire.connect")]

    def test_second_answer_changes_nothing(self) -> None:
        """Connect is answered once."""
        protocol = opened()
        say(protocol, id="1", error={"code": -32002, "message": "401"})
        assert protocol.happened() == []
        assert protocol.state is ProtocolState.OPEN

    def test_events_wait_for_the_answer(self) -> None:
        """Events that overtake connect's answer are told after it, in their order."""
        protocol = opening()
        say(protocol, **event("e1", call_id="c", call_state="ringing"))
        say(protocol, **event("e2", "signalwire.authorization.state", authorization_state="state-1"))
        say(protocol, **event("e3", call_id="c", call_state="ended"))
        assert protocol.happened() == []
        say(protocol, id="1", result={"protocol": "p"})
        connected, first, state, last = protocol.happened()
        assert connected == Connected("p", restored=False)
        assert state == AuthorizationChanged("state-1", b'"e2"')
        assert isinstance(first, Arrived)
        assert isinstance(last, Arrived)
        assert (first.event.event_id, last.event.event_id) == ("e1", "e3")

    def test_too_many_early_events_are_left_to_relay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What cannot be kept is counted and not acknowledged, so that it comes again."""
        monkeypatch.setattr("gateway.relay.protocol._MAX_HELD", 2)
        protocol = opening()
        protocol.data_to_send()
        for number in range(5):
            say(protocol, **event(f"e{number}", call_id="c"))
        say(protocol, id="1", result={"protocol": "p"})
        assert len(protocol.happened()) == 1 + 2
        assert protocol.passed_over == 3
        assert sent(protocol) == []


class TestEvents:
    """What RELAY reports."""

    def test_event_arrives_typed_and_raw(self) -> None:
        """An event has its id, type, time, params as sent, and the same params typed."""
        protocol = opened()
        raw = b'{"call_id":"c", "call_state" : "ended","x":[1]}'
        protocol.receive(
            b'{"jsonrpc":"2.0","id":"e1","method":"signalwire.event","params":{"event_type":"calling.call.state",'
            b'"timestamp":1777565701.56,"params":' + raw + b"}}",
            0.0,
        )
        (arrived,) = protocol.happened()
        assert isinstance(arrived, Arrived)
        told = arrived.event
        assert (told.event_id, told.event_type, told.timestamp) == ("e1", "calling.call.state", 1777565701.56)
        assert told.raw_params == raw
        assert told.payload == CallStatePayload("c", call_state="ended")

    def test_event_is_acknowledged_only_when_told_to(self) -> None:
        """Nothing goes out when an event comes; its ack does when it is safe."""
        protocol = opened()
        say(protocol, **event("e1", call_id="c"))
        (arrived,) = protocol.happened()
        assert sent(protocol) == []
        assert isinstance(arrived, Arrived)
        protocol.acknowledge([arrived.event])
        assert sent(protocol) == [{"jsonrpc": "2.0", "id": "e1", "result": {}}]

    @pytest.mark.parametrize(("event_id", "text"), [(17, "17"), ("é\n", "é\n")])
    def test_id_is_acknowledged_as_sent(self, event_id: Any, text: str) -> None:
        """A number stays a number in the ack, and is told as text."""
        protocol = opened()
        say(protocol, **event(event_id, call_id="c"))
        (arrived,) = protocol.happened()
        assert isinstance(arrived, Arrived)
        assert arrived.event.event_id == text
        protocol.acknowledge([arrived.event])
        assert sent(protocol)[0]["id"] == event_id

    def test_event_without_an_id(self) -> None:
        """It is told, and cannot be acknowledged."""
        protocol = opened()
        frame = event(None, call_id="c")
        say(protocol, **frame)
        del frame["id"]
        say(protocol, **frame)
        arrived = [happening.event for happening in protocol.happened() if isinstance(happening, Arrived)]
        assert [told.event_id for told in arrived] == ["", ""]
        protocol.acknowledge(arrived)
        assert sent(protocol) == []

    def test_events_of_another_connection_are_not_acknowledged(self) -> None:
        """RELAY sends them again on this one, and that is when they are acknowledged."""
        former = opened()
        say(former, **event("e1", call_id="c"))
        (arrived,) = former.happened()
        assert isinstance(arrived, Arrived)
        later = Protocol(TIMEOUTS, 8)
        later.acknowledge([arrived.event])
        assert sent(later) == []

    def test_unknown_type_is_told_raw(self) -> None:
        """What the gateway does not know goes to whoever does."""
        protocol = opened()
        say(protocol, **event("e1", "calling.call.play", call_id="c", state="playing"))
        (arrived,) = protocol.happened()
        assert isinstance(arrived, Arrived)
        assert arrived.event.payload is None
        assert json.loads(arrived.event.raw_params) == {"call_id": "c", "state": "playing"}

    @pytest.mark.parametrize("params", [None, [], {}, {"event_type": 7, "params": {}}, {"event_type": "x"}])
    def test_unreadable_event_is_acknowledged_and_counted(self, params: Any) -> None:
        """It would come again for ever, and never be readable."""
        protocol = opened()
        say(protocol, id="e1", method="signalwire.event", params=params)
        assert protocol.happened() == []
        assert protocol.malformed == 1
        assert sent(protocol) == [{"jsonrpc": "2.0", "id": "e1", "result": {}}]

    def test_authorization_state_is_acknowledged_once_kept(self) -> None:
        """A crash before it is safe must not lose it."""
        protocol = opened()
        say(protocol, **event("e1", "signalwire.authorization.state", authorization_state="secret-state"))
        (changed,) = protocol.happened()
        assert isinstance(changed, AuthorizationChanged)
        assert "secret-state" not in repr(changed)
        assert sent(protocol) == []
        protocol.kept(changed)
        assert sent(protocol) == [{"jsonrpc": "2.0", "id": "e1", "result": {}}]

    @pytest.mark.parametrize("state", ["", None, 7, {}])
    def test_authorization_state_of_no_use(self, state: Any) -> None:
        """It is acknowledged and forgotten."""
        protocol = opened()
        say(protocol, **event("e1", "signalwire.authorization.state", authorization_state=state))
        assert protocol.happened() == []
        assert [frame["id"] for frame in sent(protocol)] == ["e1"]


class TestRequests:
    """Commands and their answers."""

    def test_answer_finds_its_request(self) -> None:
        """Answers may come in any order; each is told under the id of its request."""
        protocol = opened()
        first, second = protocol.request(ANSWER, 1.0), protocol.request(ANSWER, 1.0)
        assert [frame["id"] for frame in sent(protocol)] == [first, second]
        say(protocol, id=second, result={"code": "200", "message": "ok"})
        say(protocol, id=first, result={"code": "404", "message": "gone"})
        done, refused = protocol.happened()
        assert done == Answered(second, Result("200", "ok", {"code": "200", "message": "ok"}))
        assert isinstance(refused, Answered)
        assert isinstance(refused.outcome, RelayRejected)
        assert refused.request_id == first
        assert protocol.pending == 0

    def test_unanswered_request_has_an_unknown_outcome(self) -> None:
        """After its time nobody can say what became of it, and a late answer is passed over."""
        protocol = opened()
        early, late = protocol.request(ANSWER, 1.0), protocol.request(ANSWER, 5.0)
        assert protocol.next_deadline() == 30.0  # the ping
        say(protocol, 20.0, id="x", method="signalwire.ping")
        assert protocol.next_deadline() == 31.0
        protocol.tick(31.0)
        (answered,) = protocol.happened()
        assert isinstance(answered, Answered)
        assert answered.request_id == early
        assert isinstance(answered.outcome, OutcomeUnknown)
        say(protocol, 32.0, id=early, result={"code": "200"})
        assert protocol.happened() == []
        assert protocol.pending == 1
        assert late != early

    def test_forgotten_request(self) -> None:
        """If nobody waits for it any more, its answer is passed over."""
        protocol = opened()
        request_id = protocol.request(ANSWER, 1.0)
        protocol.forget(request_id)
        protocol.forget("never there")
        say(protocol, id=request_id, result={"code": "200"})
        assert protocol.happened() == []

    def test_lost_requests_are_told_and_never_sent_again(self) -> None:
        """At the end of a connection every unanswered request has an unknown outcome."""
        protocol = opened()
        ids = [protocol.request(ANSWER, 1.0), protocol.request(ANSWER, 1.0)]
        protocol.receive_eof("the connection broke")
        lost = protocol.lost()
        assert [answered.request_id for answered in lost] == ids
        assert all(isinstance(answered.outcome, OutcomeUnknown) for answered in lost)
        assert protocol.lost() == []

    @pytest.mark.parametrize("params", [{"x": {1, 2}, "y": object()}, {"x": "\ud800"}, {"x": "y" * (10 * 1024 * 1024)}])
    def test_request_that_cannot_be_sent(self, params: Any) -> None:
        """What is no JSON or larger than a frame may be is refused before it can cost the connection."""
        protocol = opened()
        with pytest.raises(ValueError, match=r"calling\.answer|surrogates"):
            protocol.request(Command("calling.answer", params), 1.0)
        assert sent(protocol) == []
        assert protocol.pending == 0

    @pytest.mark.parametrize("answer_id", ["unknown", 17, None, {}, True])
    def test_unknown_answers_are_passed_over(self, answer_id: Any) -> None:
        """An answer to nothing changes nothing."""
        protocol = opened()
        say(protocol, id=answer_id, result={"code": "200"})
        assert protocol.happened() == []
        assert protocol.state is ProtocolState.OPEN


class TestServerRequests:
    """What RELAY asks of the client."""

    @pytest.mark.parametrize("ping_id", ["p1", 5])
    def test_ping_is_answered(self, ping_id: Any) -> None:
        """With an empty result, before and after the session is there."""
        for protocol in (opening(), opened()):
            protocol.data_to_send()
            say(protocol, id=ping_id, method="signalwire.ping", params={"timestamp": 1})
            assert sent(protocol) == [{"jsonrpc": "2.0", "id": ping_id, "result": {}}]

    def test_ping_without_an_id_is_not_answered(self) -> None:
        """There is nothing to answer under."""
        protocol = opened()
        say(protocol, method="signalwire.ping")
        say(protocol, id=None, method="signalwire.ping")
        assert sent(protocol) == []

    @pytest.mark.parametrize(
        ("params", "restart"),
        [
            ({}, False),
            ({"restart": True}, True),
            ({"restart": False}, False),
            ({"restart": "true"}, False),
            ([], False),
        ],
    )
    def test_disconnect_is_answered_and_ends_it(self, params: Any, restart: bool) -> None:
        """RELAY's wish is granted; whether the session is to be forgotten is told."""
        protocol = opened()
        say(protocol, id="d", method="signalwire.disconnect", params=params)
        assert sent(protocol) == [{"jsonrpc": "2.0", "id": "d", "result": {}}]
        assert protocol.happened() == [DisconnectAsked(restart)]
        assert protocol.state is ProtocolState.OVER

    def test_disconnect_before_the_answer_to_connect(self) -> None:
        """RELAY may send a client away before it has taken it."""
        protocol = opening()
        say(protocol, id="d", method="signalwire.disconnect")
        assert protocol.happened() == [DisconnectAsked(restart=False)]

    def test_unknown_method_is_refused(self) -> None:
        """With JSON-RPC's word for it, so that RELAY does not wait."""
        protocol = opened()
        say(protocol, id="u", method="signalwire.surprise", params={})
        (refusal,) = sent(protocol)
        assert (refusal["id"], refusal["error"]["code"]) == ("u", -32601)


class TestSilence:
    """How a dead connection is noticed."""

    def test_pings_only_in_silence(self) -> None:
        """Whatever comes is a sign of life, and puts off the next ping."""
        protocol = opened()
        say(protocol, 20.0, **event("e1", call_id="c"))
        assert protocol.next_deadline() == 50.0
        protocol.tick(49.9)
        assert sent(protocol) == []
        protocol.tick(50.0)
        (ping,) = sent(protocol)
        assert ping["method"] == "signalwire.ping"

    @pytest.mark.parametrize("answer", [{"result": {}}, {"result": {"timestamp": 5}}, {"error": {"code": -32601}}])
    def test_any_answer_to_a_ping_will_do(self, answer: Any) -> None:
        """A peer that refuses pings is alive as well."""
        protocol = opened()
        protocol.tick(30.0)
        (ping,) = sent(protocol)
        say(protocol, 31.0, id=ping["id"], **answer)
        assert protocol.next_deadline() == 61.0
        assert protocol.happened() == []

    def test_three_unanswered_pings_are_the_end(self) -> None:
        """Silence through three pings in a row means that nobody is there."""
        protocol = opened()
        for now in (30.0, 40.0, 50.0):
            assert protocol.next_deadline() == now
            protocol.tick(now)
            assert [frame["method"] for frame in sent(protocol)] == ["signalwire.ping"]
            assert protocol.happened() == []
        protocol.tick(60.0)
        assert protocol.happened() == [Dead("RELAY has fallen silent")]
        assert protocol.next_deadline() == math.inf

    def test_a_sign_of_life_starts_the_count_again(self) -> None:
        """Failures have to come in a row."""
        protocol = opened()
        protocol.tick(30.0)
        protocol.tick(40.0)
        say(protocol, 45.0, id="x", method="signalwire.ping")
        protocol.tick(75.0)
        protocol.tick(85.0)
        protocol.tick(95.0)
        assert protocol.happened() == []

    def test_a_late_clock_is_one_failure_at_most(self) -> None:
        """A process that was stopped for an hour gives RELAY the time to answer before it gives up."""
        protocol = opened()
        protocol.tick(30.0)
        protocol.tick(3600.0)
        assert protocol.happened() == []
        assert protocol.next_deadline() == 3610.0

    def test_silence_of_our_own_making_is_excused(self) -> None:
        """While nothing was read, RELAY could not be heard."""
        protocol = opened()
        protocol.tick(30.0)
        protocol.tick(40.0)
        protocol.excuse(50.0)
        protocol.tick(50.0)
        assert protocol.next_deadline() == 60.0
        for now in (60.0, 70.0, 80.0):
            protocol.tick(now)
        assert protocol.happened() == []
        protocol.tick(90.0)
        assert protocol.happened() == [Dead("RELAY has fallen silent")]


class TestOver:
    """After the end."""

    def test_nothing_counts_after_the_end(self) -> None:
        """Frames, time and a second end change nothing."""
        protocol = opened()
        protocol.receive_eof("cut")
        assert protocol.happened() == [Dead("cut")]
        say(protocol, **event("e1", call_id="c"))
        protocol.tick(1e9)
        protocol.receive_eof("again")
        assert protocol.happened() == []
        assert sent(protocol) == []
        assert protocol.next_deadline() == math.inf


@pytest.mark.parametrize("data", [b"", b"[]", b"[{}]", b"nonsense", b"\xff", b'{"id":{"a":1}}', b"null", b"{}", b"17"])
def test_nonsense_is_never_fatal(data: bytes) -> None:
    """It is passed over, and the conversation goes on."""
    protocol = opened()
    protocol.receive(data, 1.0)
    assert protocol.happened() == []
    say(protocol, id="p", method="signalwire.ping")
    assert [frame["id"] for frame in sent(protocol)] == ["p"]


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["1", "2"])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_params = _values | st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.sampled_from(["calling.call.stream", "signalwire.authorization.state"]) | _scalars,
        "params": st.dictionaries(st.sampled_from(["call_id", "control_id", "authorization_state"]), _values) | _values,
        "timestamp": _scalars,
        "restart": _scalars,
    },
)
_methods = st.sampled_from(["signalwire.event", "signalwire.ping", "signalwire.disconnect", "calling.x", ""])
_frames = (
    st.binary(max_size=40)
    | _values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["1", "2", 1]) | _values,
            "method": _methods | _scalars,
            "params": _params,
            "result": st.fixed_dictionaries({}, optional={"code": _scalars, "protocol": _scalars}) | _values,
            "error": st.fixed_dictionaries({}, optional={"code": _scalars, "message": _values}) | _values,
        },
    ).map(lambda value: json.dumps(value).encode())
)
_steps = st.lists(
    st.tuples(st.just("receive"), _frames)
    | st.tuples(st.just("tick"), st.floats(0, 100))
    | st.tuples(st.sampled_from(["request", "excuse", "eof"]), st.none()),
    max_size=12,
)


@settings(deadline=None)  # a busy machine is no failure
@given(_steps, st.booleans())
def test_no_conversation_leaves_an_undefined_state(steps: list[tuple[str, Any]], resuming: bool) -> None:
    """Whatever comes in whatever order, nothing raises, all that goes out is JSON, and nothing follows the end."""
    protocol = opening(FORMER if resuming else None)
    now, told = 0.0, []
    for step, argument in steps:
        if step == "receive":
            protocol.receive(argument, now)
        elif step == "tick":
            now += argument
            protocol.tick(now)
        elif step == "excuse":
            protocol.excuse(now)
        elif step == "eof":
            protocol.receive_eof("cut")
        elif protocol.state is ProtocolState.OPEN:
            protocol.request(ANSWER, now)
        told += protocol.happened()
        for frame in sent(protocol):
            assert frame["jsonrpc"] == "2.0"
        assert (protocol.next_deadline() == math.inf) == (protocol.state is ProtocolState.OVER)
    ends = [happening for happening in told if isinstance(happening, Dead | Refused | DisconnectAsked)]
    assert len(ends) == (protocol.state is ProtocolState.OVER)
    assert not ends or told[-1] is ends[0]
    firsts = [happening for happening in told if not isinstance(happening, Dead | Refused | DisconnectAsked)]
    assert not firsts or isinstance(firsts[0], Connected)
    assert sum(isinstance(happening, Connected) for happening in told) <= 1


class TinyRelay:
    """RELAY's side of the conversation, without I/O as well: answers everything, and reports one event per command."""

    def __init__(self) -> None:
        self.to_send: list[bytes] = []
        self.acked: list[str] = []

    def receive(self, data: bytes) -> None:
        """Takes a frame of the client."""
        frame = json.loads(data)
        if "method" not in frame:
            self.acked.append(frame["id"])
            return
        result = {"protocol": "p"} if frame["method"] == "signalwire.connect" else {"code": "200"}
        self.to_send.append(json.dumps({"id": frame["id"], "result": result}).encode())
        if frame["method"].startswith("calling."):
            self.to_send.append(json.dumps(event(f"about {frame['id']}", call_id="c")).encode())


def test_two_sides_joined_without_io() -> None:
    """Client and server understand each other: session, commands, events, acks, pings, in any number of rounds."""
    protocol, relay = opening(), TinyRelay()
    happened: list[Any] = []
    for now in range(0, 400, 10):
        protocol.tick(float(now))
        if protocol.state is ProtocolState.OPEN and now % 50 == 0:
            protocol.request(ANSWER, float(now))
        for data in protocol.data_to_send():
            relay.receive(data)
        answers, relay.to_send = relay.to_send, []
        for data in answers:
            protocol.receive(data, float(now))
        news = protocol.happened()
        protocol.acknowledge([told.event for told in news if isinstance(told, Arrived)])
        happened += news
    for data in protocol.data_to_send():
        relay.receive(data)
    assert happened[0] == Connected("p", restored=False)
    events = [told.event.event_id for told in happened if isinstance(told, Arrived)]
    assert events == relay.acked
    assert len(events) == sum(isinstance(told, Answered) for told in happened) == 7
    assert protocol.state is ProtocolState.OPEN
