"""RELAY frames for the log, without what must not be read there."""

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["REDACTED", "redacted"]

REDACTED: Final = "***"
_SECRET_WORDS: Final = ("token", "authorization", "authentication", "password", "secret", "credential", "jwt")
_MAX_SHOWN: Final = 2048


def redacted(frame: bytes) -> str:
    """A frame as text in which every value under a name that smells of a secret is hidden; cut to 2,048 characters.

    A frame that is no JSON is not shown at all: nobody can say what is in it.
    """
    try:
        parsed = json.loads(frame)
    except (ValueError, RecursionError):
        return f"({len(frame)} bytes that are no JSON)"
    return json.dumps(_hide(parsed), ensure_ascii=True)[:_MAX_SHOWN]


def _hide(value: Any) -> Any:
    if isinstance(value, Mapping):
        # `authorization.state` events carry their secret in a field with that name; ids and types stay readable.
        return {name: REDACTED if _is_secret(name) else _hide(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hide(inner) for inner in value]
    return value


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)
