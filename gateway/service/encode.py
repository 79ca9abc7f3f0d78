"""Domain values as the contract's messages, and the journal's payloads back as domain values.

An event is encoded once, when it is journalled. The registry is rebuilt from those bytes, so every field of the domain
survives the way there and back; `relay_params` that are no UTF-8 are the one exception. A watch never encodes an event
again: it joins framed payloads into a response.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from gateway.domain.calls import Call, CallState, Device, Dial, DialState, Direction
from gateway.domain.events import Event, EventType, SessionChange, Subject, key_of
from gateway.domain.streams import EndReason, ErrorOrigin, Stream, StreamError, StreamState, Track
from gateway.journal.record import Record

__all__ = [
    "call_message",
    "decode_event",
    "device_message",
    "dial_message",
    "duration",
    "encode_event",
    "error_message",
    "microseconds",
    "record_of",
    "session_message",
    "stream_message",
    "timestamp",
    "watch_events_response",
]

_MICROS: Final = 1_000_000
_YEAR_10000: Final = 253_402_300_800 * _MICROS  # where the range of google.protobuf.Timestamp ends

_Int32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _Phone(msgspec.Struct, omit_defaults=True):
    """Params of RELAY's device type `phone`; what RELAY adds to them is in the event's own params."""

    from_number: str = ""
    to_number: str = ""
    timeout: _Int32 = 0
    max_duration: _Int32 = 0


class _Header(msgspec.Struct):
    name: str
    value: str


class _Sip(msgspec.Struct, omit_defaults=True):
    """Params of RELAY's device type `sip`."""

    from_address: str = msgspec.field(default="", name="from")
    to_address: str = msgspec.field(default="", name="to")
    headers: list[_Header] = []
    codecs: list[str] = []


_PHONE: Final = msgspec.json.Decoder(_Phone)
_SIP: Final = msgspec.json.Decoder(_Sip)


def timestamp(us: int) -> Timestamp | None:
    """A time of the domain (microseconds since the epoch) as a message; None, which leaves a field unset, for 0.

    A time that Timestamp can't hold is left unset too: RELAY's clock is not ours to trust.
    """
    return Timestamp(**_instant(us)) if 0 < us < _YEAR_10000 else None


def _instant(us: int) -> Any:
    # A mapping sets a submessage at half the price of a message that is built first and then copied.
    return {"seconds": us // _MICROS, "nanos": us % _MICROS * 1000} if 0 < us < _YEAR_10000 else None


def duration(us: int) -> Duration:
    """A length of time in microseconds as a message."""
    seconds, rest = divmod(us, _MICROS)
    return Duration(seconds=seconds, nanos=rest * 1000)


def microseconds(message: Timestamp | Duration) -> int:
    """A time or a non-negative length of time in microseconds, rounded down; 0 for an unset field."""
    return message.seconds * _MICROS + message.nanos // 1000


def error_message(error: StreamError) -> stream_pb2.StreamError:
    """What went wrong with a stream, as the contract's message."""
    return stream_pb2.StreamError(**_error_fields(error))


def _error_fields(error: StreamError) -> dict[str, Any]:
    return {
        "reason": error.reason,
        "message": error.message,
        "origin": error.origin,
        "retryable": error.retryable,
        "relay_code": error.relay_code,
    }


def stream_message(stream: Stream) -> stream_pb2.Stream:
    """A stream as the contract's message."""
    return stream_pb2.Stream(**_stream_fields(stream))


def _stream_fields(stream: Stream) -> dict[str, Any]:  # noqa: C901, PLR0912 - a table would cost three times as much
    """The fields that are set: each one that is passed costs its share, also an empty one."""
    fields: dict[str, Any] = {
        "call_id": stream.call_id,
        "control_id": stream.control_id,
        "state": stream.state,
        "create_time": _instant(stream.create_time),
        "update_time": _instant(stream.update_time),
    }
    if stream.node_id:
        fields["node_id"] = stream.node_id
    if stream.segment_id:
        fields["segment_id"] = stream.segment_id
    if stream.url:
        fields["url"] = stream.url
    if stream.name:
        fields["name"] = stream.name
    if stream.codec:
        fields["codec"] = stream.codec
    if stream.track:
        fields["track"] = stream.track
    if stream.labels:
        fields["labels"] = stream.labels
    if stream.tag:
        fields["tag"] = stream.tag
    if stream.start_time:
        fields["start_time"] = _instant(stream.start_time)
    if stream.max_duration:
        fields["max_duration"] = duration(stream.max_duration)
    if stream.accepted:
        fields["accepted"] = True
    if stream.request_digest:
        fields["request_digest"] = stream.request_digest
    if stream.end_time:
        fields["end_time"] = _instant(stream.end_time)
    if stream.end_reason:
        fields["end_reason"] = stream.end_reason
    if stream.end_reason_inferred:
        fields["end_reason_inferred"] = True
    if stream.error is not None:
        fields["error"] = _error_fields(stream.error)
    return fields


def device_message(device: Device) -> call_pb2.Device:
    """A device as the contract's message: `phone` and `sip` typed, anything else (also a malformed one) as `other`."""
    try:
        if device.type == "phone":
            phone = _PHONE.decode(device.params_json)
            return call_pb2.Device(
                phone=call_pb2.PhoneDevice(
                    from_number=phone.from_number,
                    to_number=phone.to_number,
                    timeout_seconds=phone.timeout,
                    max_duration_minutes=phone.max_duration,
                )
            )
        if device.type == "sip":
            sip = _SIP.decode(device.params_json)
            return call_pb2.Device(
                sip=call_pb2.SipDevice(
                    from_address=sip.from_address,
                    to_address=sip.to_address,
                    headers=[call_pb2.SipHeader(name=header.name, value=header.value) for header in sip.headers],
                    codecs=sip.codecs,
                )
            )
    except msgspec.DecodeError:
        pass
    return call_pb2.Device(other=call_pb2.OtherDevice(type=device.type, params_json=device.params_json))


def call_message(call: Call) -> call_pb2.Call:
    """A call as the contract's message."""
    return call_pb2.Call(
        call_id=call.call_id,
        node_id=call.node_id,
        segment_id=call.segment_id,
        tag=call.tag,
        context=call.context,
        state=call.state,  # type: ignore[arg-type]
        direction=call.direction,  # type: ignore[arg-type]
        device=None if call.device is None else device_message(call.device),
        end_reason=call.end_reason,
        end_reason_inferred=call.end_reason_inferred,
        create_time=_instant(call.create_time),
        answer_time=_instant(call.answer_time),
        end_time=_instant(call.end_time),
        update_time=_instant(call.update_time),
    )


def dial_message(dial: Dial) -> call_pb2.Dial:
    """A dial as the contract's message."""
    return call_pb2.Dial(
        tag=dial.tag,
        state=dial.state,  # type: ignore[arg-type]
        call_id=dial.call_id,
        node_id=dial.node_id,
        create_time=_instant(dial.create_time),
        update_time=_instant(dial.update_time),
    )


def session_message(change: SessionChange) -> event_pb2.SessionChange:
    """A change of the RELAY session as the contract's message."""
    return event_pb2.SessionChange(reason=change.reason, missing_since=_instant(change.missing_since))


def encode_event(event: Event) -> bytes:
    """An event as the journal keeps it and watches deliver it: an encoded `callstream.v1.Event`.

    `relay_params` that are no UTF-8 have the offending bytes replaced: an event is never lost over them.
    """
    fields: dict[str, Any] = {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "type": event.type,
        "receive_time": _instant(event.receive_time),
        "call_id": event.call_id,
    }
    if event.control_id:
        fields["control_id"] = event.control_id
    if event.relay_event_type:
        fields["relay_event_type"] = event.relay_event_type
    if event.relay_time:
        fields["relay_time"] = _instant(event.relay_time)
    if event.relay_params:
        fields["relay_params_json"] = event.relay_params.decode("utf-8", "replace")
    subject = event.subject
    if isinstance(subject, Stream):
        fields["stream"] = _stream_fields(subject)
    elif isinstance(subject, Call):
        fields["call"] = call_message(subject)
    elif isinstance(subject, Dial):
        fields["dial"] = dial_message(subject)
    elif subject is not None:
        fields["session"] = session_message(subject)
    return event_pb2.Event(**fields).SerializeToString()


def record_of(event: Event, payload: bytes, context: str = "") -> Record:
    """The journal's record of an event: what filters and the registry's rebuilding look at, and its encoded form."""
    subject = event.subject
    return Record(
        sequence=event.sequence,
        event_id=event.event_id,
        type=event.type,
        call_id=event.call_id,
        control_id=event.control_id,
        key=key_of(subject),
        time_us=event.receive_time,
        labels=subject.labels if isinstance(subject, Stream) else {},
        payload=payload,
        context=context,
    )


def decode_event(payload: bytes) -> Event:
    """The event that `encode_event` encoded.

    Raises:
        ValueError: The bytes are no event of this version of the contract.
    """
    try:
        message = event_pb2.Event.FromString(payload)
    except DecodeError as error:
        raise ValueError(f"{len(payload)} bytes are no encoded event") from error
    return Event(
        sequence=message.sequence,
        event_id=message.event_id,
        type=EventType(message.type),
        receive_time=microseconds(message.receive_time),
        call_id=message.call_id,
        control_id=message.control_id,
        subject=_subject(message),
        relay_event_type=message.relay_event_type,
        relay_time=microseconds(message.relay_time),
        relay_params=message.relay_params_json.encode(),
    )


def _subject(message: event_pb2.Event) -> Subject | None:
    match message.WhichOneof("subject"):
        case "stream":
            return _stream(message.stream)
        case "call":
            return _call(message.call)
        case "dial":
            return _dial(message.dial)
        case "session":
            return SessionChange(message.session.reason, microseconds(message.session.missing_since))
        case _:
            return None


def _stream(message: stream_pb2.Stream) -> Stream:
    return Stream(
        call_id=message.call_id,
        control_id=message.control_id,
        state=StreamState(message.state),
        create_time=microseconds(message.create_time),
        update_time=microseconds(message.update_time),
        node_id=message.node_id,
        segment_id=message.segment_id,
        url=message.url,
        name=message.name,
        codec=message.codec,
        track=Track(message.track),
        labels=dict(message.labels),
        tag=message.tag,
        end_reason=EndReason(message.end_reason),
        end_reason_inferred=message.end_reason_inferred,
        error=_error(message.error) if message.HasField("error") else None,
        start_time=microseconds(message.start_time),
        end_time=microseconds(message.end_time),
        max_duration=microseconds(message.max_duration),
        accepted=message.accepted,
        request_digest=message.request_digest,
    )


def _error(message: stream_pb2.StreamError) -> StreamError:
    origin = ErrorOrigin(message.origin)
    return StreamError(message.reason, message.message, origin, message.retryable, message.relay_code)


def _call(message: call_pb2.Call) -> Call:
    return Call(
        call_id=message.call_id,
        state=CallState(message.state),
        create_time=microseconds(message.create_time),
        update_time=microseconds(message.update_time),
        node_id=message.node_id,
        segment_id=message.segment_id,
        tag=message.tag,
        context=message.context,
        direction=Direction(message.direction),
        device=_device(message.device) if message.HasField("device") else None,
        end_reason=message.end_reason,
        end_reason_inferred=message.end_reason_inferred,
        answer_time=microseconds(message.answer_time),
        end_time=microseconds(message.end_time),
    )


def _device(message: call_pb2.Device) -> Device:
    match message.WhichOneof("kind"):
        case "phone":
            phone = message.phone
            numbers = _Phone(phone.from_number, phone.to_number, phone.timeout_seconds, phone.max_duration_minutes)
            return Device("phone", msgspec.json.encode(numbers).decode())
        case "sip":
            sip = message.sip
            headers = [_Header(header.name, header.value) for header in sip.headers]
            addresses = _Sip(sip.from_address, sip.to_address, headers, list(sip.codecs))
            return Device("sip", msgspec.json.encode(addresses).decode())
        case _:
            return Device(message.other.type, message.other.params_json)


def _dial(message: call_pb2.Dial) -> Dial:
    return Dial(
        tag=message.tag,
        state=DialState(message.state),
        create_time=microseconds(message.create_time),
        update_time=microseconds(message.update_time),
        call_id=message.call_id,
        node_id=message.node_id,
    )


# Field number << 3 | 2 (length-delimited); a test holds them against the contract.
_TAG_BATCH_EVENT: Final = b"\x0a"  # EventBatch.events
_TAG_CURSOR: Final = b"\x0a"  # WatchEventsResponse.cursor
_TAG_EVENTS: Final = b"\x1a"  # WatchEventsResponse.events


def _varint(number: int) -> bytes:
    low = number & 0x7F
    rest = number >> 7
    if not rest:
        return bytes((low,))
    encoded = bytearray()
    while rest:
        encoded.append(low | 0x80)
        low = rest & 0x7F
        rest >>= 7
    encoded.append(low)
    return bytes(encoded)


def _heads(most: int) -> tuple[bytes, ...]:
    return tuple(_TAG_BATCH_EVENT + _varint(length) for length in range(most))


_HEADS: Final = _heads(4096)
"""What stands before an event of a length, in an `EventBatch`."""


def watch_events_response(cursor: str, events: Sequence[bytes]) -> bytes:
    """An encoded `WatchEventsResponse` with a cursor and encoded events, made without looking into them."""
    parts: list[bytes] = []
    for event in events:
        length = len(event)
        parts.append(_HEADS[length] if length < len(_HEADS) else _TAG_BATCH_EVENT + _varint(length))
        parts.append(event)
    size = sum(map(len, parts))
    position = cursor.encode()
    return b"".join((_TAG_CURSOR, _varint(len(position)), position, _TAG_EVENTS, _varint(size), *parts))
