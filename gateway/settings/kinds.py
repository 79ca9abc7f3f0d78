"""The kinds of values that settings have: what is taken, its bounds, and what a wrong one is answered with.

A message begins with the value and ends with what is allowed, to stand behind the setting's name. Secrets are never
part of one.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from gateway.settings.units import format_duration, format_size, parse_duration, parse_size

__all__ = ["Names", "Secret", "Switch", "Text", "count", "duration", "duration_or_never", "one_of", "shown", "size"]

_MAX_SHOWN: Final = 80
_SWITCHES: Final = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def duration(lowest: float, highest: float) -> BeforeValidator:
    """Takes seconds, or text like "90s"; bounds in seconds."""
    return _bounded(parse_duration, format_duration, lowest, highest)


def duration_or_never(lowest: float, highest: float) -> BeforeValidator:
    """Takes a duration between the bounds in seconds, or 0 for what never happens."""
    return _bounded(parse_duration, format_duration, lowest, highest, or_zero=True)


def size(lowest: int, highest: int) -> BeforeValidator:
    """Takes bytes, or text like "1GiB"; bounds in bytes."""
    return _bounded(parse_size, format_size, lowest, highest)


def count(lowest: int, highest: int) -> BeforeValidator:
    """Takes a whole number."""
    return _bounded(_whole, str, lowest, highest)


def one_of(*words: str) -> BeforeValidator:
    """Takes one of some words, in any case."""

    def validate(value: object) -> object:
        word = value.strip().lower() if isinstance(value, str) else value
        if word not in words:
            raise ValueError(f"{shown(value)} is not allowed: use {', '.join(words[:-1])} or {words[-1]}")
        return word

    return BeforeValidator(validate)


def shown(value: object) -> str:
    """A value as it appears in a message: quoted, and cut when it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _bounded(
    parse: Callable[[str], float], show: Callable[[Any], str], lowest: float, highest: float, *, or_zero: bool = False
) -> BeforeValidator:
    allowed = f"use {show(lowest)} to {show(highest)}{', or 0' if or_zero else ''}"

    def validate(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{shown(value)} is not allowed: {allowed}")  # noqa: TRY004 - pydantic collects ValueError only
        try:
            number = parse(str(value))
        except ValueError as error:
            raise ValueError(f"{shown(value)} {error}; {allowed}") from error
        if not (lowest <= number <= highest or (or_zero and number == 0)):
            raise ValueError(f"{shown(value)} is out of range: {allowed}")
        return number

    return BeforeValidator(validate)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text.strip(), re.ASCII):
        raise ValueError("is not a whole number")
    return int(text)


def _switch(value: object) -> object:
    """Takes true and false, in a variable also as text."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _SWITCHES:
        raise ValueError(f"{shown(value)} is not allowed: use true or false")
    return _SWITCHES[word]


def _text(value: object) -> object:
    """Takes text, and strips what a file or a shell left around it."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text")  # noqa: TRY004 - pydantic collects ValueError only
    return value.strip()


def _secret(value: object) -> object:
    """Takes a secret, and shows nothing of it when it is wrong."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        raise ValueError("is not text")  # noqa: TRY004 - pydantic collects ValueError only
    text = text.strip()
    if not all("!" <= char <= "~" for char in text):
        raise ValueError("has white space or other characters inside that no token has")
    return text


def _names(value: object) -> tuple[str, ...]:
    """Takes a list of names, or text with commas between them."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{shown(value)} is no list of names")
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""Names, each once, in the order given."""
Text = Annotated[str, BeforeValidator(_text)]
"""Text without white space around it."""
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
"""A token: visible ASCII, shown nowhere."""
Switch = Annotated[bool, BeforeValidator(_switch)]
"""On or off."""
