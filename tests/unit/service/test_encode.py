"""Events survive the journal, and joined bytes are the message that they stand for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from callstream.v1 import call_pb2, event_pb2, stream_pb2, stream_service_pb2
from gateway.domain.calls import Call, CallState, Device, Dial, DialState, Direction
from gateway.domain.events import SESSION_EVENTS, Event, EventType, SessionChange, Subject
from gateway.domain.streams import EndReason, ErrorOrigin, Stream, StreamError, StreamState, Track
from gateway.service.encode import (
    decode_event,
    device_message,
    duration,
    encode_event,
    microseconds,
    record_of,
    stream_message,
    timestamp,
    watch_events_response,
)

NOW = 1_777_565_701_560_001

text = st.text(st.characters(codec="utf-8"), max_size=20)
times = st.integers(0, 253_402_300_799_999_999)
phones = st.fixed_dictionaries(
    {"from_number": text.filter(bool), "to_number": text.filter(bool)},
    optional={"timeout": st.integers(1, 2**31 - 1), "max_duration": st.integers(1, 2**31 - 1)},
)
sips = st.fixed_dictionaries(
    {"from": text.filter(bool), "to": text.filter(bool)},
    optional={
        "headers": st.lists(st.fixed_dictionaries({"name": text, "value": text}), min_size=1, max_size=3),
        "codecs": st.lists(text, min_size=1, max_size=3),
    },
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner)
)
devices = st.one_of(
    st.builds(Device, st.just("phone"), phones.map(json.dumps)),
    st.builds(Device, st.just("sip"), sips.map(json.dumps)),
    st.builds(Device, text, st.one_of(text, anything.map(json.dumps))),
)
streams = st.builds(
    Stream,
    call_id=text,
    control_id=text,
    state=st.sampled_from(StreamState),
    create_time=times,
    update_time=times,
    node_id=text,
    segment_id=text,
    url=text,
    name=text,
    codec=text,
    track=st.sampled_from(Track),
    labels=st.dictionaries(text, text, max_size=3),
    tag=text,
    end_reason=st.sampled_from(EndReason),
    end_reason_inferred=st.booleans(),
    error=st.none() | st.builds(StreamError, text, text, st.sampled_from(ErrorOrigin), st.booleans(), text),
    start_time=times,
    end_time=times,
    max_duration=st.integers(0, 86_400_000_000),
    accepted=st.booleans(),
    request_digest=text,
)
calls = st.builds(
    Call,
    call_id=text,
    state=st.sampled_from(CallState),
    create_time=times,
    update_time=times,
    node_id=text,
    segment_id=text,
    tag=text,
    context=text,
    direction=st.sampled_from(Direction),
    device=st.none() | devices,
    end_reason=text,
    end_reason_inferred=st.booleans(),
    answer_time=times,
    end_time=times,
)
dials = st.builds(Dial, text, st.sampled_from(DialState), times, times, text, text)
events = st.builds(
    Event,
    sequence=st.integers(1, 2**64 - 1),
    event_id=text,
    type=st.sampled_from(EventType),
    receive_time=times,
    call_id=text,
    control_id=text,
    subject=st.one_of(st.none(), streams, calls, dials, st.builds(SessionChange, text, times)),
    relay_event_type=text,
    relay_time=times,
    relay_params=text.map(str.encode),
)


def meaning(event: Event) -> Event:
    """The event with its device's params as what the JSON says, not how it is written."""
    call = event.subject
    if not isinstance(call, Call) or call.device is None:
        return event
    try:
        params = json.dumps(json.loads(call.device.params_json), sort_keys=True)
    except ValueError:
        params = call.device.params_json
    return replace(event, subject=replace(call, device=Device(call.device.type, params)))


class TestRoundTrip:
    """decode_event is the inverse of encode_event."""

    @given(events)
    def test_every_field_survives(self, event: Event) -> None:
        """What was journalled is what the registry is rebuilt from."""
        assert meaning(decode_event(encode_event(event))) == meaning(event)

    @given(devices)
    def test_devices_mean_the_same(self, device: Device) -> None:
        """Typed or not, a device keeps what its JSON says."""
        event = Event(
            1, "e", EventType.CALL_CREATED, NOW, subject=Call("c", CallState.CREATED, NOW, NOW, device=device)
        )
        assert meaning(decode_event(encode_event(event))) == meaning(event)

    @pytest.mark.parametrize(
        "kind", [Event, Stream, StreamError, Call, Dial, SessionChange, Device], ids=lambda kind: kind.__name__
    )
    def test_every_field_is_generated(self, kind: type) -> None:
        """A field added to the domain has to be added to the strategies above, and so to the encoding."""
        known: dict[type, int] = {
            Event: 10,
            Stream: 21,
            StreamError: 5,
            Call: 14,
            Dial: 6,
            SessionChange: 2,
            Device: 2,
        }
        assert len(fields(kind)) == known[kind]

    def test_the_numbers_are_the_contracts(self) -> None:
        """The domain's enum members have the contract's names and numbers."""
        pairs = (
            (EventType, event_pb2.EventType, "EVENT_TYPE_"),
            (StreamState, stream_pb2.StreamState, "STREAM_STATE_"),
            (EndReason, stream_pb2.StreamEndReason, "STREAM_END_REASON_"),
            (ErrorOrigin, stream_pb2.StreamErrorOrigin, "STREAM_ERROR_ORIGIN_"),
            (Track, stream_pb2.Track, "TRACK_"),
            (CallState, call_pb2.CallState, "CALL_STATE_"),
            (Direction, call_pb2.CallDirection, "CALL_DIRECTION_"),
            (DialState, call_pb2.DialState, "DIAL_STATE_"),
        )
        for ours, contract, prefix in pairs:
            members = {prefix + member.name: member.value for member in ours}
            assert {f"{prefix}UNSPECIFIED": 0} | members == dict(contract.items())

    @pytest.mark.parametrize("payload", [b"\xff", b"\x18\xe7\x07", b""], ids=["no protobuf", "unknown type", "empty"])
    def test_foreign_bytes_are_refused(self, payload: bytes) -> None:
        """Bytes that are no event of this version raise ValueError."""
        with pytest.raises(ValueError, match=r"no encoded event|is not a valid EventType"):
            decode_event(payload)


class TestRelayParams:
    """RELAY's params go through as they came."""

    def test_text_is_kept_exactly(self) -> None:
        """Spacing, order and escapes of RELAY's JSON reach the client unchanged."""
        params = b'{ "b": 1,\t"a" : "\\ud800 \xc3\xa9" }'
        event = Event(1, "e", EventType.RELAY_OTHER, NOW, relay_params=params)
        assert event_pb2.Event.FromString(encode_event(event)).relay_params_json == params.decode()

    def test_what_is_no_utf8_is_replaced(self) -> None:
        """A byte that is no UTF-8 becomes U+FFFD instead of losing the event."""
        event = Event(1, "e", EventType.RELAY_OTHER, NOW, relay_params=b'{"a":"\xff"}')
        assert event_pb2.Event.FromString(encode_event(event)).relay_params_json == '{"a":"\ufffd"}'


class TestTimes:
    """Microseconds and protobuf's times."""

    def test_microseconds_are_exact(self) -> None:
        """A time keeps its last microsecond."""
        message = timestamp(NOW)
        assert message is not None
        assert (message.seconds, message.nanos) == (1_777_565_701, 560_001_000)
        assert microseconds(message) == NOW

    @pytest.mark.parametrize("us", [0, -1, 253_402_300_800_000_000, 10**30])
    def test_a_time_out_of_range_is_unset(self, us: int) -> None:
        """RELAY's clock can't make an event that nobody can read."""
        assert timestamp(us) is None
        event = Event(1, "e", EventType.RELAY_OTHER, NOW, relay_time=us)
        assert not event_pb2.Event.FromString(encode_event(event)).HasField("relay_time")

    def test_durations_are_exact(self) -> None:
        """A length of time keeps its last microsecond."""
        message = duration(90_000_001)
        assert (message.seconds, message.nanos) == (90, 1000)
        assert microseconds(message) == 90_000_001

    def test_no_limit_is_unset(self) -> None:
        """A stream without max_duration has none in its message, rather than zero seconds."""
        stream = Stream("c", "s", StreamState.STARTING, NOW, NOW)
        assert not stream_message(stream).HasField("max_duration")


class TestDevices:
    """Known devices are typed, the rest goes through."""

    def test_a_phone_is_typed(self) -> None:
        """A phone's numbers have fields of their own."""
        params = {"from_number": "+15551230001", "to_number": "+15551230002", "timeout": 30, "extra": [1]}
        phone = device_message(Device("phone", json.dumps(params))).phone
        assert phone == call_pb2.PhoneDevice(
            from_number="+15551230001", to_number="+15551230002", timeout_seconds=30, max_duration_minutes=0
        )

    def test_a_sip_address_is_typed(self) -> None:
        """A SIP device keeps addresses, headers and codecs."""
        params = {"from": "sip:a@x", "to": "sip:b@x", "headers": [{"name": "X-A", "value": "1"}], "codecs": ["PCMU"]}
        sip = device_message(Device("sip", json.dumps(params))).sip
        assert sip == call_pb2.SipDevice(
            from_address="sip:a@x",
            to_address="sip:b@x",
            headers=[call_pb2.SipHeader(name="X-A", value="1")],
            codecs=["PCMU"],
        )

    @pytest.mark.parametrize(
        "device",
        [
            Device("webrtc", '{"to":"x"}'),
            Device("phone", ""),
            Device("phone", '{"from_number":7}'),
            Device("phone", '{"timeout":4294967296}'),
            Device("phone", '{"timeout":-1}'),
            Device("sip", '{"headers":{"X":"1"}}'),
            Device("sip", "[]"),
        ],
        ids=str,
    )
    def test_the_rest_is_other(self, device: Device) -> None:
        """What has no message, or does not fit it, arrives as RELAY sent it."""
        other = device_message(device).other
        assert (other.type, other.params_json) == (device.type, device.params_json)


def small_event(sequence: int, params: bytes = b"") -> Event:
    """An event of a stream."""
    stream = Stream("c", "s", StreamState.STREAMING, NOW, NOW, labels={"a": "b"})
    return Event(sequence, f"e{sequence}", EventType.STREAM_STREAMING, NOW, "c", "s", stream, relay_params=params)


class TestFrames:
    """Joined bytes against protobuf's own encoding."""

    @pytest.mark.parametrize("count", [0, 1, 2, 300])
    @pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
    def test_a_joined_response_is_the_encoded_message(self, count: int, size: int) -> None:
        """Joining gives byte for byte what encoding the whole response gives."""
        payloads = [encode_event(small_event(n, b"x" * size)) for n in range(1, count + 1)]
        joined = watch_events_response("cursor", payloads)
        expected = stream_service_pb2.WatchEventsResponse(
            cursor="cursor",
            events=stream_service_pb2.EventBatch(events=[event_pb2.Event.FromString(each) for each in payloads]),
        )
        assert joined == expected.SerializeToString(deterministic=True)

    @given(st.lists(events, max_size=4), text)
    def test_it_parses_to_the_same_events(self, batch: list[Event], cursor: str) -> None:
        """A client reads the cursor and the events that were joined."""
        payloads = [encode_event(event) for event in batch]
        response = stream_service_pb2.WatchEventsResponse.FromString(watch_events_response(cursor, payloads))
        assert response.cursor == cursor
        assert response.WhichOneof("kind") == "events"
        assert list(response.events.events) == [event_pb2.Event.FromString(each) for each in payloads]

    @pytest.mark.parametrize("length", [0, 1, 127, 128, 4095, 4096, 4097, 16_383, 16_384, 2_097_152])
    def test_an_event_of_any_length_is_one_field(self, length: int) -> None:
        """With its tag and its length, whether that is looked up or made."""
        event = bytes(length)
        joined = watch_events_response("", [event, b"next"])
        empty = stream_service_pb2.WatchEventsResponse(events=stream_service_pb2.EventBatch())
        assert joined.startswith(b"\x0a\x00\x1a")
        assert empty.SerializeToString() == b"\x1a\x00"
        batch = joined[joined.index(event + b"\x0a\x04next") :] if length else b"\x0a\x04next"
        assert batch == event + b"\x0a\x04next"
        head = joined[: len(joined) - len(batch)]
        assert head.endswith(bytes([stream_service_pb2.EventBatch.EVENTS_FIELD_NUMBER << 3 | 2]) + varint(length))


def varint(number: int) -> bytes:
    """A number as protobuf writes lengths."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


class TestRecord:
    """What the journal files an event under."""

    def test_a_streams_event(self) -> None:
        """Ids, key, time and labels are the stream's."""
        event = small_event(7)
        record = record_of(event, b"payload")
        assert (record.sequence, record.event_id, record.type) == (7, "e7", EventType.STREAM_STREAMING)
        assert (record.call_id, record.control_id, record.time_us) == ("c", "s", NOW)
        assert record.key == "stream\x1fc\x1fs"
        assert record.labels == {"a": "b"}
        assert record.payload == b"payload"

    @pytest.mark.parametrize(
        ("subject", "key"),
        [
            (Call("c", CallState.ANSWERED, NOW, NOW), "call\x1fc"),
            (Dial("t", DialState.DIALING, NOW, NOW), "dial\x1ft"),
            (SessionChange("gone"), ""),
            (None, ""),
        ],
    )
    def test_others_have_no_labels(self, subject: Subject | None, key: str) -> None:
        """Only streams have labels; session events have no key."""
        record = record_of(Event(1, "e", min(SESSION_EVENTS), NOW, subject=subject), b"")
        assert record.labels == {}
        assert record.key == key
