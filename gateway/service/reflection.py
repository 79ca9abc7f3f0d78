"""gRPC reflection under both its names: v1, which tools ask for first, and v1alpha, which older ones know.

The two say the same in the same bytes, and the library has only v1alpha. So v1 is described by taking v1alpha's own
description under the other name, and served by the same servicer.
"""

from collections.abc import Iterable
from typing import Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2

__all__ = ["REFLECTION", "add_reflection"]

_V1: Final = "grpc.reflection.v1.ServerReflection"
_ALPHA: Final = str(reflection.SERVICE_NAME)
_METHOD: Final = "ServerReflectionInfo"

REFLECTION: Final = (_V1, _ALPHA)
"""The names of the services."""


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Describes services, itself included, to whoever asks a server that has not started."""
    _describe_v1()
    servicer = reflection.aio.ReflectionServicer(service_names=(*services, *REFLECTION))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in REFLECTION:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {_METHOD: handler}),))


def _describe_v1() -> None:
    """Lets tools look up the v1 service too. Once per process; a library that knows it by then is believed."""
    pool = descriptor_pool.Default()
    try:
        pool.FindServiceByName(_V1)
    except KeyError:
        pool.AddSerializedFile(_v1_file().SerializeToString())


def _v1_file() -> FileDescriptorProto:
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = "grpc.reflection.v1"
    file.ClearField("options")  # names for Java and others, which are v1alpha's
    for message in file.message_type:
        for field in message.field:
            if not field.type_name:
                continue  # a number or text: nothing that has a name
            field.type_name = _renamed(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = _renamed(method.input_type), _renamed(method.output_type)
    return file


def _renamed(name: str) -> str:
    return name.replace(".grpc.reflection.v1alpha.", ".grpc.reflection.v1.")
