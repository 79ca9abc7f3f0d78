"""A real gRPC server of the contract whose answers a test writes: what a client makes of each can be seen."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from gateway.domain.errors import CallstreamError
from gateway.service.status import grpc_status

__all__ = ["Answer", "ScriptedContract", "scripted_contract"]

Answer = Callable[[Any], Any]
"""Takes a request; returns a response (a watch: an iterable of them), or raises an error of the domain or a status."""


class ScriptedContract:
    """Where it listens, and what it was asked, in order."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[Any] = []
        self.tokens: list[str] = []
        """What each request showed as `authorization`."""

    def note(self, request: Message, context: grpc.ServicerContext) -> None:
        """Remembers a request."""
        self.requests.append(request)
        metadata = {name: str(value) for name, value in context.invocation_metadata()}
        self.tokens.append(metadata.get("authorization", ""))


@contextlib.contextmanager
def scripted_contract(answers: Mapping[str, Answer], healthy: bool | None = None) -> Iterator[ScriptedContract]:
    """Serves methods by name; a method without an answer is UNIMPLEMENTED.

    Args:
        answers: What is answered.
        healthy: What the health service says. None: there is none.
    """
    contract = ScriptedContract()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    if healthy is not None:
        servicer = health.HealthServicer()
        statuses = health_pb2.HealthCheckResponse
        servicer.set("", statuses.SERVING if healthy else statuses.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for file in (stream_service_pb2, call_service_pb2, gateway_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            handlers = {
                method.name: _handler(contract, method, answers[method.name])
                for method in service.methods
                if method.name in answers
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    contract.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield contract
    finally:
        server.stop(0).wait()


def _handler(contract: ScriptedContract, method: Any, answer: Answer) -> "grpc.RpcMethodHandler[Any, Any]":
    request_class = GetMessageClass(method.input_type)

    def unary(request: Message, context: grpc.ServicerContext) -> Any:
        contract.note(request, context)
        try:
            return answer(request)
        except CallstreamError as error:
            context.abort_with_status(grpc_status(error, epoch="00" * 8))

    def stream(request: Message, context: grpc.ServicerContext) -> Iterator[Any]:
        contract.note(request, context)
        try:
            yield from answer(request)
        except CallstreamError as error:
            context.abort_with_status(grpc_status(error, epoch="00" * 8))

    make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
    return make(
        stream if method.server_streaming else unary,
        request_deserializer=request_class.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
