"""The journal's settings and their bounds."""

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["JournalOptions", "Synchronous"]

Synchronous = Literal["FULL", "NORMAL"]

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOptions:
    """How long, how safely and with how much memory the journal keeps events.

    Attributes:
        retention_seconds: Records received longer ago than this are compacted.
        retention_bytes: When the payload of all records exceeds this, the oldest are compacted.
        synchronous: "FULL" survives loss of power. "NORMAL" survives `kill -9` of the process, but a loss of power may
            take the last commits.
        tail_records: The newest records are kept in memory too, so many at most.
        tail_bytes: And with so much payload at most.
        backlog_records: `capacity` waits while more records than this wait to be durable.
        backlog_bytes: Or while their payload exceeds this.
        compaction_interval: Seconds between looks for records past retention.
        close_timeout: Seconds that `close` waits for the storage.
    """

    retention_seconds: float = 7 * _DAY_S
    retention_bytes: int = 1 << 30
    synchronous: Synchronous = "FULL"
    tail_records: int = 16_384
    tail_bytes: int = 16 << 20
    backlog_records: int = 16_384
    backlog_bytes: int = 32 << 20
    compaction_interval: float = 30.0
    close_timeout: float = 10.0

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            ValueError: Names the option and the bound.
        """
        if self.synchronous not in get_args(Synchronous):
            raise ValueError(f"synchronous is {self.synchronous!r}: use FULL or NORMAL")
        for name in (
            "retention_seconds",
            "retention_bytes",
            "backlog_records",
            "backlog_bytes",
            "compaction_interval",
            "close_timeout",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: use a number above 0")
        for name in ("tail_records", "tail_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: use 0 for no tail, or a number above 0")
