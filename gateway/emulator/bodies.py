"""Bodies of control requests, and errors that name the wrong field and what is allowed."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway.emulator.actions import ACTIONS
from gateway.emulator.faults import Fault

__all__ = [
    "Body", "Digits", "Disconnect", "Event", "HangUp", "PlaceCall", "RawFrame", "Refuse", "Reseed", "Wrong", "count",
    "one_of", "read",
]  # fmt: skip


class Wrong(Exception):
    """What was sent can't be used; the message names the field and what is allowed."""


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing is needed."""


class PlaceCall(Body):
    """An inbound call."""

    context: str = "default"
    from_number: str = "+15550001111"
    to_number: str = "+15550002222"
    tag: str = ""
    project: str | None = None
    timeout: float | None = None


class HangUp(Body):
    """How a call ends."""

    reason: str = "hangup"


class Digits(Body):
    """Keys pressed by the far end."""

    digits: str
    duration: int = 2000


class Event(Body):
    """An event of any type."""

    event_type: str
    params: dict[str, Any]
    session: str | None = None


class RawFrame(Body):
    """A frame (an object) or any text."""

    frame: dict[str, Any] | str
    session: str | None = None


class Disconnect(Body):
    """How sessions are disconnected: `clean` and `restart` say signalwire.disconnect, `abrupt` cuts."""

    how: str = "clean"
    session: str | None = None


class Refuse(Body):
    """The HTTP status that new sockets get; null to take them again."""

    status: int | None = 503


class Reseed(Body):
    """The seed of faults with a probability."""

    seed: int


_B = TypeVar("_B", bound=Body | Fault)
_ACTIONS = ", ".join(str(action.__struct_config__.tag) for action in ACTIONS)


async def read(request: web.Request, kind: type[_B]) -> _B:
    """The body of a request; an empty one counts as `{}`. Raises Wrong."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        hint = f"fields: {', '.join(kind.__struct_fields__)}"
        if "$.action" in str(error) or "`action`" in str(error):
            hint = f'action is an object whose "do" is one of {_ACTIONS}, with that action\'s fields'
        raise Wrong(f"{error}; {hint}") from error
    except msgspec.DecodeError as error:
        raise Wrong(f"the body is not JSON: {error}") from error


def one_of(name: str, value: str, allowed: Iterable[str]) -> None:
    """Raise Wrong unless the value is one of those allowed."""
    words = tuple(allowed)
    if value not in words:
        raise Wrong(f"{name}: {value!r} is not allowed; one of {', '.join(words)}")


def count(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number from the query, or `default`."""
    value = query.get(name, str(default))
    if not value.isdecimal():
        raise Wrong(f"{name}: {value!r} is not a whole number of at least 0")
    return int(value)
