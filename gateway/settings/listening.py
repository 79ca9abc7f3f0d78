"""Where the gateway serves, and how what is served there is protected."""

import ipaddress
import os
import re
from typing import Final

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from gateway.relay.endpoint import is_loopback
from gateway.settings.kinds import Switch, Text, shown

__all__ = ["ListenSettings"]

_MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un
_MAX_PORT: Final = 65_535
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})", re.ASCII)


class ListenSettings(BaseModel):
    """Addresses and their protection."""

    # Before `listen`, which depends on it.
    insecure_listen: Switch = Field(
        default=False, description="allow --listen beyond this machine, without encryption and without tokens"
    )
    listen: Text = Field("127.0.0.1:50051", description="serve gRPC here: host:port (port 0: any), or unix:/path")

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, address: str, info: ValidationInfo) -> str:
        if address.startswith("unix:"):
            return _socket_address(address)
        match = _ADDRESS.fullmatch(address)
        host = (match["v6"] or match["name"]) if match else ""
        if match is None or int(match["port"]) > _MAX_PORT or (match["v6"] and not _is_ipv6(match["v6"])):
            raise ValueError(f"{shown(address)} is no address: use host:port, [::1]:port or unix:/path")
        if not is_loopback(host) and not info.data.get("insecure_listen"):
            raise ValueError(
                f"{shown(address)} is reachable from other machines, and gRPC is served without encryption and "
                "without tokens: use 127.0.0.1, or say --insecure-listen if the network protects it"
            )
        return address


def _socket_address(address: str) -> str:
    path = address.removeprefix("unix:")
    if not path.startswith("/"):
        raise ValueError(
            f"{shown(address)} is no address: a socket's path begins with /, as in unix:/run/callstream.sock"
        )
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"{shown(address)} is too long for a socket: at most {_MAX_SOCKET_PATH_BYTES} bytes")
    return address


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
