"""What both drivers share: commands as messages, and results as JSON."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, cast

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from callstream.errors import status_details
from callstream.resume import Bookmark, Events, WatchItem, WatchOptions
from callstream.v1.stream_service_pb2 import WatchEventsRequest

__all__ = [
    "STUBS",
    "connection",
    "failure",
    "item_json",
    "message_json",
    "unary_request",
    "watch_options",
    "watch_request",
    "write",
]

STUBS: Mapping[str, str] = {"StreamService": "streams", "CallService": "calls", "GatewayService": "gateway"}
"""The attribute of a client that has a service's stub."""
_DETAILS = {f"google.rpc.{name}": getattr(error_details_pb2, name) for name in ("ErrorInfo", "BadRequest", "RetryInfo")}


def connection() -> dict[str, Any]:
    """The arguments of `connect`, from the environment."""
    return {
        "address": os.environ["CALLSTREAM_TARGET"],
        "token": os.environ.get("CALLSTREAM_TOKEN"),
        "ca_file": os.environ.get("CALLSTREAM_CA_FILE"),
    }


def unary_request(command: Mapping[str, Any]) -> tuple[str, str, Message]:
    """The stub's attribute, the method's name and the request of a unary command."""
    path, _, method = command["method"].partition("/")
    service = descriptor_pool.Default().FindServiceByName(path)
    request = message_factory.GetMessageClass(service.methods_by_name[method].input_type)()
    ParseDict(command.get("request", {}), request)
    return STUBS[service.name], method, request


def watch_request(command: Mapping[str, Any]) -> WatchEventsRequest:
    """The request of a watch command."""
    return ParseDict(command.get("request", {}), WatchEventsRequest())


def watch_options(command: Mapping[str, Any]) -> WatchOptions:
    """The options of a resuming watch."""
    given, usual = command.get("options", {}), WatchOptions()
    return WatchOptions(
        backoff_initial=given.get("backoff_initial_ms", usual.backoff_initial * 1000) / 1000,
        backoff_max=given.get("backoff_max_ms", usual.backoff_max * 1000) / 1000,
        dead_after_intervals=given.get("dead_after_intervals", usual.dead_after_intervals),
    )


def message_json(message: Message) -> dict[str, Any]:
    """A message in the proto3 JSON mapping."""
    return MessageToDict(message)


def item_json(item: WatchItem) -> dict[str, Any]:
    """An item of the resuming watch."""
    if isinstance(item, Events):
        return {"kind": "events", "cursor": item.cursor, "events": [message_json(event) for event in item.events]}
    if isinstance(item, Bookmark):
        return {"kind": "bookmark", "cursor": item.cursor}
    return {
        "kind": "snapshot",
        "cursor": item.cursor,
        "streams": [message_json(stream) for stream in item.streams],
        "calls": [message_json(call) for call in item.calls],
        "last": item.last,
        "reset": item.reset,
    }


def failure(error: grpc.RpcError) -> dict[str, Any]:
    """Code, message and details of an RPC that failed."""
    status = cast("grpc.Call", error)
    details = []
    for packed in status_details(error):
        message = _DETAILS[packed.TypeName()]()
        packed.Unpack(message)
        details.append({"type": packed.TypeName(), "value": message_json(message)})
    return {"code": status.code().name, "message": status.details(), "details": details}


def write(line: Mapping[str, Any]) -> None:
    """Writes a line at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
