"""Identifiers that are made up here: random, unique, and cheap.

The system is asked for randomness a few thousand bytes at a time. Asking for each identifier would cost several times
what is done with it.
"""

import os
from typing import Final

__all__ = ["random_hex", "random_uuid"]

_POOL_BYTES: Final = 4096


class _Pool:
    """Random bytes of the system, each handed out once. Of one thread; a process that forks must not go on with it."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many random bytes."""
        at = self._at
        if at + count > len(self._bytes):
            self._bytes, at = os.urandom(_POOL_BYTES), 0
        self._at = at + count
        return self._bytes[at : at + count]


_pool: Final = _Pool()


def random_hex(count: int) -> str:
    """So many random bytes (at most 4096) as hexadecimal digits."""
    return _pool.take(count).hex()


def random_uuid() -> str:
    """A random UUID (version 4, RFC 9562) as text."""
    digits = random_hex(16)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
