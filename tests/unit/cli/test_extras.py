"""Packages that only emulator and demo need."""

import subprocess
import sys

import pytest

from gateway.cli.extras import emulator_packages
from gateway.cli.output import Failure


@pytest.mark.parametrize("command", ["emulator", "demo"])
def test_a_missing_package_is_told_with_the_way_to_get_it(command: str) -> None:
    """In one line, and 4: it could not start."""
    script = f"import sys; sys.modules['aiohttp'] = None; from gateway.cli import main; main(['{command}'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 4
    assert done.stderr == (
        "error: aiohttp is not installed; the emulator needs it: pip install 'callstream-gateway[emulator]'\n"
    )


def test_another_missing_module_is_a_defect() -> None:
    """It is not covered up."""
    with pytest.raises(ModuleNotFoundError), emulator_packages():
        raise ModuleNotFoundError(name="gateway.emulator.server")
    with pytest.raises(Failure, match="trustme is not installed"), emulator_packages():
        raise ModuleNotFoundError(name="trustme")
