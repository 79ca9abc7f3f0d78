"""The process's log: structlog to standard error, with what libraries log routed in."""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.logs.flood import FloodLimit
from gateway.logs.redaction import Redaction
from gateway.logs.source import add_source

__all__ = ["configure_logging"]

_CHATTY: Final = ("websockets", "aiohttp.access", "asyncio")
_SUMMARY: Final = "lines_suppressed"

_log = structlog.get_logger(__name__)


def configure_logging(level: str, log_format: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's logging; a second call replaces the first.

    Of what is said again and again, `gateway.logs.flood.PER_SECOND` lines are written each second, and then a line
    `lines_suppressed` with the number of the others. At debug level all are.

    Args:
        level: The lowest level to show: debug, info, warning or error.
        log_format: console, json (a JSON object a line), or auto: console if the stream is a terminal.
        secrets: Values that no line may show, see `gateway.logs.redaction` for what is hidden anyway.
        stream: Where lines go; standard error by default.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    on_terminal = stream.isatty()
    renderer: Processor = structlog.processors.JSONRenderer(default=repr)
    if log_format == "console" or (log_format == "auto" and on_terminal):
        renderer = structlog.dev.ConsoleRenderer(colors=on_terminal)
    limit = _Limit(FloodLimit()) if number > logging.DEBUG else None
    redaction = Redaction(secrets)
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_source,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Not left to the console's own tracebacks: those show the values of variables.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            *([limit.process] if limit is not None else []),
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(_wanted)
    if limit is not None:
        handler.addFilter(limit.filter)
    handler.setFormatter(
        _Formatter(
            redaction,
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *common],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _logger, _method, event: redaction.fields(event),
                renderer,
            ],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _CHATTY:
        # At debug level websockets logs frames as they are, with all tokens in them.
        logging.getLogger(name).setLevel(logging.INFO if number == logging.DEBUG else logging.WARNING)


def _wanted(record: logging.LogRecord) -> bool:
    """False for what grpc.aio logs as an error each time a client's deadline passes while it is being answered."""
    kind = record.exc_info[0] if record.exc_info else None
    if not record.name.startswith("grpc"):
        return True
    return (kind is None or kind.__name__ != "ExecuteBatchError") and "ExecuteBatchError" not in record.getMessage()


class _Limit:
    """Holds lines to a flood limit: the gateway's own by their event and level, those of libraries by their logger."""

    def __init__(self, limit: FloodLimit) -> None:
        self._limit = limit

    def process(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """A structlog processor, the first one: what is dropped costs little."""
        name = str(event.get("event"))
        if name == _SUMMARY:
            return event
        self._tell()
        if not self._limit.admits(f"{method} {name}"):
            raise structlog.DropEvent
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        """A filter of the standard library."""
        if isinstance(record.msg, dict):  # ours, and counted already
            return True
        self._tell()
        return self._limit.admits(f"{record.levelname.lower()} from {record.name}")

    def _tell(self) -> None:
        for kind, count in self._limit.due().items():
            _log.warning(_SUMMARY, kind=kind, count=count)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Cuts secrets out of the finished line once more, wherever they come from."""

    def __init__(self, redaction: Redaction, **options: Any) -> None:
        super().__init__(**options)
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return self._redaction.line(super().format(record))
