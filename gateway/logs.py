"""The process's log: structlog to standard error, with what libraries log routed in, and without secrets.

A secret is kept out twice: by its name (a field that smells of one is hidden), and by its value (the secrets that the
settings hold are cut out of the finished line, wherever they come from). What frames of RELAY show is the relay
package's own care, since the tokens of audio endpoints are in no setting.
"""

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["REDACTED", "configure_logging"]

REDACTED: Final = "***"
_SECRET_WORDS: Final = ("token", "authorization", "authentication", "password", "secret", "credential", "jwt")
_CHATTY: Final = ("websockets", "aiohttp.access", "asyncio")


def configure_logging(level: str, log_format: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's logging; a second call replaces the first.

    Args:
        level: The lowest level to show: debug, info, warning or error.
        log_format: console, json (a JSON object a line), or auto: console if the stream is a terminal.
        secrets: Values that no line may show.
        stream: Where lines go; standard error by default.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    on_terminal = stream.isatty()
    renderer: Processor = structlog.processors.JSONRenderer(default=repr)
    if log_format == "console" or (log_format == "auto" and on_terminal):
        renderer = structlog.dev.ConsoleRenderer(colors=on_terminal)
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Not left to the console's own tracebacks: those show the values of variables.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(_wanted)
    handler.setFormatter(
        _Formatter(
            secrets,
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _hide_named, renderer],
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


def _hide_named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: object, value: Any) -> Any:
    if isinstance(name, str) and any(word in name.lower() for word in _SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, below) for inner, below in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(None, item) for item in value]
    return value


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Cuts secrets out of the finished line, also as JSON and repr write them."""

    def __init__(self, secrets: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        forms = {secret for secret in secrets if secret}
        for _ in range(2):  # a value in a frame, and the frame in a line
            forms |= {quoted[1:-1] for form in forms for quoted in (json.dumps(form), repr(form))}
        self._forms = sorted(forms, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = super().format(record)
        for form in self._forms:
            line = line.replace(form, REDACTED)
        return line
