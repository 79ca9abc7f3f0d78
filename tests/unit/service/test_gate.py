"""The gate: who is let in, and for what."""

import contextlib
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from callstream.v1 import stream_service_pb2
from gateway.access.client import Scope
from gateway.access.tokens import Tokens
from gateway.engine.options import EngineOptions
from gateway.service.gate import SCOPES, TokenGate
from gateway.service.rpc import Surroundings
from gateway.service.services import DESCRIPTORS
from tests.support.access import entry, header, token_of, write_tokens
from tests.support.serving import ErrorDetails, Served, error_details, served

METHODS = {method.full_name: method for service in DESCRIPTORS for method in service.methods}
BAD = (
    (),
    header("x"),
    header(token_of("nobody")),
    header(token_of("old")),
    (("authorization", token_of("writer")),),
    (("authorization", "Basic d3JpdGVyOng="),),
    (("x-token", token_of("writer")),),
)
"""Metadata that shows no valid token: none, malformed, unknown, expired, of another scheme, elsewhere."""


@contextlib.asynccontextmanager
async def gated(path: Path) -> AsyncIterator[Served]:
    """Services behind a gate: a client of each scope by the scope's name, a writer, and one whose time is over."""
    scopes = [entry(scope.name, scope.value) for scope in Scope]
    old = entry("old", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    write_tokens(path, [*scopes, entry("writer", "streams:write", "calls:write"), old])
    around = Surroundings(gate=TokenGate(Tokens(path)))
    async with served(around=around, engine=EngineOptions(relay_wait=0.0)) as gateway:
        yield gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Served]:
    """Services behind a gate."""
    async with gated(tmp_path / "tokens.toml") as opened:
        yield opened


def ask(gateway: Served, method: MethodDescriptor, metadata: Any) -> Awaitable[Any]:
    """Any RPC with an empty request: its response, or its first one."""
    channel: Any = gateway.client.channel
    path = f"/{method.containing_service.full_name}/{method.name}"
    request = GetMessageClass(method.input_type)().SerializeToString()
    if method.server_streaming:
        reading: Awaitable[Any] = channel.unary_stream(path)(request, metadata=metadata).read()
        return reading
    answer: Awaitable[Any] = channel.unary_unary(path)(request, metadata=metadata, timeout=10)
    return answer


async def refusal(asked: Awaitable[Any]) -> tuple[grpc.StatusCode, str, ErrorDetails]:
    """What an RPC is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked
    return caught.value.code(), caught.value.details() or "", error_details(caught.value)


def test_each_method_has_a_row() -> None:
    """A new method without a scope, or a scope without its method, fails here."""
    assert set(SCOPES) == set(METHODS)
    assert SCOPES["callstream.v1.GatewayService.UpdateContexts"] is Scope.ADMIN


@pytest.mark.parametrize("name", METHODS)
async def test_no_method_without_a_token(gateway: Served, name: str) -> None:
    """Whatever is wrong with it, the answer is the same, and says nothing of which tokens there are."""
    answers = [await refusal(ask(gateway, METHODS[name], metadata)) for metadata in BAD]
    assert len(set(map(repr, answers))) == 1
    code, message, details = answers[0]
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert (details.reason, details.metadata) == ("BAD_TOKEN", {})
    assert "authorization: Bearer" in message


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", METHODS)
async def test_the_scope_decides(gateway: Served, name: str, scope: Scope) -> None:
    """A method takes its own scope and admin; the refusal names the one that it needs."""
    needed = SCOPES[name]
    asked = ask(gateway, METHODS[name], header(token_of(scope.name)))
    if needed not in {None, scope} and scope is not Scope.ADMIN:
        code, _, details = await refusal(asked)
        assert (code, details.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE")
        assert details.metadata == {"method": METHODS[name].name, "scope": str(needed)}
        return
    reason = ""
    try:
        await asked
    except grpc.aio.AioRpcError as error:  # the empty request may be wrong, but it was looked at
        reason = error_details(error).reason
    assert reason in {"", "INVALID_REQUEST", "RELAY_DISCONNECTED"}


async def test_a_refused_request_is_not_parsed(gateway: Served) -> None:
    """Nobody unknown gets at the parser."""
    channel: Any = gateway.client.channel
    answer = await refusal(channel.unary_unary("/callstream.v1.StreamService/GetStream")(b"\xff\xff"))
    assert answer[2].reason == "BAD_TOKEN"


async def test_the_scheme_in_any_case(gateway: Served) -> None:
    """As HTTP has it."""
    request = stream_service_pb2.ListStreamsRequest()
    metadata = (("authorization", f"bEARER {token_of('STREAMS_READ')}"),)
    await gateway.client.streams.ListStreams(request, metadata=metadata)


async def test_probes_and_tools_need_no_token(gateway: Served) -> None:
    """Health and reflection answer whoever asks."""
    channel: Any = gateway.client.channel
    assert await channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
    reflection = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    assert await reflection(iter([b"\x3a\x01*"])).read()


async def test_no_token_is_logged(gateway: Served) -> None:
    """Neither a good one nor a bad one."""
    with structlog.testing.capture_logs() as logged:
        await refusal(ask(gateway, METHODS["callstream.v1.StreamService.GetStream"], header(token_of("nobody"))))
        await refusal(ask(gateway, METHODS["callstream.v1.StreamService.GetStream"], header(token_of("STREAMS_READ"))))
    assert "cs_" not in repr(logged)
