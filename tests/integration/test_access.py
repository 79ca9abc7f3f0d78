"""Tokens, URL policy and limits, from an operator's files to RELAY's wire: real processes, sockets and certificates."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from callstream.v1 import event_pb2, gateway_service_pb2, gateway_service_pb2_grpc, stream_service_pb2
from gateway.relay import wire
from gateway.server import StartFailed
from tests.support.access import TokenClient, entry, token_of, write_tokens
from tests.support.authority import Authority
from tests.support.engines import frames_of
from tests.support.running import (
    GatewayProcess,
    running_emulator,
    running_server,
    settings_for,
    start_gateway_process,
)
from tests.support.serving import Watch, error_details
from tests.support.streaming import Endpoint, open_endpoint

WITHIN = 20.0


async def callstream(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """A command: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments,
        env={**os.environ, **(environment or {})}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def new_token(file: Path, name: str, *options: str) -> str:
    """Makes a token as an operator does."""
    code, out, err = await callstream("token", "create", "--name", name, "--file", str(file), *options)
    assert code == 0, err
    return out.strip()


@contextlib.asynccontextmanager
async def process(endpoint: Endpoint, directory: Path, **environment: str) -> AsyncIterator[GatewayProcess]:
    """A gateway as a process of its own, stopped at the end."""
    gateway = await start_gateway_process(endpoint.emulator.host, directory / "data", **environment)
    try:
        yield gateway
    finally:
        if gateway.process.returncode is None:
            await gateway.kill()


async def refusal(asked: Any) -> tuple[grpc.StatusCode, str]:
    """Status and reason that an RPC is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked
    return caught.value.code(), error_details(caught.value).reason


@pytest.mark.timeout(120)
async def test_a_token_from_its_making_to_its_end(tmp_path: Path) -> None:
    """Made on the command line, it starts a stream whose audio flows, and ends with its entry; nothing tells of it."""
    file = tmp_path / "tokens.toml"
    token = await new_token(file, "billing", "--scope", "streams:write", "--scope", "streams:read", "--scope", "admin")
    reader = await new_token(file, "reader", "--scope", "events:read", "--label", "team=red")
    async with (
        open_endpoint(tmp_path) as endpoint,
        process(
            endpoint, tmp_path, CALLSTREAM_TOKENS_FILE=str(file), CALLSTREAM_LOG_LEVEL="debug",
            CALLSTREAM_STREAM_HOSTS="127.0.0.1:*",
        ) as gateway,
    ):  # fmt: skip
        address = gateway.client.address
        billing, watching = TokenClient(address, token), Watch(TokenClient(address, reader), from_oldest=True)
        assert await refusal(
            gateway.client.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=WITHIN)
        ) == (grpc.StatusCode.UNAUTHENTICATED, "BAD_TOKEN")
        await watching.opened()
        call = await endpoint.emulator.place_call(timeout=WITHIN)
        while (await watching.event()).type != event_pb2.EVENT_TYPE_CALL_RECEIVED:
            pass
        start = stream_service_pb2.StartStreamRequest(
            call_id=call.call_id, url=endpoint.sink.url, wait_until=stream_service_pb2.START_WAIT_UNTIL_STREAMING
        )
        for host in ("evil.example", "127.0.0.1.evil.example"):
            away = stream_service_pb2.StartStreamRequest(call_id=call.call_id, url=f"wss://{host}/")
            asked = billing.streams.StartStream(away, timeout=WITHIN)
            assert await refusal(asked) == (grpc.StatusCode.PERMISSION_DENIED, "URL_NOT_ALLOWED")
        assert not frames_of(endpoint.emulator, wire.STREAM)
        assert (await billing.streams.StartStream(start, timeout=WITHIN)).created
        await (await endpoint.sink.wait_stream(1, WITHIN)).wait_audio(100, "inbound", WITHIN)

        write_tokens(file, [entry("somebody")])
        responses, code = await watching.rest()
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert not [event for response in responses for event in response.events.events if event.control_id]
        assert await refusal(billing.streams.StartStream(start, timeout=WITHIN)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "BAD_TOKEN",
        )
        somebody = TokenClient(address, token_of("somebody"))
        info = await somebody.gateway.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=WITHIN)
        assert info.replica
        assert gateway.process.stderr is not None
        _, log = await asyncio.gather(gateway.terminate(), gateway.process.stderr.read())
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    for secret in (token, reader, token_of("somebody")):
        assert secret.encode() not in log + kept


async def test_a_file_that_cannot_be_used_at_the_start(tmp_path: Path) -> None:
    """One line says what is wrong with it, and the process ends; it does not serve without tokens."""
    file = tmp_path / "tokens.toml"
    file.write_text('[[token]]\nname = "x"\n')
    environment = {"SIGNALWIRE_PROJECT_ID": "p", "SIGNALWIRE_API_TOKEN": "t", "CALLSTREAM_OPS_LISTEN": "off"}
    arguments = ("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--log-level", "error")
    code, _, err = await callstream(*arguments, "--tokens-file", str(file), environment=environment)
    assert code == 4
    assert err == f"error: tokens file {file}: token 'x': scopes: is missing\n"
    with pytest.raises(StartFailed, match="can't be read: No such file or directory"):
        async with running_server(settings_for("127.0.0.1:1", tokens_file=str(tmp_path / "nothing"))):
            pass


async def test_a_client_that_waits_as_it_is_told_may_start(tmp_path: Path) -> None:
    """After RetryInfo's time, and not before, the next start is let through; another client did not wait."""
    tokens = write_tokens(tmp_path / "t.toml", [entry("a"), entry("b")])
    async with running_emulator() as emulator:
        settings = settings_for(emulator.host, tokens_file=str(tokens), starts_per_second="2", start_burst="1")
        async with running_server(settings) as address:
            a, b = (TokenClient(address, token_of(name)) for name in ("a", "b"))

            def start(client: TokenClient) -> Any:
                return client.streams.StartStream(
                    stream_service_pb2.StartStreamRequest(call_id="nobody", url="wss://audio.example/"), timeout=WITHIN
                )

            assert (await refusal(start(a)))[1] == "CALL_NOT_FOUND"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await start(a)
            details = error_details(caught.value)
            assert (caught.value.code(), details.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT")
            assert (await refusal(start(b)))[1] == "CALL_NOT_FOUND"
            assert details.retry_after is not None
            await asyncio.sleep(details.retry_after)  # what is tested is that this is enough
            assert (await refusal(start(a)))[1] == "CALL_NOT_FOUND"
            await a.channel.close()
            await b.channel.close()


async def test_a_client_known_by_its_certificate(tmp_path: Path) -> None:
    """With mutual TLS a name in the certificate stands in for a token; a wrong token is not made good by it."""
    server, clients = Authority(tmp_path / "server"), Authority(tmp_path / "clients")
    server.renew()
    certificate, key = clients.client("billing.internal")
    tokens = tmp_path / "t.toml"
    tokens.write_text('[[token]]\nname = "billing"\ncertificate = "billing.internal"\nscopes = ["streams:read"]\n')
    settings = settings_for(
        "127.0.0.1:1",
        tokens_file=str(tokens),
        tls_cert_file=str(server.certificate),
        tls_key_file=str(server.key),
        tls_client_ca_file=str(clients.ca_file),
    )

    def credentials(chain: Path, private: Path) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(server.ca_pem, private.read_bytes(), chain.read_bytes())

    request = gateway_service_pb2.GetGatewayInfoRequest()
    async with running_server(settings) as address:
        async with grpc.aio.secure_channel(address, credentials(certificate, key)) as channel:
            stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
            assert (await stub.GetGatewayInfo(request, timeout=WITHIN)).replica
            update = gateway_service_pb2.UpdateContextsRequest()
            assert (await refusal(stub.UpdateContexts(update, timeout=WITHIN)))[1] == "SCOPE"
            wrong = (("authorization", f"Bearer {token_of('nobody')}"),)
            assert (await refusal(stub.GetGatewayInfo(request, metadata=wrong, timeout=WITHIN)))[1] == "BAD_TOKEN"
        other = clients.client("somebody.else")
        async with grpc.aio.secure_channel(address, credentials(*other)) as channel:
            stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
            assert (await refusal(stub.GetGatewayInfo(request, timeout=WITHIN)))[1] == "BAD_TOKEN"
