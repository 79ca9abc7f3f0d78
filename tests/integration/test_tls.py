"""TLS and mutual TLS, with real certificates: who connects, who does not, and what changes while a gateway runs."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog

from callstream import aio
from callstream.v1 import gateway_service_pb2, gateway_service_pb2_grpc, stream_service_pb2
from gateway.service.rpc import Call, Surroundings, service_handlers
from gateway.serving.listener import listen, new_server
from tests.support.authority import Authority
from tests.support.command_line import run
from tests.support.running import running_emulator, running_server, settings_for

SERVICE = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority, and the files of a server for this machine."""
    made = Authority(tmp_path / "server")
    made.renew()
    return made


def tls(authority: Authority, client_ca: Path | None = None) -> dict[str, Any]:
    """The settings of TLS."""
    settings = {"tls_cert_file": str(authority.certificate), "tls_key_file": str(authority.key)}
    return settings | ({"tls_client_ca_file": str(client_ca)} if client_ca else {})


@contextlib.asynccontextmanager
async def gateway(**settings: Any) -> AsyncIterator[str]:
    """A gateway; its address."""
    async with running_emulator() as emulator, running_server(settings_for(emulator.host, **settings)) as address:
        yield address


@contextlib.asynccontextmanager
async def channel(
    address: str, ca: bytes, client: tuple[Path, Path] | None = None, name: str = ""
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with a connection of its own; `name` is whom it expects there, if not the address."""
    certificate, key = (file.read_bytes() for file in client) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1)]
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    async with grpc.aio.secure_channel(address, credentials, options) as opened:
        yield opened


async def ask(opened: grpc.aio.Channel) -> gateway_service_pb2.GetGatewayInfoResponse:
    """Any RPC."""
    stub = gateway_service_pb2_grpc.GatewayServiceStub(opened)
    return await stub.GetGatewayInfo(gateway_service_pb2.GetGatewayInfoRequest(), timeout=10)


async def refusal(address: str, ca: bytes, client: tuple[Path, Path] | None = None) -> grpc.aio.AioRpcError:
    """How an RPC fails that is not let in."""
    async with channel(address, ca, client) as opened:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(opened)
        return caught.value


async def seen(address: str, authority: Authority, context: ssl.SSLContext | None = None) -> ssl.SSLObject:
    """A TLS connection as any program makes it, not only gRPC's."""
    context = context or ssl.create_default_context(cadata=authority.ca_pem.decode())
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname="localhost")
    try:
        found: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return found
    finally:
        writer.transport.abort()


async def serial(address: str, authority: Authority) -> str:
    """Which certificate a new connection sees."""
    certificate = (await seen(address, authority)).getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


class TestServer:
    """The gateway shows who it is."""

    async def test_a_client_that_trusts_it(self, authority: Authority) -> None:
        """RPCs and watches work, also with the Python client and its `ca_file`."""
        async with gateway(**tls(authority)) as address:
            async with channel(address, authority.ca_pem) as opened:
                assert (await ask(opened)).replica
            async with aio.connect(address, ca_file=authority.ca_file) as client:
                request = stream_service_pb2.WatchEventsRequest(from_oldest=True)
                async with client.watch(request) as watch:
                    assert (await anext(watch)).cursor

    async def test_a_client_that_trusts_somebody_else(self, authority: Authority, tmp_path: Path) -> None:
        """It does not connect."""
        async with gateway(**tls(authority)) as address:
            error = await refusal(address, Authority(tmp_path / "other").ca_pem)
        assert error.code() is grpc.StatusCode.UNAVAILABLE

    async def test_a_certificate_for_another_name(self, authority: Authority) -> None:
        """Nor if the certificate is not for the host that it asked for; it is if it asks for that name."""
        authority.renew("gateway.example.com")
        async with gateway(**tls(authority)) as address:
            assert (await refusal(address, authority.ca_pem)).code() is grpc.StatusCode.UNAVAILABLE
            async with channel(address, authority.ca_pem, name="gateway.example.com") as opened:
                assert (await ask(opened)).replica

    async def test_a_client_without_tls(self, authority: Authority) -> None:
        """It gets nothing in plain text."""
        async with gateway(**tls(authority)) as address, grpc.aio.insecure_channel(address) as opened:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(opened)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    async def test_versions_and_protocol(self, authority: Authority) -> None:
        """TLS 1.2 and 1.3 with HTTP/2; nothing older."""
        async with gateway(**tls(authority)) as address:
            for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
                context = ssl.create_default_context(cadata=authority.ca_pem.decode())
                context.maximum_version = version
                found = await seen(address, authority, context)
                assert found.version() == version.name.replace("_", ".")
                assert found.selected_alpn_protocol() == "h2"
            old = ssl.create_default_context(cadata=authority.ca_pem.decode())
            old.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await seen(address, authority, old)

    async def test_a_socket_in_the_file_system(self, authority: Authority, tmp_path: Path) -> None:
        """TLS is what is said, whatever the address is; such an address has no name, so clients give one."""
        path = f"unix:{tmp_path}/gateway.sock"
        async with (
            gateway(listen=path, **tls(authority)) as address,
            channel(address, authority.ca_pem, name="localhost") as opened,
        ):
            assert (await ask(opened)).replica


class TestMutual:
    """Clients show who they are."""

    async def test_only_clients_with_a_certificate(self, authority: Authority, tmp_path: Path) -> None:
        """One of the authority that was named; none at all, or one of another authority, is not let in."""
        clients = Authority(tmp_path / "clients")
        good = clients.client("billing.example.com")
        other = Authority(tmp_path / "others").client("billing.example.com")
        async with gateway(**tls(authority, clients.ca_file)) as address:
            async with channel(address, authority.ca_pem, good) as opened:
                assert (await ask(opened)).replica
            assert (await refusal(address, authority.ca_pem)).code() is grpc.StatusCode.UNAVAILABLE
            assert (await refusal(address, authority.ca_pem, other)).code() is grpc.StatusCode.UNAVAILABLE

    @pytest.mark.parametrize(
        ("names", "common_name", "expected"),
        [
            (("billing.example.com",), None, ("billing.example.com",)),
            (("a.example.com", "b@example.com"), "Billing", ("Billing", "a.example.com", "b@example.com")),
        ],
    )
    async def test_the_names_of_a_client(
        self, authority: Authority, tmp_path: Path, names: tuple[str, ...], common_name: str, expected: tuple[str, ...]
    ) -> None:
        """Whoever decides about an RPC learns the names in the certificate."""
        clients = Authority(tmp_path / "clients")
        found, _ = await _call(
            tls(authority, clients.ca_file), authority, clients.client(*names, common_name=common_name)
        )
        assert found == expected

    async def test_no_name_without_mutual_tls(self, authority: Authority) -> None:
        """A certificate that nobody asked for says nothing; nor does plain TLS."""
        found, peer = await _call(tls(authority), authority, authority.client("billing.example.com"))
        assert found == ()
        assert peer.startswith("ipv4:127.0.0.1:")


async def _call(
    settings: dict[str, Any], authority: Authority, client: tuple[Path, Path]
) -> tuple[tuple[str, ...], str]:
    """What a handler sees of a client."""
    calls: list[tuple[tuple[str, ...], str]] = []

    async def handler(_request: object, call: Call) -> gateway_service_pb2.GetGatewayInfoResponse:
        calls.append((call.certificate_names, call.peer))
        return gateway_service_pb2.GetGatewayInfoResponse()

    chosen = settings_for("127.0.0.1:1", **settings)
    server = new_server(chosen)
    handlers = {method.name: handler for method in SERVICE.methods}
    server.add_generic_rpc_handlers((service_handlers(SERVICE, handlers, Surroundings()),))
    address = await listen(server, chosen)
    try:
        async with channel(address, authority.ca_pem, client) as opened:
            await ask(opened)
    finally:
        await server.stop(0)
    return calls[0]


class TestReload:
    """Files that change while the gateway runs."""

    async def test_new_connections_see_the_new_certificate(self, authority: Authority) -> None:
        """Without a restart, while a connection that is open goes on with the old one."""
        async with gateway(**tls(authority)) as address, channel(address, authority.ca_pem) as before:
            first = await serial(address, authority)
            watch = stream_watch(before)
            assert await watch.read() is not grpc.aio.EOF
            authority.renew()
            assert await serial(address, authority) != first
            assert (await ask(before)).replica
            assert before.get_state() is grpc.ChannelConnectivity.READY
            watch.cancel()
            async with channel(address, authority.ca_pem) as after:
                assert (await ask(after)).replica

    async def test_a_broken_file_keeps_the_old_certificate(self, authority: Authority) -> None:
        """New connections are served all the same, an error is logged once, and a good file is taken up again."""
        async with gateway(**tls(authority)) as address:
            first = await serial(address, authority)
            with structlog.testing.capture_logs() as logged:
                authority.write(b"half a certifi")
                assert await serial(address, authority) == first
                assert await serial(address, authority) == first
                authority.renew()
                assert await serial(address, authority) != first
        assert [line["event"] for line in logged if line["event"].startswith("tls_")] == [
            "tls_certificate_unusable",
            "tls_certificate_loaded",
        ]

    async def test_another_authority_of_clients(self, authority: Authority, tmp_path: Path) -> None:
        """Clients of the former one are not let in any more, those of the new one are."""
        old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(old.ca_pem)
        async with gateway(**tls(authority, trusted)) as address:
            async with channel(address, authority.ca_pem, old.client("a.example.com")) as opened:
                assert (await ask(opened)).replica
            trusted.with_suffix(".new").write_bytes(new.ca_pem)
            trusted.with_suffix(".new").rename(trusted)
            async with channel(address, authority.ca_pem, new.client("a.example.com")) as opened:
                assert (await ask(opened)).replica
            assert (await refusal(address, authority.ca_pem, old.client("a.example.com"))).code() is (
                grpc.StatusCode.UNAVAILABLE
            )


class TestCommands:
    """The command line as a client."""

    async def test_they_speak_tls(self, authority: Authority, tmp_path: Path) -> None:
        """With the authority's file, also where the certificate is for another name than the address."""
        authority.renew("gateway.example.com")
        async with gateway(**tls(authority)) as address:
            trust = ("--address", address, "--ca-file", str(authority.ca_file))
            shown = await asyncio.to_thread(run, "call", "list", *trust, "--server-name", "gateway.example.com")
            assert (shown.code, shown.err) == (0, "")
            shown = await asyncio.to_thread(run, "call", "list", *trust)
            assert shown.code == 3
            assert "See --address, --tls and --ca-file" in shown.err

    async def test_they_show_a_certificate(self, authority: Authority, tmp_path: Path) -> None:
        """For mutual TLS, from variables as well: a container's health check has no other way."""
        clients = Authority(tmp_path / "clients")
        certificate, key = clients.client("probe.example.com")
        async with gateway(**tls(authority, clients.ca_file)) as address:
            environment: dict[str, str | None] = {
                "CALLSTREAM_ADDRESS": address,
                "CALLSTREAM_CA_FILE": str(authority.ca_file),
                "CALLSTREAM_CLIENT_CERT_FILE": str(certificate),
                "CALLSTREAM_CLIENT_KEY_FILE": str(key),
            }
            shown = await asyncio.to_thread(run, "call", "list", environment=environment)
            assert (shown.code, shown.err) == (0, "")
            del environment["CALLSTREAM_CLIENT_CERT_FILE"], environment["CALLSTREAM_CLIENT_KEY_FILE"]
            shown = await asyncio.to_thread(run, "call", "list", environment=environment)
            assert shown.code == 3


def stream_watch(opened: grpc.aio.Channel) -> Any:
    """A watch that stays open."""
    method = opened.unary_stream(
        "/callstream.v1.StreamService/WatchEvents",
        request_serializer=stream_service_pb2.WatchEventsRequest.SerializeToString,
        response_deserializer=stream_service_pb2.WatchEventsResponse.FromString,
    )
    return method(stream_service_pb2.WatchEventsRequest())
