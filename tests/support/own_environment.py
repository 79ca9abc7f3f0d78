"""A process environment without the settings of whoever runs the tests."""

import os

import pytest

__all__ = ["clear_settings"]


def clear_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes all CALLSTREAM_* and SIGNALWIRE_* variables away for a test."""
    for name in list(os.environ):
        if name.startswith(("CALLSTREAM_", "SIGNALWIRE_")):
            monkeypatch.delenv(name)
