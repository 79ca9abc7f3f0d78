"""Where RELAY is, and who asks."""

import ssl
from pathlib import Path

import pytest

from gateway.relay.endpoint import Credentials, Endpoint, is_loopback


@pytest.mark.parametrize(
    "host",
    [
        "relay.signalwire.com",
        "relay.signalwire.com:443",
        "relay.signalwire.com.",
        "x" * 63 + ".signalwire.com",
        "127.0.0.1:8765",
        "[::1]:8765",
        "space-1.signalwire.com",
    ],
)
def test_takes_host_with_optional_port(host: str) -> None:
    """A name or an address with an optional port is a host, and the URL is made of it as it is."""
    assert Endpoint(host).url == f"wss://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "user@evil.example",
        "relay.signalwire.com/path",
        "relay.signalwire.com?x=1",
        "relay.signalwire.com#x",
        "relay signalwire.com",
        "relay.signalwire.com\r\nX: y",
        "relay.signalwire.com\n",
        "wss://relay.signalwire.com",
        "relay.signalwire.com:",
        "relay.signalwire.com:port",
        "relay.signalwire.com:65536",
        "relay.signalwire.com:443:443",
        "::1",
        "[:::::]",
        "[127.0.0.1]",
        "[]",
        "..",
        ".signalwire.com",
        "relay..signalwire.com",
        "x" * 64 + ".signalwire.com",
        "relay.signalwire.com:0",
    ],
)
def test_refuses_what_could_lead_elsewhere(host: str) -> None:
    """Anything but a host and a port is refused before connecting, with a word on what to give."""
    with pytest.raises(ValueError, match="give a name or address with an optional port"):
        Endpoint(host)


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("[::1]", True), ("[::1]:1", True), ("127.0.0.1:1", True), ("relay.signalwire.com", False)],
)
def test_loopback_is_told_from_the_rest(host: str, local: bool) -> None:
    """The port makes no difference."""
    assert Endpoint(host).loopback is local


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1", "127.9.9.9:1", "[::1]:8765"])
def test_ws_is_allowed_on_loopback(host: str) -> None:
    """An emulator on this machine is spoken to without TLS."""
    endpoint = Endpoint(host, scheme="ws")
    assert endpoint.url == f"ws://{host}"
    assert endpoint.ssl_context() is None


@pytest.mark.parametrize(
    "host", ["relay.signalwire.com", "10.0.0.1:8765", "localhost.example.com", "127.0.0.1.example.com", "[2001:db8::1]"]
)
def test_ws_is_refused_elsewhere(host: str) -> None:
    """The token never crosses a network unencrypted."""
    with pytest.raises(ValueError, match="use wss"):
        Endpoint(host, scheme="ws")


@pytest.mark.parametrize("scheme", ["http", "https", "", "WSS"])
def test_refuses_other_schemes(scheme: str) -> None:
    """Only wss and ws are RELAY's."""
    with pytest.raises(ValueError, match="use wss"):
        Endpoint("relay.signalwire.com", scheme=scheme)


def test_wss_verifies_the_server() -> None:
    """The server's certificate and name are checked."""
    context = Endpoint("relay.signalwire.com").ssl_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_missing_ca_file_is_an_os_error(tmp_path: Path) -> None:
    """A CA file that is not there is told, not passed over."""
    with pytest.raises(FileNotFoundError):
        Endpoint("relay.signalwire.com", ca_file=str(tmp_path / "missing.pem")).ssl_context()


def test_loopback_is_told_by_address_or_the_one_name() -> None:
    """Only loopback addresses and `localhost` are this machine's."""
    assert [is_loopback(name) for name in ("[::1]", "127.0.0.1", "localhost", "10.0.0.1", "example.com")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_credentials_show_no_secret() -> None:
    """No repr holds a token."""
    shown = repr(Credentials("P", token="T-secret")) + repr(Credentials("", jwt_token="J-secret"))
    assert "secret" not in shown
    assert "'P'" in shown


def test_credentials_as_relay_takes_them() -> None:
    """A token goes with its project, a JWT alone."""
    assert Credentials("P", token="T").authentication == {"project": "P", "token": "T"}
    assert Credentials("", jwt_token="J").authentication == {"jwt_token": "J"}
    assert Credentials("P", token="T").secrets == ("T",)


@pytest.mark.parametrize(
    ("project", "token", "jwt_token", "says"),
    [("P", "", "", "either"), ("P", "T", "J", "either"), ("", "T", "", "project")],
)
def test_refuses_incomplete_credentials(project: str, token: str, jwt_token: str, says: str) -> None:
    """Credentials without a secret, with two, or with a token of no project are refused."""
    with pytest.raises(ValueError, match=says):
        Credentials(project, token=token, jwt_token=jwt_token)
