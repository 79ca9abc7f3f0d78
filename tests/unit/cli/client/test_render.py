"""Streams, calls and events for people and programs."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from gateway.cli.client.render import as_json, event_line, write_call, write_calls, write_stream, write_streams

NOON = Timestamp(seconds=1_769_860_800, nanos=123_000_000)
PHONE = call_pb2.Device(phone=call_pb2.PhoneDevice(from_number="+1", to_number="+2"))
SIP = call_pb2.Device(sip=call_pb2.SipDevice(from_address="sip:a@x", to_address="sip:b@x"))
OTHER = call_pb2.Device(other=call_pb2.OtherDevice(type="webrtc"))


def stream() -> stream_pb2.Stream:
    """A stream that failed, with all that can be told of it."""
    found = stream_pb2.Stream(
        call_id="c1",
        control_id="s1",
        url="wss://x/y",
        name="n",
        codec="PCMU",
        track=stream_pb2.TRACK_BOTH,
        labels={"b": "2", "a": "1"},
        state=stream_pb2.STREAM_STATE_FAILED,
        end_reason=stream_pb2.STREAM_END_REASON_START_TIMEOUT,
        end_reason_inferred=True,
        error=stream_pb2.StreamError(reason="START_TIMEOUT", message="no\naudio"),
        create_time=NOON,
    )
    found.max_duration.FromSeconds(90)
    return found


def test_a_stream_is_told_fact_by_fact(capsys: pytest.CaptureFixture[str]) -> None:
    """What there is nothing to say about is left out, and no text can break a line."""
    write_stream(stream(), ("result", "started"))
    assert capsys.readouterr().out.splitlines() == [
        "call          c1",
        "control id    s1",
        "state         failed",
        "end reason    start_timeout (inferred)",
        "error         START_TIMEOUT: no\\naudio",
        "url           wss://x/y",
        "track         both",
        "codec         PCMU",
        "name          n",
        "labels        a=1 b=2",
        "max duration  90s",
        "created       2026-01-31 12:00:00Z",
        "result        started",
    ]


def test_streams_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A value of a newer contract is its number."""
    newer = stream_pb2.Stream(call_id="c2", control_id="s2")
    newer.state = 99  # type: ignore[assignment]
    write_streams([stream(), newer])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["CALL", "CONTROL", "ID", "STATE", "REASON", "TRACK", "CODEC", "NAME", "CREATED", "URL"]
    assert first.split()[:5] == ["c1", "s1", "failed", "start_timeout", "both"]
    assert second.split() == ["c2", "s2", "99", "-", "-", "-", "-", "-", "-"]


def test_a_call_is_told_fact_by_fact(capsys: pytest.CaptureFixture[str]) -> None:
    """With both ends."""
    write_call(
        call_pb2.Call(
            call_id="c1", state=call_pb2.CALL_STATE_ENDED, end_reason="not_found", end_reason_inferred=True, device=SIP
        )
    )
    assert capsys.readouterr().out.splitlines() == [
        "call        c1",
        "state       ended",
        "end reason  not_found (inferred)",
        "from        sip:a@x",
        "to          sip:b@x",
    ]


def test_calls_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Devices of other kinds are told by their kind."""
    write_calls([call_pb2.Call(call_id="c1", device=PHONE), call_pb2.Call(call_id="c2", device=OTHER)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["CALL", "FROM", "TO"],
        ["c1", "+1", "+2"],
        ["c2", "-", "webrtc"],
    ]


@pytest.mark.parametrize(
    ("event", "rest"),
    [
        (
            event_pb2.Event(type=event_pb2.EVENT_TYPE_STREAM_FAILED, call_id="c1", control_id="s1", stream=stream()),
            "STREAM_FAILED    call=c1 stream=s1 start_timeout no\\naudio wss://x/y",
        ),
        (
            event_pb2.Event(
                type=event_pb2.EVENT_TYPE_CALL_ENDED,
                call_id="c1",
                call=call_pb2.Call(end_reason="hangup", device=PHONE, context="default"),
            ),
            "CALL_ENDED       call=c1 hangup +1 → +2 default",
        ),
        (
            event_pb2.Event(type=event_pb2.EVENT_TYPE_CALL_UNKNOWN, call_id="c1", call=call_pb2.Call()),
            "CALL_UNKNOWN     call=c1",
        ),
        (
            event_pb2.Event(
                type=event_pb2.EVENT_TYPE_DIAL_ANSWERED, dial=call_pb2.Dial(tag="t", call_id="c1")
            ),
            "DIAL_ANSWERED    tag=t c1",
        ),
        (
            event_pb2.Event(
                type=event_pb2.EVENT_TYPE_SESSION_DOWN, session=event_pb2.SessionChange(reason="gone")
            ),
            "SESSION_DOWN     gone",
        ),
        (
            event_pb2.Event(type=event_pb2.EVENT_TYPE_RELAY_OTHER, relay_event_type="calling.call.play"),
            "RELAY_OTHER      calling.call.play",
        ),
    ],
)  # fmt: skip
def test_an_event_is_a_line(event: event_pb2.Event, rest: str) -> None:
    """Time, sequence, what happened, to whom."""
    event.sequence = 12
    event.receive_time.CopyFrom(NOON)
    assert event_line(event) == f"12:00:00.123     12 {rest}"


def test_json_has_every_field_by_the_contracts_name() -> None:
    """So that programs need not know which are left out when empty."""
    document = as_json(stream_pb2.Stream(call_id="c1"))
    assert document["call_id"] == "c1"
    assert document["end_reason_inferred"] is False
    assert document["state"] == "STREAM_STATE_UNSPECIFIED"
