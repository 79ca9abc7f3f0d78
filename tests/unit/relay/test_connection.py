"""Bytes over a real WebSocket."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from gateway.relay.connection import ConnectionFailed, open_connection
from gateway.relay.endpoint import Endpoint
from tests.support.relay_observer import reached
from tests.support.scripted_relay import mute_server, scripted_relay


async def test_messages_in_and_out() -> None:
    """What one side sends the other gets, in order, as bytes."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        await connection.send([b'{"n":1}', '{"n":"é"}'.encode()])
        assert [await peer.read(), await peer.read()] == [{"n": 1}, {"n": "é"}]
        await peer.send_many([b'{"a":1}', b'{"b":2}'])
        assert await connection.receive() == [b'{"a":1}', b'{"b":2}']
        await connection.close()
        assert await peer.closed() == 1000


async def test_what_came_before_the_end_is_handed_over() -> None:
    """A connection that breaks right after a message gives the message first."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        await peer.send("last words")
        await peer.close(1001, "going away")
        assert await connection.receive() == [b"last words"]
        for _ in range(2):
            with pytest.raises(ConnectionFailed, match="1001: going away"):
                await connection.receive()
        with pytest.raises(ConnectionFailed, match="1001"):
            await connection.send([b"{}"])
        await connection.close()


async def test_more_than_a_batch_keeps_its_order() -> None:
    """A reader that is slow gets everything, a bounded number at a time."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        sending = asyncio.create_task(peer.send_many([b"%d" % number for number in range(5000)]))
        received: list[bytes] = []
        while len(received) < 5000:
            batch = await connection.receive()
            assert 0 < len(batch) <= 1024
            received += batch
        await sending
        assert received == [b"%d" % number for number in range(5000)]
        await connection.close()


async def test_reads_ahead_within_bounds() -> None:
    """Of large messages only a few are held while nobody fetches them; none is lost."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        sending = asyncio.create_task(peer.send_each(["x" * (7 * 1024 * 1024)] * 6))
        await reached(lambda: len(connection._arrived) == 3)
        for _ in range(300):
            await asyncio.sleep(0)
            assert len(connection._arrived) == 3
        received = 0
        while received < 6:
            received += len(await connection.receive())
        await sending
        await connection.close()


async def test_no_compression_no_agent_no_credentials_in_the_upgrade() -> None:
    """Compression only costs here, and what the token is needed for is said in JSON."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        await connection.close()
        names = {name.lower() for name in relay.headers[0]}
        assert names.isdisjoint({"sec-websocket-extensions", "user-agent", "authorization", "sec-websocket-protocol"})


async def test_fragments_are_one_message() -> None:
    """A message that comes in pieces is one message."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        await peer.send_pieces(['{"a":', "1}"])
        assert await connection.receive() == [b'{"a":1}']
        await connection.close()


class TestTls:
    """wss."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        """An authority that the system does not know."""
        return trustme.CA()

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        """Its certificate in a file."""
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return str(path)

    def served(self, authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
        """A server's side of TLS under a name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return context

    async def test_server_is_verified_with_the_ca_file(self, authority: trustme.CA, ca_file: str) -> None:
        """A server whose certificate the file vouches for is spoken to."""
        async with scripted_relay(self.served(authority)) as relay:
            connection = await open_connection(Endpoint(relay.host, ca_file=ca_file), 5)
            peer = await relay.accept()
            await connection.send([b"{}"] * 3)
            assert [await peer.read() for _ in range(3)] == [{}] * 3
            await connection.close()

    async def test_unknown_authority_is_refused(self, authority: trustme.CA) -> None:
        """Without the file nobody vouches for the server, so nothing is said to it."""
        async with scripted_relay(self.served(authority)) as relay:
            with pytest.raises(ConnectionFailed, match=r"certificate verify failed.*set SIGNALWIRE_RELAY_CA_FILE"):
                await open_connection(Endpoint(relay.host), 5)
            assert relay.attempts == 0

    async def test_other_name_is_refused(self, authority: trustme.CA, ca_file: str) -> None:
        """A certificate for another name is no certificate."""
        async with scripted_relay(self.served(authority, "other.example")) as relay:
            with pytest.raises(ConnectionFailed, match="IP address mismatch"):
                await open_connection(Endpoint(relay.host, ca_file=ca_file), 5)
            assert relay.attempts == 0

    async def test_no_tls_is_told(self) -> None:
        """A server without TLS on that port is a mistake of the host or its port."""
        async with scripted_relay() as relay:
            with pytest.raises(ConnectionFailed, match=r"the connection broke; does that port speak TLS\?"):
                await open_connection(Endpoint(relay.host), 5)


async def test_unknown_name_is_told() -> None:
    """With the settings to check; so is a port where nothing listens."""
    with pytest.raises(ConnectionFailed, match="can't be looked up: check SIGNALWIRE_SPACE"):
        await open_connection(Endpoint("nobody.invalid"), 5)
    with pytest.raises(ConnectionFailed, match="nothing listens there: check SIGNALWIRE_RELAY_HOST"):
        await open_connection(Endpoint("127.0.0.1:1"), 5)


async def test_silent_server_is_given_up() -> None:
    """A server that does not answer the upgrade in time is as good as none."""
    async with mute_server() as (endpoint, came):
        with pytest.raises(ConnectionFailed, match="did not answer in"):
            await open_connection(endpoint, 0.1)
        assert came.is_set()


async def test_redirects_are_not_followed() -> None:
    """The token goes to the host that was configured, and to no other."""
    async with scripted_relay() as other, scripted_relay() as relay:
        relay.redirect_to = other.endpoint.url
        with pytest.raises(ConnectionFailed, match="302"):
            await open_connection(relay.endpoint, 5)
        assert other.attempts == 0


async def test_messages_of_one_turn_are_one_write() -> None:
    """The acknowledgements of a commit cost one call of the system, not one each."""
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        peer = await relay.accept()
        transport = connection._websocket.transport
        writes: list[int] = []
        write = transport.write

        def counted(data: bytes) -> None:
            writes.append(len(data))
            write(data)

        transport.write = counted  # type: ignore[method-assign, assignment]
        await connection.send([b'{"n":%d}' % number for number in range(100)])
        assert [await peer.read() for _ in range(100)] == [{"n": number} for number in range(100)]
        assert len([size for size in writes if size]) == 1
        await connection.close()


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("socks5h://127.0.0.1:1", "python-socks"),
        ("nonsense://127.0.0.1:1", "isn't a valid proxy"),
        ("http://127.0.0.1:1", "127.0.0.1"),
    ],
)
async def test_proxy_that_cannot_be_used_is_told(proxy: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment is used; one that is configured wrongly is an error of the connection only."""
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ConnectionFailed, match=says):
        await open_connection(Endpoint("relay.example"), 5)


async def test_no_proxy_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator on this machine is not looked for behind a proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with scripted_relay() as relay:
        connection = await open_connection(relay.endpoint, 5)
        await connection.close()
