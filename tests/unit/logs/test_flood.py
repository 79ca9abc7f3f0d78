"""What repeats is cut short, and counted."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.logs import flood
from gateway.logs.flood import PER_SECOND, FloodLimit
from gateway.logs.setup import configure_logging


class Clock:
    """Time that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the limit."""
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> FloodLimit:
    """A limit of three."""
    return FloodLimit(3, clock)


@pytest.fixture
def stream(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """A log at that time."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("gateway.logs.setup.FloodLimit", lambda: FloodLimit(clock=clock))
    configure_logging("info", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_each_kind_has_its_own_seconds(limit: FloodLimit, clock: Clock) -> None:
    """So many within a second, then none until it is over."""
    assert [limit.admits("a") for _ in range(5)] == [True, True, True, False, False]
    assert limit.admits("b")
    clock.now += 0.999
    assert not limit.admits("a")
    clock.now += 0.001
    assert limit.admits("a")


def test_what_was_left_out_is_told_once(limit: FloodLimit, clock: Clock) -> None:
    """After its second, by kind."""
    for _ in range(5):
        limit.admits("a")
    assert limit.due() == {}
    clock.now += 1
    assert limit.due() == {"a": 2}
    assert limit.due() == {}


def test_its_memory_is_bounded(limit: FloodLimit, clock: Clock) -> None:
    """However many kinds there are."""
    for number in range(3 * flood._MAX_KINDS):
        for _ in range(4):
            limit.admits(str(number))
    assert len(limit._counts) <= flood._MAX_KINDS
    assert len(limit.due()) <= flood._MAX_KINDS
    clock.now += 1
    limit.due()
    assert limit._suppressed == {}


def test_lines_of_the_gateway(stream: io.StringIO, clock: Clock) -> None:
    """By event and level; what was left out is said before the next line, whatever that is."""
    log = structlog.get_logger("gateway.x")
    for number in range(PER_SECOND + 7):
        log.info("again", number=number)
    log.warning("again")
    clock.now += 1
    log.info("another")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["again"] * (PER_SECOND + 1) + ["lines_suppressed", "another"]
    assert (lines[-2]["kind"], lines[-2]["count"], lines[-2]["level"]) == ("info again", 7, "warning")


def test_lines_of_libraries(stream: io.StringIO, clock: Clock) -> None:
    """By logger and level, as their texts are all different."""
    for number in range(PER_SECOND + 7):
        logging.getLogger("grpc._x").error("failed %d", number)
    logging.getLogger("other").error("once")
    clock.now += 1
    logging.getLogger("other").error("twice")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == PER_SECOND + 3
    assert (lines[-2]["kind"], lines[-2]["count"]) == ("error from grpc._x", 7)


def test_at_debug_level_everything_is_shown() -> None:
    """Whoever asks for every frame gets every frame."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("debug", "json", stream=stream)
    for _ in range(2 * PER_SECOND):
        structlog.get_logger("gateway.x").debug("frame")
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    assert stream.getvalue().count("frame") == 2 * PER_SECOND
