"""The book of clients: who a token or a certificate belongs to."""

import hmac
from collections.abc import Iterable, Iterator

from gateway.access.client import Client
from gateway.access.token import digest_of

__all__ = ["Book", "certificate_key", "token_key"]


def token_key(digest: str) -> str:
    """The key of a client that is known by a token with this SHA-256, in lower-case hex."""
    return f"sha256:{digest}"


def certificate_key(name: str) -> str:
    """The key of a client that is known by a certificate with this name."""
    return f"certificate:{name}"


class Book:
    """Clients by key. It never changes; another one takes its place."""

    def __init__(self, clients: Iterable[Client] = ()) -> None:
        self._clients = {client.key: client for client in clients}

    def __len__(self) -> int:
        return len(self._clients)

    def by_token(self, token: str, now: float) -> Client | None:
        """The client that a token belongs to, unless it has expired; `now` in seconds since the Unix epoch.

        What an attacker can time is how the hash of a guess is looked up, which says nothing of any token. The found
        key is compared in constant time all the same.
        """
        key = token_key(digest_of(token))
        client = self._clients.get(key)
        if client is None or not hmac.compare_digest(client.key, key) or client.has_expired(now):
            return None
        return client

    def by_certificate(self, names: Iterable[str], now: float) -> Client | None:
        """The client that one of a certificate's names belongs to, unless it has expired."""
        for name in names:
            client = self._clients.get(certificate_key(name))
            if client is not None and not client.has_expired(now):
                return client
        return None

    def now_of(self, client: Client, now: float) -> Client | None:
        """What has become of a client that was found before: None if it is nobody any more."""
        found = self._clients.get(client.key)
        return None if found is None or found.has_expired(now) else found

    def expires_between(self, after: float, until: float) -> bool:
        """Whether a client's time ends within a stretch of time."""
        return any(client.not_after is not None and after < client.not_after <= until for client in self)

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients.values())
