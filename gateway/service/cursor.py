"""Cursors: positions in a journal, as the opaque text that clients keep.

The text is URL-safe base64 of a version byte, the journal's epoch and a sequence. It says where a reader is: after
that sequence. Clients must not look into it, so that it may change with its version.
"""

import base64
import re
import struct
from dataclasses import dataclass
from typing import Final

__all__ = ["Cursor", "decode_cursor", "encode_cursor"]

_VERSION: Final = 1
_LAYOUT: Final = struct.Struct(">B8sQ")
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{23}")  # 17 bytes without padding


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position: after `sequence` in the journal with that epoch (16 hex digits)."""

    epoch: str
    sequence: int


def encode_cursor(cursor: Cursor) -> str:
    """The text of a cursor, 23 URL-safe characters.

    Raises:
        ValueError: The epoch is not 16 hex digits.
    """
    epoch = bytes.fromhex(cursor.epoch)
    if len(epoch) != 8:  # noqa: PLR2004 - the layout's own
        raise ValueError(f"epoch {cursor.epoch!r} is not 16 hex digits")
    packed = _LAYOUT.pack(_VERSION, epoch, cursor.sequence)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """The cursor that `encode_cursor` wrote.

    Raises:
        ValueError: The text is no cursor, or of a version that this program does not know.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError("it is no cursor")
    packed = base64.urlsafe_b64decode(text + "=")
    version, epoch, sequence = _LAYOUT.unpack(packed)
    if version != _VERSION:
        raise ValueError(f"it is a cursor of version {version}, and only version {_VERSION} is known")
    cursor = Cursor(epoch.hex(), sequence)
    if encode_cursor(cursor) != text:  # the last character has bits to spare: one position, one text
        raise ValueError("it is no cursor")
    return cursor
