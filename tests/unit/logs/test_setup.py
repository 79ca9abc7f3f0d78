"""The log: formats, levels, and what never appears in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.logs.redaction import REDACTED
from gateway.logs.setup import configure_logging

SECRET = 's3cret"token\\x'


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("websockets", "aiohttp.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    """The JSON lines of a stream."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_an_object_a_line() -> None:
    """With time, level, logger, and what was said."""
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    structlog.get_logger("gateway.x").info("it_happened", number=5, what=object)
    (line,) = logged(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "it_happened",
        "level": "info",
        "logger": "gateway.x",
        "number": 5,
        "what": "<class 'object'>",
    }


def test_auto_is_json_unless_on_a_terminal() -> None:
    """People get text, log collectors get JSON."""
    stream, terminal = io.StringIO(), Terminal()
    configure_logging("info", "auto", stream=stream)
    structlog.get_logger().info("one")
    configure_logging("info", "auto", stream=terminal)
    structlog.get_logger().info("two")
    assert [line["event"] for line in logged(stream)] == ["one"]
    assert "two" in terminal.getvalue()
    assert "{" not in terminal.getvalue()


def test_console_can_be_had_anywhere_without_colours() -> None:
    """In a file, escape sequences would be noise."""
    stream = io.StringIO()
    configure_logging("info", "console", stream=stream)
    structlog.get_logger("gateway.x").warning("two", a=1)
    assert "two" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_lower_levels_are_left_out() -> None:
    """Of structlog and of libraries."""
    stream = io.StringIO()
    configure_logging("warning", "json", stream=stream)
    structlog.get_logger().info("no")
    logging.getLogger("grpc").info("no")
    structlog.get_logger().warning("yes")
    logging.getLogger("grpc").warning("yes %s", "too")
    assert [line["event"] for line in logged(stream)] == ["yes", "yes too"]


@pytest.mark.parametrize("level", ["debug", "info"])
def test_frames_of_websockets_are_never_logged(level: str) -> None:
    """At its debug level the library logs them with all tokens in them."""
    stream = io.StringIO()
    configure_logging(level, "json", stream=stream)
    logging.getLogger("websockets.client").debug("> TEXT %s", "token")
    assert stream.getvalue() == ""


def test_expired_deadlines_make_no_noise() -> None:
    """grpc.aio logs an error for each client that has gone while it was being answered; its other errors are kept."""

    class ExecuteBatchError(Exception):
        pass

    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    logger = logging.getLogger("grpc._cython.cygrpc")
    error = ExecuteBatchError()
    logger.error("Unexpected error", exc_info=error)
    logger.error("Unexpected [ExecuteBatchError] raised by servicer method")
    logger.error("something else")
    logging.getLogger("gateway").error("ExecuteBatchError")
    assert [line["event"] for line in logged(stream)] == ["something else", "ExecuteBatchError"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_known_secrets_are_cut_out_wherever_they_stand(log_format: str) -> None:
    """In messages, values, nested ones, exceptions and lines of libraries, however they are quoted."""
    stream = io.StringIO()
    configure_logging("debug", log_format, [SECRET, ""], stream=stream)
    log = structlog.get_logger()
    log.info(SECRET, plain=SECRET, nested={"a": [SECRET]}, frame=json.dumps({"x": SECRET}))
    logging.getLogger("grpc").warning("%s", SECRET)
    error = ValueError(SECRET)
    log.error("failed", exc_info=error)
    logging.getLogger("grpc").error("failed", exc_info=error)
    assert "s3cret" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert stream.getvalue().count(REDACTED) >= 7


@pytest.mark.parametrize(
    "name", ["token", "api_token", "Authorization", "authorization_state", "jwt", "password", "authentication"]
)
def test_what_is_named_like_a_secret_is_hidden(name: str) -> None:
    """Also in nested values, and whatever its type."""
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    structlog.get_logger().info("x", **{name: "v1"}, nested=({name: {"a": "v2"}},), other="shown")
    (line,) = logged(stream)
    assert line[name] == REDACTED
    assert line["nested"] == [{name: REDACTED}]
    assert line["other"] == "shown"


def test_tracebacks_show_no_variables() -> None:
    """On a terminal, too, where structlog would show the locals of each frame."""
    terminal = Terminal()
    configure_logging("info", "auto", stream=terminal)
    hidden = "bearer-of-a-stream"
    try:
        len(hidden) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("failed")
    assert "ZeroDivisionError" in terminal.getvalue()
    assert "bearer-of-a-stream" not in terminal.getvalue()


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for what commands are asked for."""
    configure_logging("info", "json")
    structlog.get_logger().info("here")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "here"
