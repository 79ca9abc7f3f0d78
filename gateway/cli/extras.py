"""What the emulator needs is not installed with the gateway: a missing package is told, with the way to get it."""

import contextlib
from collections.abc import Iterator
from typing import Final

from gateway.cli.output import Failure

__all__ = ["COULD_NOT_START", "emulator_packages"]

COULD_NOT_START: Final = 4
"""Exit code when a port is taken or a package is missing, the same as `serve` has."""
_PACKAGES: Final = frozenset({"aiohttp", "trustme"})


@contextlib.contextmanager
def emulator_packages() -> Iterator[None]:
    """Turns a failed import of what the emulator needs into one line.

    Raises:
        Failure: A package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        message = f"{error.name} is not installed; the emulator needs it: pip install 'callstream-gateway[emulator]'"
        raise Failure(message, COULD_NOT_START) from error
