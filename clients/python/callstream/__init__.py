"""Client of the callstream gateway: `connect`, for asyncio `callstream.aio.connect`. The stubs: `callstream.v1`."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callstream.client import Client, ResumingWatch, connect
    from callstream.errors import ErrorDetails, error_details
    from callstream.resume import Bookmark, Events, Snapshot, WatchItem, WatchOptions

__all__ = [
    "Bookmark",
    "Client",
    "ErrorDetails",
    "Events",
    "ResumingWatch",
    "Snapshot",
    "WatchItem",
    "WatchOptions",
    "connect",
    "error_details",
]

_PLACES = {
    "callstream.client": ("Client", "ResumingWatch", "connect"),
    "callstream.errors": ("ErrorDetails", "error_details"),
    "callstream.resume": ("Bookmark", "Events", "Snapshot", "WatchItem", "WatchOptions"),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


if not TYPE_CHECKING:  # who checks types is to see the names above, and no others

    def __getattr__(name: str) -> object:
        """Looks a name up where it is defined: who needs the stubs only does not wait for the client."""
        if name not in _PLACE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_PLACE_OF[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
