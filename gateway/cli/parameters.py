"""The kinds of values that flags of several commands take."""

import datetime as dt
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from gateway.settings.units import parse_duration

__all__ = ["Pair", "custom_parameters", "duration", "key_value", "labels", "moment", "token"]

_EXACT: Final = 2**53  # a Struct holds numbers as doubles
Pair = tuple[str, str]


def duration(value: Any) -> float:
    """Seconds: a number of them, or text like 90s or 1h30m."""
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} {error}") from error


def key_value(text: str) -> Pair:
    """key=value."""
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise click.BadParameter(f"{text!r} is not key=value")
    return key, value


def token(text: str) -> str:
    """A secret, or @FILE that holds it, or @- for standard input: others can read a command line."""
    if not text.startswith("@"):
        return text.strip()
    try:
        return (sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        # The text is not shown: it may be a token that begins with @.
        why = (error.strerror if isinstance(error, OSError) else None) or "not text"
        raise click.BadParameter(f"the file behind @ cannot be read: {why}") from error


def moment(text: str) -> dt.datetime:
    """A time like 2026-01-31T12:00:00Z (local without a zone), or how long ago it was: 10m."""
    try:
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time: write like 2026-01-31T12:00:00Z, or 10m for ten minutes ago"
        raise click.BadParameter(message) from error


def labels(pairs: Iterable[Pair]) -> dict[str, str]:
    """Pairs as a mapping; a usage error if a key comes twice."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            raise click.UsageError(f"{key!r} is given twice")
        found[key] = value
    return found


def custom_parameters(pairs: Iterable[Pair]) -> dict[str, Any]:
    """Pairs with their values as JSON where they are JSON, else as text; a usage error if a key comes twice.

    A whole number that a double can't hold exactly stays text, so that no long id loses digits.
    """
    return {key: _json_or_text(text) for key, text in labels(pairs).items()}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole_number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _whole_number(text: str) -> int | str:
    digits = re.sub(r"^-", "", text)
    return text if len(digits) > len(str(_EXACT)) or int(digits) > _EXACT else int(text)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
