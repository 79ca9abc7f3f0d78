"""A line for each RPC that orders something or fails, and what each line that is written on the way says of its RPC."""

import logging
import time
from collections.abc import Mapping
from typing import Final

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor

from gateway.domain.errors import Draining, WatchExpired
from gateway.logs.source import bind_source
from gateway.service.rpc import Call, Observation

__all__ = ["RpcLog"]

_log = structlog.get_logger(__name__)

_READS: Final = ("Get", "List", "Watch", "Wait")
_TROUBLE: Final = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""What is not the client's doing."""
_QUIET: Final = frozenset({grpc.StatusCode.OK, grpc.StatusCode.CANCELLED})
_PLANNED: Final = frozenset({Draining.reason, WatchExpired.reason})
"""What sends clients elsewhere, as they should expect."""
_MAX_ID: Final = 128


class RpcLog:
    """An observer of RPCs (`gateway.service.rpc.Observer`) that logs them.

    Commands are told at info level; so are requests that fail by their client's doing. What fails by the gateway's,
    RELAY's or the network's is a warning. Reads and watches that go well, or end as planned, are for debug.
    """

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """See `Observer.began`."""
        line = _Line(method, call)
        bind_source(line.source)
        return line


class _Line:
    __slots__ = ("_began", "_call", "_method", "_sent")

    def __init__(self, method: MethodDescriptor, call: Call) -> None:
        self._method = method
        self._call = call
        self._began = time.monotonic()
        self._sent = 0

    def source(self) -> Mapping[str, str]:
        """What lines say of the RPC that they are written for."""
        call = self._call
        said = {"request_id": call.request_id, "method": self._method.name, "client": call.client.name}
        if call.call_id:
            said["call_id"] = call.call_id[:_MAX_ID]
        if call.control_id:
            said["control_id"] = call.control_id[:_MAX_ID]
        return said

    def sent(self) -> None:
        """See `Observation.sent`."""
        self._sent += 1

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        """See `Observation.ended`."""
        level = _level(self._method, code, reason)
        if not _log.is_enabled_for(level):
            return
        said = {
            "peer": self._call.peer,
            "code": code.name,
            "reason": reason or None,
            "seconds": round(time.monotonic() - self._began, 6),
            "messages": self._sent if self._method.server_streaming else None,
        }
        _log.log(level, "rpc", **{name: value for name, value in said.items() if value is not None})


def _level(method: MethodDescriptor, code: grpc.StatusCode, reason: str) -> int:
    planned = reason in _PLANNED
    if code in _TROUBLE and not planned:
        return logging.WARNING
    quiet = (planned or code in _QUIET) and method.name.startswith(_READS)
    return logging.DEBUG if quiet else logging.INFO
