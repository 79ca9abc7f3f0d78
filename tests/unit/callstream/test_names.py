"""The package's own names."""

import subprocess
import sys

import pytest

import callstream


def test_every_name_is_there() -> None:
    """Each is found where it is defined, and listed."""
    for name in callstream.__all__:
        assert getattr(callstream, name).__name__ if name != "WatchItem" else callstream.WatchItem
    assert set(callstream.__all__) <= set(dir(callstream))


def test_any_other_name_is_not() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        callstream.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_stubs_alone_do_not_load_the_client() -> None:
    """The gateway needs them at its start."""
    program = "import sys, callstream.v1.event_pb2; print('callstream.client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.strip() == "False"
