"""What both machines need: quiet logs, and a line at the end that tells how much was fuzzed."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.support.fuzzing import STEPS_DONE


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of losses are told to nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each machine."""
    for machine, steps in sorted(STEPS_DONE.items()):
        terminalreporter.write_line(f"fuzzed {machine}: {steps:,} steps")
