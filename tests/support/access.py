"""Clients with tokens, and files of tokens for gateways."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.access.entry import Entry
from gateway.access.token import digest_of
from tests.support.running import Client

__all__ = ["TokenClient", "entry", "header", "token_of", "write_tokens"]


def token_of(name: str) -> str:
    """The token of a client in tests: of the right form, and its own."""
    return "cs_" + name.ljust(43, "x")


def header(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)


def entry(name: str, *scopes: str, **limits: Any) -> Entry:
    """An entry of the tokens file."""
    return Entry(name, digest_of(token_of(name)), scopes or ("admin",), **limits)


def write_tokens(path: Path, entries: Iterable[Entry]) -> Path:
    """Puts a file with these entries there, at once."""
    new = path.with_name(f"{path.name}.new")
    new.write_text("token = []\n" if not (text := "\n".join(map(str, entries))) else text)
    new.replace(path)
    return path


class _Bearing:
    """Stubs whose every RPC shows a token."""

    def __init__(self, stubs: object, token: str) -> None:
        self._stubs = stubs
        self._metadata = header(token)

    def __getattr__(self, method: str) -> Any:
        return functools.partial(getattr(self._stubs, method), metadata=self._metadata)


class TokenClient(Client):
    """The stubs of one channel, showing a token."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(address)
        bearing: Any = _Bearing
        self.streams = bearing(self.streams, token)
        self.calls = bearing(self.calls, token)
        self.gateway = bearing(self.gateway, token)
