"""Who asks, and what it may."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.access.hosts import Hosts

__all__ = ["ANYONE", "Client", "Scope"]


class Scope(enum.StrEnum):
    """A right that a token can have."""

    STREAMS_READ = "streams:read"
    STREAMS_WRITE = "streams:write"
    CALLS_WRITE = "calls:write"
    EVENTS_READ = "events:read"
    ADMIN = "admin"
    """All others, and what concerns the gateway itself."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the gateway, known by its token or its certificate.

    The limits hold whatever the scopes are; empty ones limit nothing.

    Attributes:
        name: What logs, metrics and limits know it by; no secret. Tokens of one name are one client.
        scopes: What it may.
        contexts: It sees and touches only calls that came in on these contexts, and all that belongs to them.
        labels: Its streams carry these labels, and it sees and touches no other streams.
        stream_hosts: Where its streams may go, besides what holds for all clients.
        status_hosts: Where their webhooks may go, likewise.
        not_after: Seconds since the Unix epoch from which it is nobody any more; None for never.
        key: What the book of clients has it under, "" for a client that no book has.
    """

    name: str
    scopes: frozenset[Scope]
    contexts: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    stream_hosts: Hosts = ()
    status_hosts: Hosts = ()
    not_after: float | None = None
    key: str = field(default="", repr=False)

    def has(self, scope: Scope) -> bool:
        """Whether it may do what this scope is for."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def has_expired(self, now: float) -> bool:
        """Whether its time is over; `now` in seconds since the Unix epoch."""
        return self.not_after is not None and now >= self.not_after


ANYONE: Final = Client("anyone", frozenset(Scope))
"""Whoever asks a gateway that has no tokens."""
