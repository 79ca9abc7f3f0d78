"""The contract's enums as words on the command line."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import click

__all__ = ["choice", "event_types", "number", "numbers"]

V = TypeVar("V")
_FAMILIES: Final = ("stream", "call", "dial", "session")


def choice(*words: str) -> click.Choice[str]:
    """A flag that takes one of these words, in any case."""
    return click.Choice(words, case_sensitive=False)


def number(value: Callable[[str], V], prefix: str, word: str | None) -> V:
    """The number of a word in an enum, that of UNSPECIFIED for none.

    Args:
        value: The enum's `Value`.
        prefix: What its names begin with, like "TRACK_".
        word: The word, like "inbound" or "no-answer".
    """
    return value(f"{prefix}{(word or 'unspecified').upper().replace('-', '_')}")


def numbers(value: Callable[[str], V], prefix: str, words: Iterable[str]) -> list[V]:
    """The numbers of several words."""
    return [number(value, prefix, word) for word in words]


def event_types(names: Iterable[str], words: Iterable[str]) -> list[str]:
    """The names of event types that are meant; a usage error for a word that means none.

    Args:
        names: All names of the enum.
        words: Like "call-received", "CALL_RECEIVED", or "call" for all types of calls.
    """
    known = {name.removeprefix("EVENT_TYPE_"): name for name in names if not name.endswith("_UNSPECIFIED")}
    found: list[str] = []
    for word in words:
        wanted = word.upper().replace("-", "_").removeprefix("EVENT_TYPE_")
        if wanted in known:
            found.append(known[wanted])
        elif word.lower() in _FAMILIES:
            found += [name for short, name in known.items() if short.startswith(f"{wanted}_")]
        else:
            raise click.UsageError(
                f"{word!r} is no type of event: use {', '.join(_FAMILIES)} for all of a kind, or one of "
                + ", ".join(short.lower().replace("_", "-") for short in known)
            )
    return found
