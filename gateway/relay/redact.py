"""RELAY frames for the log, without what must not be read there."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["REDACTED", "redacted", "scrubbed"]

REDACTED: Final = "***"
_SECRET_WORDS: Final = ("token", "authorization", "authentication", "password", "secret", "credential", "jwt", "bearer")
_MAX_SHOWN: Final = 2048
_MAX_DEPTH: Final = 32


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """A text of RELAY's, without these secrets should it quote them."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text


def redacted(frame: bytes, secrets: Iterable[str] = ()) -> str:
    """A frame as text in which every value under a name that smells of a secret is hidden; cut to 2,048 characters.

    A frame that is no JSON is not shown at all: nobody can say what is in it.

    Args:
        frame: What was sent or received.
        secrets: What is hidden wherever it stands: RELAY may quote it.
    """
    try:
        parsed = json.loads(frame)
    except (ValueError, RecursionError):
        return f"({len(frame)} bytes that are no JSON)"
    return json.dumps(_hide(parsed, tuple(secrets), _MAX_DEPTH), ensure_ascii=True)[:_MAX_SHOWN]


def _hide(value: Any, secrets: tuple[str, ...], depth: int) -> Any:
    if isinstance(value, Mapping | list) and depth == 0:
        return "..."  # whatever is nested that deep is not worth the stack
    if isinstance(value, Mapping):
        # `authorization.state` events carry their secret in a field with that name; ids and types stay readable.
        # SIP headers come as a name beside its value.
        named = _is_secret(str(value.get("name")))
        return {
            scrubbed(name, secrets): REDACTED
            if _is_secret(name) or (named and name == "value")
            else _hide(inner, secrets, depth - 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_hide(inner, secrets, depth - 1) for inner in value]
    return scrubbed(value, secrets) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)
