"""The contract's services, health and reflection on one server."""

from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from gateway.service.services import SERVICES
from tests.support.serving import Served, served


async def reflected(gateway: Served, **request: Any) -> Any:
    """One answer of the reflection service."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(gateway.client.channel)
    asking = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
    return await asking.read()


def test_all_services_of_the_contract() -> None:
    """Every service that the proto files define is served."""
    files = (stream_service_pb2, call_service_pb2, gateway_service_pb2)
    defined = {service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()}
    assert set(SERVICES) == defined


async def test_reflection_lists() -> None:
    """Reflection lists the contract's services, health and itself."""
    async with served() as gateway:
        answer = await reflected(gateway, list_services="*")
        names = {service.name for service in answer.list_services_response.service}
        assert names == {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_reflection_describes() -> None:
    """A tool gets the file of a method's request, and what the details of errors are made of."""
    async with served() as gateway:
        for symbol, file in (
            ("callstream.v1.StartStreamRequest", "callstream/v1/stream_service.proto"),
            ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
        ):
            answer = await reflected(gateway, file_containing_symbol=symbol)
            protos = [
                FileDescriptorProto.FromString(data) for data in answer.file_descriptor_response.file_descriptor_proto
            ]
            assert file in {proto.name for proto in protos}
