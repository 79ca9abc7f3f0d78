"""How long things may take, and how many there may be."""

from typing import Annotated, Final

from pydantic import BaseModel, Field

from gateway.engine.options import EngineOptions
from gateway.settings.kinds import count, duration, duration_or_never

__all__ = ["LimitSettings"]

_ENGINE: Final = EngineOptions()
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0


class LimitSettings(BaseModel):
    """Bounds of commands, watches and the end of the process."""

    start_timeout: Annotated[float, duration(0.1, _HOUR)] = Field(
        _ENGINE.start_timeout, description="how long RELAY may take to report audio before a stream is stopped"
    )
    stop_timeout: Annotated[float, duration(0.1, _HOUR)] = Field(
        _ENGINE.stop_timeout, description="how long RELAY may take to confirm a stop before it is asked again"
    )
    relay_wait: Annotated[float, duration(0, _HOUR)] = Field(
        _ENGINE.relay_wait, description="how long a command with a deadline may wait for a lost RELAY session"
    )
    ended_retention: Annotated[float, duration(0, 30 * _DAY)] = Field(
        _ENGINE.ended_retention, description="how long ended calls and streams can still be asked for"
    )
    max_streams_per_call: Annotated[int, count(1, 1000)] = Field(
        _ENGINE.max_streams_per_call, description="active streams of one call"
    )
    max_watches: Annotated[int, count(1, 1_000_000)] = Field(10_000, description="watches open at the same time")
    max_watch_age: Annotated[float, duration_or_never(1, 30 * _DAY)] = Field(
        0.0, description="how long a watch lasts, ±10 %, until its client is to resume it; 0 for ever"
    )
    drain_grace: Annotated[float, duration(0, _HOUR)] = Field(
        10.0, description="how long open requests may go on at the end of the process"
    )

    def engine_options(self) -> EngineOptions:
        """The engine's bounds."""
        return EngineOptions(
            start_timeout=self.start_timeout,
            stop_timeout=self.stop_timeout,
            relay_wait=self.relay_wait,
            ended_retention=self.ended_retention,
            max_streams_per_call=self.max_streams_per_call,
        )
