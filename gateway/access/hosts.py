"""Allow lists of hosts and ports: where audio and webhooks may go."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["HostPattern", "Hosts", "Place", "allows", "parse_hosts", "plain_host"]

_ANY: Final = "*"
_MAX_PORT: Final = 65_535
_PATTERN: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?))"
    r"(?::(?P<port>\*|[0-9]{1,5}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads.

    Attributes:
        host: As `plain_host` gives it.
        port: Its port, also where the URL leaves it out.
        usual: Whether that is the port of the URL's scheme.
    """

    host: str
    port: int
    usual: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One entry of an allow list.

    Attributes:
        host: The host, or of what the hosts are subdomains; "*" for any.
        subdomains: Whether the hosts below it are meant, and not it.
        port: The port; 0 for the usual one of the scheme, None for any.
    """

    host: str
    subdomains: bool = False
    port: int | None = 0

    def matches(self, place: Place) -> bool:
        """Whether it allows a place."""
        if self.port is not None and (place.port != self.port if self.port else not place.usual):
            return False
        if self.subdomains:
            return place.host.endswith("." + self.host)
        return self.host in {_ANY, place.host}


Hosts = tuple[HostPattern, ...]
"""An allow list; an empty one allows everything."""


def allows(hosts: Hosts, place: Place) -> bool:
    """Whether an allow list has a place."""
    return not hosts or any(pattern.matches(place) for pattern in hosts)


def plain_host(host: str) -> str:
    """The one spelling of a host that may be spelled in several ways: lower case, no root's dot, short IPv6."""
    host = host.lower().removesuffix(".")
    return ipaddress.IPv6Address(host).compressed if ":" in host else host


def parse_hosts(texts: Iterable[str]) -> Hosts:
    """The allow list of texts like media.example.com, *.example.com:8443, 10.0.0.7:* or [2001:db8::1].

    Without a port the scheme's own is meant, `:*` allows any. `*.example.com` allows what is below example.com, at any
    depth; `*` alone any host.

    Raises:
        ValueError: One of them is not like that; the message begins with it.
    """
    return tuple(map(_pattern, texts))


def _pattern(text: str) -> HostPattern:
    wrong = f"{text[:80]!r} is no host[:port]: use forms like media.example.com, *.example.com:8443 or [2001:db8::1]:*"
    parts = _PATTERN.fullmatch(text)
    if parts is None:
        raise ValueError(wrong)
    port = None if parts["port"] == _ANY else int(parts["port"] or 0)
    if port is not None and (port > _MAX_PORT or (parts["port"] and not port)):
        raise ValueError(wrong)
    try:
        host = plain_host(parts["name"]) if parts["name"] else ipaddress.IPv6Address(parts["v6"]).compressed
    except ValueError as error:
        raise ValueError(wrong) from error
    return HostPattern(host.removeprefix("*."), host.startswith("*."), port)
