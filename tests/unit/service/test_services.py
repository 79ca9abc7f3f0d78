"""The contract's services, health and reflection on one server."""

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from callstream.v1 import call_service_pb2, gateway_service_pb2, stream_service_pb2
from gateway.service.services import SERVICES
from tests.support.serving import Served, served

VERSIONS = pytest.mark.parametrize("version", ["v1", "v1alpha"])


async def reflected(gateway: Served, version: str, **request: Any) -> Any:
    """One answer of the reflection service; both versions speak in the same bytes."""
    channel: Any = gateway.client.channel
    asking = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )(iter([reflection_pb2.ServerReflectionRequest(**request)]))
    return await asking.read()


def files_of(answer: Any) -> dict[str, FileDescriptorProto]:
    """The files in an answer, by name."""
    data = answer.file_descriptor_response.file_descriptor_proto
    return {file.name: file for file in map(FileDescriptorProto.FromString, data)}


def test_all_services_of_the_contract() -> None:
    """Every service that the proto files define is served."""
    files = (stream_service_pb2, call_service_pb2, gateway_service_pb2)
    defined = {service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()}
    assert set(SERVICES) == defined


@VERSIONS
async def test_reflection_lists(version: str) -> None:
    """Reflection lists the contract's services, health and itself."""
    async with served() as gateway:
        answer = await reflected(gateway, version, list_services="*")
        names = {service.name for service in answer.list_services_response.service}
        reflections = {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
        assert names == {*SERVICES, "grpc.health.v1.Health", *reflections}


@VERSIONS
async def test_reflection_describes(version: str) -> None:
    """A tool gets the file of a method's request, and what the details of errors are made of."""
    async with served() as gateway:
        for symbol, file in (
            ("callstream.v1.StartStreamRequest", "callstream/v1/stream_service.proto"),
            ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
        ):
            assert file in files_of(await reflected(gateway, version, file_containing_symbol=symbol))


async def test_reflection_describes_both_of_its_versions() -> None:
    """Each as it is published: the same messages, each under its own name."""
    async with served() as gateway:
        described = {}
        for version in ("v1", "v1alpha"):
            symbol = f"grpc.reflection.{version}.ServerReflection"
            (file,) = files_of(await reflected(gateway, "v1", file_containing_symbol=symbol)).values()
            assert file.package == f"grpc.reflection.{version}"
            described[version] = str(file.message_type).replace(version, "") + str(file.service).replace(version, "")
        assert described["v1"] == described["v1alpha"]
        assert "v1alpha" not in str(described["v1"])
