"""From handler functions to gRPC: parsing, deadlines, errors, and nothing else.

Requests are parsed here and not by gRPC, so that bytes that are no request get INVALID_ARGUMENT with a reason like any
other wrong input. Handlers raise the errors of the domain; the status table says what clients see of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from gateway.domain.errors import CallstreamError, InvalidRequest, Violation
from gateway.service.status import grpc_status

__all__ = ["Call", "UnaryHandler", "WatchHandler", "service_handlers"]

_log = structlog.get_logger(__name__)

RpcContext = grpc.aio.ServicerContext[bytes, bytes]


class Call:
    """What a handler may know of its RPC besides the request."""

    def __init__(self, context: RpcContext) -> None:
        remaining: float | None = context.time_remaining()  # None without a deadline, whatever the stubs say
        now = asyncio.get_running_loop().time()
        self.deadline = None if remaining is None else now + remaining
        """Loop time at which the client stops waiting; None if it waits for ever."""


UnaryHandler = Callable[[Any, Call], Awaitable[Message]]
"""Takes a request, returns its response; raises errors of the domain."""
WatchHandler = Callable[[Any, Call], AsyncIterator[bytes]]
"""Takes a request, yields encoded responses; raises errors of the domain."""


def service_handlers(
    service: ServiceDescriptor, handlers: Mapping[str, UnaryHandler | WatchHandler], epoch: str
) -> grpc.GenericRpcHandler:
    """Serves a service with one handler for each of its methods, under the method's name.

    Args:
        service: The service.
        handlers: One for each of its methods.
        epoch: The journal's, for the cursors in errors.

    Raises:
        ValueError: A method has no handler, or a handler no method.
    """
    names = {method.name for method in service.methods}
    if names != set(handlers):
        raise ValueError(f"{service.full_name}: methods and handlers differ in {sorted(names ^ set(handlers))}")
    return grpc.method_handlers_generic_handler(
        service.full_name, {method.name: _handler(method, handlers[method.name], epoch) for method in service.methods}
    )


def _handler(method: MethodDescriptor, handler: Any, epoch: str) -> "grpc.RpcMethodHandler[bytes, bytes]":
    request_class = GetMessageClass(method.input_type)

    async def unary(data: bytes, context: RpcContext) -> bytes:
        try:
            response: Message = await handler(_parse(request_class, data), Call(context))
            return response.SerializeToString()
        except Exception as error:  # noqa: BLE001 - the status table has a row for everything
            await _abort(context, method, error, epoch)

    async def watch(data: bytes, context: RpcContext) -> AsyncIterator[bytes]:
        try:
            async for response in handler(_parse(request_class, data), Call(context)):
                yield response
        except Exception as error:  # noqa: BLE001 - the status table has a row for everything
            await _abort(context, method, error, epoch)

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(watch)
    return grpc.unary_unary_rpc_method_handler(unary)


async def _abort(context: RpcContext, method: MethodDescriptor, error: Exception, epoch: str) -> NoReturn:
    """Ends an RPC with the status of an error; for a defect with INTERNAL, and its cause in the log only."""
    if not isinstance(error, CallstreamError):
        _log.error("rpc_failed", method=method.full_name, exc_info=error)
        error = CallstreamError("the gateway has a defect; its log tells more")
    status = grpc_status(error, epoch=epoch)
    await context.abort(status.code, status.details, status.trailing_metadata)


def _parse(request_class: type[Message], data: bytes) -> Message:
    try:
        return request_class.FromString(data)
    except DecodeError as error:
        message = f"the bytes are no {request_class.DESCRIPTOR.full_name}; generate stubs from this version's proto"
        raise InvalidRequest([Violation("", message)]) from error
