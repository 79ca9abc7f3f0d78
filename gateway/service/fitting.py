"""Answers of many items that fit a client's message, however large the items are.

gRPC clients take messages of 4 MiB unless they are told otherwise, and a larger one fails for good: what was asked for
could never be read. So answers are cut by size as well as by count, and half of that is left as room.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from google.protobuf.message import Message

from gateway.domain.calls import Call
from gateway.domain.streams import Stream
from gateway.service.paging import Page, PageRequest, encode_page_token, position_of

__all__ = ["MAX_BYTES", "fitted"]

MAX_BYTES: Final = 2 << 20
"""Where an answer is cut: it has no more than this, or one item."""

_Item = TypeVar("_Item", Stream, Call)
_Encoded = TypeVar("_Encoded", bound=Message)


def fitted(page: Page[_Item], request: PageRequest, encode: Callable[[_Item], _Encoded]) -> tuple[list[_Encoded], str]:
    """The messages of a page, and the token of the next one; a page that is too large is cut, and goes on there."""
    messages: list[_Encoded] = []
    room = MAX_BYTES
    for item in page.items:
        message = encode(item)
        room -= message.ByteSize()
        if messages and room < 0:
            return messages, encode_page_token(position_of(page.items[len(messages) - 1]), request.filters)
        messages.append(message)
    return messages, page.next_token
