"""The promises of the README, each with the validator that holds a history to it."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.support.histories import History
from tests.support.validators.commands import never_late, settled
from tests.support.validators.events import durable, ordered, unique
from tests.support.validators.secrets import private
from tests.support.validators.watches import bookmarkable, reliable, resumable

__all__ = ["PROMISES", "Validator", "broken_promises"]

Validator = Callable[[History], list[str]]
"""Says exactly what is broken, one line each; nothing if the promise was kept."""

PROMISES: Final[Mapping[str, Validator]] = {
    "Durable": durable,
    "Ordered": ordered,
    "Unique": unique,
    "Reliable": reliable,
    "Resumable": resumable,
    "Bookmarkable": bookmarkable,
    "Settled": settled,
    "Never late": never_late,
    "Private": private,
}
"""By the README's name."""


def broken_promises(history: History) -> dict[str, list[str]]:
    """All that is broken, by promise; empty if nothing is."""
    found = {name: validator(history) for name, validator in PROMISES.items()}
    return {name: wrong for name, wrong in found.items() if wrong}
