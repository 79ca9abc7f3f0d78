"""From handler functions to gRPC: parsing, deadlines, errors, and nothing else.

Requests are parsed here and not by gRPC, so that bytes that are no request get INVALID_ARGUMENT with a reason like any
other wrong input. Handlers raise the errors of the domain; the status table says what clients see of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from gateway.access.client import ANYONE, Client
from gateway.domain.errors import CallstreamError, InvalidRequest, Violation
from gateway.domain.identifiers import random_hex
from gateway.service.status import grpc_status

__all__ = [
    "Call",
    "Gate",
    "Observation",
    "Observer",
    "Surroundings",
    "UnaryHandler",
    "WatchHandler",
    "service_handlers",
]

_log = structlog.get_logger(__name__)

RpcContext = grpc.aio.ServicerContext[bytes, bytes]


_REQUEST_ID: Final = "x-request-id"
_MAX_REQUEST_ID: Final = 128
_MAX_REQUEST_BYTES: Final = 4 << 20
"""More than any request has whose fields keep to their bounds. gRPC itself lets twice as much pass, and refuses more
without a reason."""
_IDS: Final = ("call_id", "control_id")


class Call:
    """What a handler may know of its RPC besides the request."""

    def __init__(self, context: RpcContext) -> None:
        remaining: float | None = context.time_remaining()  # None without a deadline, whatever the stubs say
        now = asyncio.get_running_loop().time()
        self.deadline = None if remaining is None else now + remaining
        """Loop time at which the client stops waiting; None if it waits for ever."""
        self.metadata: dict[str, str | bytes] = dict(context.invocation_metadata() or ())
        """What came with the request, but for the token; of a key that came twice the last value."""
        self.authorization = self.metadata.pop("authorization", None)
        """For the gate only: a secret."""
        self.peer = context.peer()
        """Where it came from, like ipv4:127.0.0.1:51234."""
        self.request_id = _request_id(self.metadata.get(_REQUEST_ID))
        """What logs know this RPC by: the client's word for it, or one made up."""
        self.client: Client = ANYONE
        """Who asks; the gate tells."""
        self.call_id = ""
        self.control_id = ""
        """What the request is about, as far as it has come and says so."""
        self._context = context

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """The names in the client's certificate: the subject's common name first, then the alternative ones.

        Empty unless the listener asks for certificates (mutual TLS); then gRPC has verified it. Not free: once per RPC.
        """
        context = self._context.auth_context()
        found = [
            name.decode("utf-8", "replace")
            for key in ("x509_common_name", "x509_subject_alternative_name")
            for name in context.get(key, ())
        ]
        return tuple(dict.fromkeys(filter(None, found)))


def _request_id(given: object) -> str:
    if isinstance(given, str) and 0 < len(given) <= _MAX_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return random_hex(8)


class Gate(Protocol):
    """Who may do what. The first thing that every RPC of the contract meets."""

    def admit(self, method: MethodDescriptor, call: Call) -> Client:
        """The client that asks, if it may; raises errors of the domain."""
        ...

    def recheck(self, client: Client) -> None:
        """Called before each response; raises if the client that was let in is nobody any more."""
        ...


class Observation(Protocol):
    """One RPC under way, as an observer sees it."""

    def sent(self) -> None:
        """A message of a stream went out."""
        ...

    def ended(self, code: grpc.StatusCode, reason: str) -> None:
        """It is over; `reason` is that of the error, or empty. Called once, whatever happened."""
        ...


class Observer(Protocol):
    """Who wants to know of RPCs: metrics, traces, logs."""

    def began(self, method: MethodDescriptor, call: Call) -> Observation:
        """An RPC came in. Called in the RPC's own task, before the gate."""
        ...


class _Open:
    """Lets everybody in, and tells nobody."""

    def admit(self, _method: MethodDescriptor, call: Call) -> Client:
        return call.client

    def recheck(self, _client: Client) -> None:
        return

    def began(self, _method: MethodDescriptor, _call: Call) -> Observation:
        return self

    def sent(self) -> None:
        return

    def ended(self, _code: grpc.StatusCode, _reason: str) -> None:
        return


_OPEN: Final = _Open()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every RPC passes, whatever it asks for.

    Attributes:
        epoch: The journal's, for the cursors in errors.
        gate: Who may.
        observer: Who is told.
    """

    epoch: str = ""
    gate: Gate = _OPEN
    observer: Observer = _OPEN


UnaryHandler = Callable[[Any, Call], Awaitable[Message]]
"""Takes a request, returns its response; raises errors of the domain."""
WatchHandler = Callable[[Any, Call], AsyncIterator[bytes]]
"""Takes a request, yields encoded responses; raises errors of the domain."""


def service_handlers(
    service: ServiceDescriptor, handlers: Mapping[str, UnaryHandler | WatchHandler], around: Surroundings
) -> grpc.GenericRpcHandler:
    """Serves a service with one handler for each of its methods, under the method's name.

    Args:
        service: The service.
        handlers: One for each of its methods.
        around: What every RPC passes.

    Raises:
        ValueError: A method has no handler, or a handler no method.
    """
    names = {method.name for method in service.methods}
    if names != set(handlers):
        raise ValueError(f"{service.full_name}: methods and handlers differ in {sorted(names ^ set(handlers))}")
    return grpc.method_handlers_generic_handler(
        service.full_name, {method.name: _handler(method, handlers[method.name], around) for method in service.methods}
    )


def _handler(method: MethodDescriptor, handler: Any, around: Surroundings) -> "grpc.RpcMethodHandler[bytes, bytes]":
    parse = _parser(method)

    async def unary(data: bytes, context: RpcContext) -> bytes:
        call = Call(context)
        context.set_trailing_metadata(_trailer(call))
        observation = around.observer.began(method, call)
        try:
            call.client = around.gate.admit(method, call)
            response: Message = await handler(parse(data, call), call)
            around.gate.recheck(call.client)
            encoded = response.SerializeToString()
        except asyncio.CancelledError:
            observation.ended(grpc.StatusCode.CANCELLED, "")
            raise
        except Exception as error:  # noqa: BLE001 - the status table has a row for everything
            await _abort(context, _status(method, error, around, observation), call)
        observation.ended(grpc.StatusCode.OK, "")
        return encoded

    async def watch(data: bytes, context: RpcContext) -> AsyncIterator[bytes]:
        call = Call(context)
        context.set_trailing_metadata(_trailer(call))
        observation = around.observer.began(method, call)
        try:
            call.client = around.gate.admit(method, call)
            async for response in handler(parse(data, call), call):
                around.gate.recheck(call.client)
                yield response
                observation.sent()
        except (asyncio.CancelledError, GeneratorExit):
            observation.ended(grpc.StatusCode.CANCELLED, "")
            raise
        except Exception as error:  # noqa: BLE001 - the status table has a row for everything
            await _abort(context, _status(method, error, around, observation), call)
        observation.ended(grpc.StatusCode.OK, "")

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(watch)
    return grpc.unary_unary_rpc_method_handler(unary)


def _status(method: MethodDescriptor, error: Exception, around: Surroundings, observation: Observation) -> grpc.Status:
    """The status of an error; of a defect INTERNAL, and its cause in the log only."""
    if not isinstance(error, CallstreamError):
        _log.error("rpc_failed", method=method.full_name, exc_info=error)
        error = CallstreamError("the gateway has a defect; its log tells more")
    status = grpc_status(error, epoch=around.epoch)
    observation.ended(status.code, error.reason)
    return status


async def _abort(context: RpcContext, status: grpc.Status, call: Call) -> NoReturn:
    await context.abort(status.code, status.details, (*status.trailing_metadata, *_trailer(call)))


def _trailer(call: Call) -> tuple[tuple[str, str]]:
    """By what the log knows an RPC, for whoever asks about it."""
    return ((_REQUEST_ID, call.request_id),)


def _parser(method: MethodDescriptor) -> Callable[[bytes, Call], Message]:
    """Makes requests of bytes, and notes what they are about."""
    request_class = GetMessageClass(method.input_type)
    ids = [name for name in _IDS if name in method.input_type.fields_by_name]

    def parse(data: bytes, call: Call) -> Message:
        if len(data) > _MAX_REQUEST_BYTES:
            raise InvalidRequest([Violation("", f"{len(data)} bytes are too many: use at most {_MAX_REQUEST_BYTES}")])
        try:
            request = request_class.FromString(data)
        except DecodeError as error:
            message = f"the bytes are no {method.input_type.full_name}; generate stubs from this version's proto"
            raise InvalidRequest([Violation("", message)]) from error
        for name in ids:
            setattr(call, name, getattr(request, name))
        return request

    return parse
