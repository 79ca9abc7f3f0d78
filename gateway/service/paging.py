"""Pages of calls and streams: by create time, with tokens that hold a position rather than a count.

A token says where the page before ended, and to which filters it belongs. What is created or forgotten between two
pages therefore neither shifts nor repeats the rest; and a token under other filters is refused, because the pages
would not fit together.
"""

import base64
import hashlib
import heapq
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from gateway.domain.calls import Call
from gateway.domain.streams import Stream

__all__ = [
    "Page",
    "PageRequest",
    "Position",
    "decode_page_token",
    "encode_page_token",
    "filters_digest",
    "page_of",
    "position_of",
]

Position = tuple[int, tuple[str, ...]]
"""Where something is in the list: its create time in microseconds, then its ids."""

_Item = TypeVar("_Item", Stream, Call)

_VERSION: Final = 1
_MAX_TEXT: Final = 4096
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]+")


class _Token(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    filters: bytes
    create_time: int
    ids: tuple[str, ...]


_TOKEN: Final = msgspec.msgpack.Decoder(_Token)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: at most `size` items after a position (None for the first page), under these filters."""

    size: int
    filters: bytes
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """Items in order, and the token of the next page; empty on the last one."""

    items: Sequence[_Item]
    next_token: str


def position_of(item: Stream | Call) -> Position:
    """The place of a stream among all streams, or of a call among all calls."""
    ids = (item.call_id, item.control_id) if isinstance(item, Stream) else (item.call_id,)
    return (item.create_time, ids)


def filters_digest(*filters: object) -> bytes:
    """What a token keeps of its filters: 8 bytes, equal for equal filters. The filters are values that JSON has."""
    return hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).digest()[:8]


def encode_page_token(position: Position, filters: bytes) -> str:
    """The token of the page after a position, URL-safe."""
    create_time, ids = position
    packed = msgspec.msgpack.encode(_Token(_VERSION, filters, create_time, ids))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_page_token(text: str, filters: bytes) -> Position:
    """The position in a token.

    Raises:
        ValueError: It is no token of this version, or it belongs to other filters.
    """
    if len(text) > _MAX_TEXT or not _TEXT.fullmatch(text):
        raise ValueError("it is no page token: use next_page_token as it came")
    try:
        token = _TOKEN.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise ValueError("it is no page token: use next_page_token as it came") from error
    if token.version != _VERSION:
        raise ValueError("it is of another version of the gateway: begin with the first page")
    if token.filters != filters:
        raise ValueError("it belongs to other filters: keep them the same, or begin with the first page")
    return (token.create_time, token.ids)


def page_of(items: Iterable[_Item], request: PageRequest) -> Page[_Item]:
    """The page asked for, out of items in any order. Looks at each item once, and keeps one page in memory."""
    after = request.after
    rest = items if after is None else (item for item in items if position_of(item) > after)
    found = heapq.nsmallest(request.size + 1, rest, key=position_of)
    page = found[: request.size]
    more = len(found) > request.size
    return Page(page, encode_page_token(position_of(page[-1]), request.filters) if more else "")
