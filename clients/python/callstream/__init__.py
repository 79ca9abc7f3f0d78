"""Client of the callstream gateway: `connect`, for asyncio `callstream.aio.connect`. The stubs: `callstream.v1`."""

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
