"""Who asks, and what it may."""

import enum
from dataclasses import dataclass
from typing import Final

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

    Attributes:
        name: What logs, metrics and limits know it by; no secret.
        scopes: What it may.
    """

    name: str
    scopes: frozenset[Scope]

    def has(self, scope: Scope) -> bool:
        """Whether it may do what this scope is for."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANYONE: Final = Client("anyone", frozenset(Scope))
"""Whoever asks a gateway that has no tokens."""
