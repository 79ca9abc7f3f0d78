"""What lines say of where they come from, without being told in each: the request that they are written for."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final

from structlog.typing import EventDict, WrappedLogger

__all__ = ["add_source", "bind_source"]

_source: Final[ContextVar[Callable[[], Mapping[str, str]] | None]] = ContextVar("source", default=None)


def bind_source(source: Callable[[], Mapping[str, str]]) -> None:
    """Adds what `source` says to each line of this task from now on, and of tasks that it starts.

    It is asked when a line is written, and not before: most requests write none.
    """
    _source.set(source)


def add_source(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: what the line says itself comes first."""
    source = _source.get()
    if source is not None:
        for name, value in source().items():
            event.setdefault(name, value)
    return event
