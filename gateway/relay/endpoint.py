"""Where RELAY is, and who asks (README: transport)."""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Credentials", "Endpoint", "is_loopback"]

_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
_MAX_PORT: Final = 65535


def is_loopback(name: str) -> bool:
    """Whether a host's name (without port) is this machine's loopback."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _is_host(name: str) -> bool:
    """Whether a name without port can be looked up at all: what cannot must not fail later, in a loop."""
    if not name.startswith("["):
        return _NAME.fullmatch(name) is not None
    try:
        ipaddress.IPv6Address(name.strip("[]"))
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Credentials:
    """A project with its API token, or a JWT that names the project itself."""

    project: str
    token: str = field(default="", repr=False)
    jwt_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuses credentials that name no secret, or two."""
        if bool(self.token) == bool(self.jwt_token):
            raise ValueError("give either an API token or a JWT")
        if self.token and not self.project:
            raise ValueError("an API token needs its project id")

    @property
    def authentication(self) -> Mapping[str, Any]:
        """What `signalwire.connect` takes. Secret."""
        if self.jwt_token:
            return {"jwt_token": self.jwt_token}
        return {"project": self.project, "token": self.token}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere."""
        return tuple(secret for secret in (self.token, self.jwt_token) if secret)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """RELAY's host ("relay.signalwire.com", "127.0.0.1:8765", "[::1]:8765"), scheme, and a CA file if not the system's.

    Raises:
        ValueError: The host or scheme is not allowed; the message says what is.
    """

    host: str
    scheme: str = "wss"
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Checks it: a host with anything else in it could send the token elsewhere."""
        found = _HOST.fullmatch(self.host)
        if found is None or not _is_host(found["name"]) or not 0 < int(found["port"] or 1) <= _MAX_PORT:
            raise ValueError(
                f"{self.host!r} is no RELAY host: give a name or address with an optional port, like host:443"
            )
        if self.scheme not in {"wss", "ws"}:
            raise ValueError(f"{self.scheme!r} is no RELAY scheme: use wss (or ws for an emulator on this machine)")
        if self.scheme == "ws" and not is_loopback(found["name"]):
            raise ValueError(f"ws would send the token to {self.host} unencrypted: use wss; ws is for loopback only")

    @property
    def url(self) -> str:
        """Where the WebSocket is opened."""
        return f"{self.scheme}://{self.host}"

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host if self.host.endswith("]") else self.host.rpartition(":")[0] or self.host)

    def ssl_context(self) -> ssl.SSLContext | None:
        """How the server is verified; None for ws.

        Raises:
            OSError: The CA file cannot be read, or holds no certificate.
        """
        return ssl.create_default_context(cafile=self.ca_file) if self.scheme == "wss" else None
