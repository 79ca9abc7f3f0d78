"""Addresses that the process listens on: host:port, [::1]:port, unix:/path."""

import ipaddress
import os
import re
from typing import Final

from gateway.settings.kinds import shown

__all__ = ["SOCKET", "host_of"]

SOCKET: Final = "unix:"
_MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un
_MAX_PORT: Final = 65_535
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})", re.ASCII)


def host_of(address: str) -> str | None:
    """The host in an address; None if it is a socket in the file system.

    Raises:
        ValueError: It is no address; says what is.
    """
    if address.startswith(SOCKET):
        _check_path(address)
        return None
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > _MAX_PORT or (match["v6"] and not _is_ipv6(match["v6"])):
        raise ValueError(f"{shown(address)} is no address: use host:port, [::1]:port or unix:/path")
    return str(match["v6"] or match["name"] or "")


def _check_path(address: str) -> None:
    path = address.removeprefix(SOCKET)
    if not path.startswith("/"):
        raise ValueError(
            f"{shown(address)} is no address: a socket's path begins with /, as in unix:/run/callstream.sock"
        )
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"{shown(address)} is too long for a socket: at most {_MAX_SOCKET_PATH_BYTES} bytes")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
