"""Streams, calls and events as people read them, and as JSON."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from callstream.v1 import call_pb2, event_pb2, stream_pb2
from gateway.cli.output import plain, table, write, write_json, write_table
from gateway.settings.units import format_duration

__all__ = [
    "as_json",
    "event_line",
    "event_type_name",
    "write_call",
    "write_calls",
    "write_message",
    "write_stream",
    "write_streams",
]

_STREAM_COLUMNS: Final = ["CALL", "CONTROL ID", "STATE", "REASON", "TRACK", "CODEC", "NAME", "CREATED", "URL"]
_CALL_COLUMNS: Final = ["CALL", "STATE", "REASON", "DIRECTION", "FROM", "TO", "CONTEXT", "TAG", "CREATED"]


def as_json(message: Message) -> dict[str, Any]:
    """A message as JSON: the contract's field names, every field there."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def write_message(message: Message) -> None:
    """Writes a response as JSON."""
    write_json(as_json(message))


def write_streams(streams: Iterable[stream_pb2.Stream]) -> None:
    """Writes a table of streams."""
    rows = [
        [
            stream.call_id, stream.control_id, _word(stream, "state"), _word(stream, "end_reason"),
            _word(stream, "track"), stream.codec, stream.name, _time(stream.create_time), stream.url,
        ]
        for stream in streams
    ]  # fmt: skip
    write_table(_STREAM_COLUMNS, rows, elastic=["URL", "NAME"])


def write_stream(stream: stream_pb2.Stream, *facts: tuple[str, str]) -> None:
    """Writes all of a stream, a fact a line, with further facts at the end."""
    error = stream.error
    _write_facts(
        ("call", stream.call_id),
        ("control id", stream.control_id),
        ("state", _word(stream, "state")),
        ("end reason", _word(stream, "end_reason") + (" (inferred)" if stream.end_reason_inferred else "")),
        ("error", f"{error.reason}: {error.message}" if error.reason else ""),
        ("url", stream.url),
        ("track", _word(stream, "track")),
        ("codec", stream.codec),
        ("name", stream.name),
        ("labels", " ".join(f"{key}={value}" for key, value in sorted(stream.labels.items()))),
        (
            "max duration",
            format_duration(stream.max_duration.ToMicroseconds() / 1e6) if stream.HasField("max_duration") else "",
        ),
        ("created", _time(stream.create_time)),
        ("started", _time(stream.start_time)),
        ("ended", _time(stream.end_time)),
        *facts,
    )


def write_calls(calls: Iterable[call_pb2.Call]) -> None:
    """Writes a table of calls."""
    rows = [
        [
            call.call_id, _word(call, "state"), call.end_reason, _word(call, "direction"), *_ends(call.device),
            call.context, call.tag, _time(call.create_time),
        ]
        for call in calls
    ]  # fmt: skip
    write_table(_CALL_COLUMNS, rows, elastic=["TAG", "CONTEXT"])


def write_call(call: call_pb2.Call, *facts: tuple[str, str]) -> None:
    """Writes all of a call, a fact a line, with further facts at the end."""
    from_, to = _ends(call.device)
    _write_facts(
        ("call", call.call_id),
        ("state", _word(call, "state")),
        ("end reason", call.end_reason + (" (inferred)" if call.end_reason_inferred else "")),
        ("direction", _word(call, "direction")),
        ("from", from_),
        ("to", to),
        ("context", call.context),
        ("tag", call.tag),
        ("node", call.node_id),
        ("created", _time(call.create_time)),
        ("answered", _time(call.answer_time)),
        ("ended", _time(call.end_time)),
        *facts,
    )


def event_type_name(event: event_pb2.Event) -> str:
    """What happened, as the contract calls it, without the type's prefix."""
    return _word(event, "type").upper()


def event_line(event: event_pb2.Event) -> str:
    """An event on one line: time (UTC), sequence, what happened, to whom."""
    moment = event.receive_time.ToDatetime().time().isoformat("milliseconds")
    line = f"{moment} {event.sequence:>6} {event_type_name(event):<16} {' '.join(_subject(event))}"
    return plain(line.rstrip())


def _subject(event: event_pb2.Event) -> list[str]:
    facts = [f"call={event.call_id}" if event.call_id else "", f"stream={event.control_id}" if event.control_id else ""]
    match event.WhichOneof("subject"):
        case "stream":
            facts += [_word(event.stream, "end_reason"), event.stream.error.message, event.stream.url]
        case "call":
            from_, to = _ends(event.call.device)
            facts += [event.call.end_reason, f"{from_} → {to}" if from_ or to else "", event.call.context]
        case "dial":
            facts += [f"tag={event.dial.tag}", event.dial.call_id]
        case "session":
            facts.append(event.session.reason)
        case _:
            facts.append(event.relay_event_type)
    return [fact for fact in facts if fact]


def _write_facts(*facts: tuple[str, str]) -> None:
    for line in table(["", ""], [fact for fact in facts if fact[1].strip()])[1:]:
        write(line)


def _word(message: Message, field: str) -> str:
    """An enum's value without its type's prefix, in small letters; "" for none; the number of one that is newer."""
    number: int = getattr(message, field)
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    names = {value.number: value.name for value in enum.values} if enum is not None else {}
    if not number:
        return ""
    return names.get(number, str(number)).removeprefix(names[0].removesuffix("UNSPECIFIED")).lower()


def _ends(device: call_pb2.Device) -> tuple[str, str]:
    match device.WhichOneof("kind"):
        case "phone":
            return device.phone.from_number, device.phone.to_number
        case "sip":
            return device.sip.from_address, device.sip.to_address
        case _:
            return "", device.other.type


def _time(moment: Timestamp) -> str:
    if not moment.seconds:
        return ""
    return dt.datetime.fromtimestamp(moment.seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
