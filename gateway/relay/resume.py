"""What it takes to take a RELAY session up where it was (README: signalwire.connect)."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["ResumeState", "ResumeStore"]


@dataclass(frozen=True, slots=True)
class ResumeState:
    """The session's protocol and its latest authorization state, a secret.

    `owner` is the project and host they belong to: a state of other credentials is not used.
    """

    owner: str
    protocol: str
    authorization_state: str = field(repr=False)


class ResumeStore(Protocol):
    """Where the state is kept. Small, durable and synchronous."""

    def load(self) -> ResumeState | None:
        """What was saved last, if anything."""
        ...

    def save(self, state: ResumeState | None) -> None:
        """Keeps a state in place of the former one; None forgets it."""
        ...
