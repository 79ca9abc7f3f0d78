"""Commands run in this process, away from the settings of whoever runs the tests."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.support.own_environment import clear_settings


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    clear_settings(monkeypatch)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
