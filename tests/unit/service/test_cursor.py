"""Cursors go out as text and come back, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.service.cursor import Cursor, decode_cursor, encode_cursor

EPOCH = "0123456789abcdef"
TEXT = encode_cursor(Cursor(EPOCH, 42))

cursors = st.builds(Cursor, st.binary(min_size=8, max_size=8).map(bytes.hex), st.integers(0, 2**64 - 1))


@given(cursors)
def test_a_cursor_comes_back(cursor: Cursor) -> None:
    """Every epoch and sequence survives, in text that needs no quoting in URLs and shells."""
    text = encode_cursor(cursor)
    assert decode_cursor(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()
    assert text.isascii()


def test_the_text_stays_as_it_is() -> None:
    """A cursor that was handed out once is understood by every later version."""
    assert decode_cursor("AQEjRWeJq83vAAAAAAAAACo") == Cursor(EPOCH, 42)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        TEXT[:-1],
        TEXT + "A",
        TEXT + "=",
        TEXT + "\n",
        " " + TEXT[1:],
        "+" + TEXT[1:],
        "é" + TEXT[1:],
        TEXT[:-1] + "p",
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Text that was never handed out is refused, also if it would decode to a position."""
    with pytest.raises(ValueError, match="it is no cursor"):
        decode_cursor(text)


def test_an_unknown_version_is_refused() -> None:
    """A cursor of a later version is told apart from garbage."""
    packed = bytearray(base64.urlsafe_b64decode(TEXT + "="))
    packed[0] = 2
    with pytest.raises(ValueError, match="version 2"):
        decode_cursor(base64.urlsafe_b64encode(bytes(packed)).rstrip(b"=").decode())


@pytest.mark.parametrize("epoch", ["", "01", EPOCH + "00", "no hex digits xx"])
def test_an_epoch_has_sixteen_digits(epoch: str) -> None:
    """A cursor can't be made with what is no epoch."""
    with pytest.raises(ValueError, match="hex"):
        encode_cursor(Cursor(epoch, 1))
