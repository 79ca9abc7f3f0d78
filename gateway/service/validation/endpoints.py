"""What may stand in `url` and `status_url`.

RELAY refuses what is not `wss://`, and stray white space. The rest is refused here because RELAY's answer to it is
documented nowhere, and a URL that two parsers read differently is a risk. A URL is never quoted: its query may hold a
secret.
"""

import functools
import ipaddress
import re
from typing import Final

from gateway.access.hosts import Place, plain_host

__all__ = ["endpoint_problem", "place_of", "webhook_problem"]

_NOT_VISIBLE: Final = re.compile(r"[^\x21-\x7e]")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MAX_HOST: Final = 253
_MAX_PORT: Final = 65_535
_REMEMBERED: Final = 256
"""So many URLs need not be checked again: most streams go to the same few places."""
_USUAL_PORTS: Final = {"wss": 443, "https": 443, "http": 80}


@functools.lru_cache(_REMEMBERED)
def endpoint_problem(url: str) -> str | None:
    """What is wrong with the WebSocket endpoint of a stream, None if nothing is."""
    if not url:
        return "is required"
    if _NOT_VISIBLE.search(url):
        return "must have no white space, control or non-ASCII characters: percent-encode them"
    if not url.startswith("wss://"):
        return "must begin with wss:// in lower case: RELAY streams over TLS only"
    if "#" in url:
        return "must have no fragment: leave out # and what follows"
    authority = _authority(url)
    if "@" in authority:
        return "must have no user info: use authorization_bearer_token"
    return _authority_problem(authority)


@functools.lru_cache(_REMEMBERED)
def webhook_problem(url: str) -> str | None:
    """What is wrong with the URL of status webhooks, None if nothing is; it may be left out."""
    if not url:
        return None
    if _NOT_VISIBLE.search(url):
        return "must have no white space, control or non-ASCII characters: percent-encode them"
    if not url.startswith(("https://", "http://")):
        return "must begin with https:// or http:// in lower case"
    return _authority_problem(_authority(url).rpartition("@")[2])


def place_of(url: str) -> Place:
    """Where a URL leads that has no problem.

    Raises:
        ValueError: It has one.
    """
    scheme = url.partition("://")[0]
    parts = _AUTHORITY.fullmatch(_authority(url).rpartition("@")[2])
    if parts is None or scheme not in _USUAL_PORTS:
        raise ValueError("the URL has not been checked")
    usual = _USUAL_PORTS[scheme]
    port = int(parts["port"]) if parts["port"] is not None else usual
    return Place(plain_host(parts["v6"] or parts["name"]), port, usual=port == usual)


def _authority(url: str) -> str:
    return _AUTHORITY_END.split(url.partition("://")[2], maxsplit=1)[0]


def _authority_problem(authority: str) -> str | None:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not _is_host(parts["v6"], parts["name"]):
        return "has no valid host[:port] after the scheme: write it like media.example.com:8443 or [2001:db8::1]"
    if parts["port"] is not None and not 1 <= int(parts["port"]) <= _MAX_PORT:
        return f"has no valid port: use 1 to {_MAX_PORT}, or none"
    return None


def _is_host(v6: str | None, name: str | None) -> bool:
    if v6 is not None:
        try:
            ipaddress.IPv6Address(v6)
        except ValueError:
            return False
        return True
    labels = (name or "").removesuffix(".").split(".")
    return len(name or "") <= _MAX_HOST and all(map(_LABEL.fullmatch, labels))
