"""Messages of a watch, as a gateway sends them."""

from callstream.v1 import stream_service_pb2
from callstream.v1.event_pb2 import Event
from callstream.v1.stream_service_pb2 import WatchEventsResponse

__all__ = ["bookmark", "closing", "events", "opened", "part"]


def opened(cursor: str = "now", interval: int = 0) -> WatchEventsResponse:
    """The first message."""
    message = WatchEventsResponse(cursor=cursor, opened=stream_service_pb2.WatchOpened())
    message.opened.bookmark_interval.FromSeconds(interval)
    return message


def events(cursor: str, *sequences: int) -> WatchEventsResponse:
    """A batch."""
    batch = stream_service_pb2.EventBatch(events=[Event(sequence=sequence) for sequence in sequences])
    return WatchEventsResponse(cursor=cursor, events=batch)


def bookmark(cursor: str) -> WatchEventsResponse:
    """A bookmark."""
    return WatchEventsResponse(cursor=cursor, bookmark=stream_service_pb2.WatchBookmark())


def part(cursor: str, *, last: bool) -> WatchEventsResponse:
    """A part of a snapshot."""
    return WatchEventsResponse(cursor=cursor, snapshot=stream_service_pb2.WatchSnapshot(last=last))


def closing(cursor: str, seconds: int) -> WatchEventsResponse:
    """The message before the end."""
    message = WatchEventsResponse(cursor=cursor, closing=stream_service_pb2.WatchClosing())
    message.closing.retry_after.FromSeconds(seconds)
    return message
