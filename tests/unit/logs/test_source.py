"""What lines say of the request that they are written for."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.logs.setup import configure_logging
from gateway.logs.source import bind_source


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def said(stream: io.StringIO, name: str) -> list[str | None]:
    """What each line says under a name."""
    return [json.loads(line).get(name) for line in stream.getvalue().splitlines()]


async def test_a_task_and_those_that_it_starts(stream: io.StringIO) -> None:
    """Lines of the gateway and of libraries; other tasks say nothing of it."""
    log = structlog.get_logger("gateway.x")

    async def below() -> None:
        log.info("below")

    async def request() -> None:
        bind_source(lambda: {"request_id": "r1"})
        log.info("here")
        logging.getLogger("library").warning("here, too")
        await asyncio.create_task(below())

    await asyncio.create_task(request())
    log.info("elsewhere")
    assert said(stream, "request_id") == ["r1", "r1", "r1", None]


async def test_it_is_asked_when_a_line_is_written(stream: io.StringIO) -> None:
    """What becomes known later is said later; what the line says itself comes first."""
    log = structlog.get_logger("gateway.x")
    known = {"client": "anyone"}

    async def request() -> None:
        bind_source(lambda: known)
        log.info("before")
        known["client"] = "alice"
        log.info("after")
        log.info("own", client="bob")

    await asyncio.create_task(request())
    assert said(stream, "client") == ["anyone", "alice", "bob"]
