"""The engine's bounds."""

from dataclasses import dataclass

__all__ = ["EngineOptions"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How long the engine waits for what, and how much it keeps.

    Attributes:
        start_timeout: Seconds RELAY may take to report `streaming` before the stream is stopped. RELAY says nothing
            when it cannot reach the endpoint.
        stop_timeout: Seconds RELAY may take to report `finished` after a stop before it is asked again, and then once
            more before the stream counts as ended.
        relay_wait: Seconds a command that has a deadline may wait for a lost session.
        ended_retention: Seconds that ended calls and streams are remembered.
        ended_kept: How many of them at most.
        max_streams_per_call: Active streams of one call.
        dial_timeout: Seconds after which a dial that RELAY said nothing more about has failed.
        retry_delay: Seconds before a stop that RELAY failed to take is tried again.
        sweep_interval: Seconds between looks for what is to be forgotten.
    """

    start_timeout: float = 30.0
    stop_timeout: float = 10.0
    relay_wait: float = 5.0
    ended_retention: float = 3600.0
    ended_kept: int = 100_000
    max_streams_per_call: int = 16
    dial_timeout: float = 660.0
    retry_delay: float = 1.0
    sweep_interval: float = 30.0
