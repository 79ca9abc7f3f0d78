"""Tokens: random, shown once, kept as hashes.

A token has 256 random bits, so nobody guesses one and a plain SHA-256 cannot be searched back: no slow hash is needed,
and a look-up costs a microsecond.
"""

import hashlib
import re
import secrets
from typing import Final

__all__ = ["bearer_of", "digest_of", "new_token"]

_PREFIX: Final = "cs_"  # by which scanners of repositories and logs can find them
_RANDOM_BYTES: Final = 32
_BEARER: Final = re.compile(rf"(?i:bearer) +({_PREFIX}[A-Za-z0-9_-]{{43}}) *", re.ASCII)
_MAX_HEADER: Final = 256


def new_token() -> str:
    """A new token, like cs_ and 43 characters."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(token: str) -> str:
    """What is kept of a token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_of(header: object) -> str | None:
    """The token in the metadata `authorization: Bearer …`; None if there is none, or it has not the form of one."""
    if not isinstance(header, str) or len(header) > _MAX_HEADER:
        return None
    found = _BEARER.fullmatch(header)
    return None if found is None else found[1]
