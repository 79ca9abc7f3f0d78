"""Pages follow each other without holes or repetitions, under the filters that they began with."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.calls import Call, CallState
from gateway.domain.streams import Stream, StreamState
from gateway.service.paging import (
    PageRequest,
    decode_page_token,
    encode_page_token,
    filters_digest,
    page_of,
    position_of,
)

FILTERS = filters_digest("streams", "c")
POSITION = (1_777_565_701_560_001, ("c", "s"))

ids = st.text(max_size=8)
streams = st.builds(Stream, ids, ids, st.just(StreamState.STREAMING), st.integers(0, 5), st.just(0))


def stream(created: int, control_id: str = "s") -> Stream:
    """A stream by what gives its place."""
    return Stream("c", control_id, StreamState.STREAMING, created, created)


class TestPages:
    """page_of."""

    @given(st.lists(streams, max_size=30, unique_by=lambda each: each.key), st.integers(1, 7))
    def test_all_pages_make_the_list(self, items: list[Stream], size: int) -> None:
        """Page after page, everything comes once, by create time and ids."""
        seen: list[Stream] = []
        after = None
        for _ in range(len(items) + 1):
            page = page_of(iter(items), PageRequest(size, FILTERS, after))
            assert len(page.items) <= size
            seen += page.items
            if not page.next_token:
                break
            assert len(page.items) == size
            after = decode_page_token(page.next_token, FILTERS)
        assert seen == sorted(items, key=position_of)

    def test_the_last_full_page_has_no_token(self) -> None:
        """Nobody is sent for an empty page."""
        assert page_of([stream(1), stream(2)], PageRequest(2, FILTERS)).next_token == ""

    def test_nothing_shifts(self) -> None:
        """What is forgotten or made between two pages neither repeats nor hides another item."""
        first = page_of([stream(1), stream(3), stream(5)], PageRequest(2, FILTERS))
        after = decode_page_token(first.next_token, FILTERS)
        second = page_of([stream(0), stream(3), stream(4), stream(5)], PageRequest(9, FILTERS, after))
        assert [each.create_time for each in second.items] == [4, 5]

    def test_streams_of_one_moment_go_by_id(self) -> None:
        """A page may end between two streams of the same microsecond."""
        first = page_of([stream(1, "b"), stream(1, "a")], PageRequest(1, FILTERS))
        assert [each.control_id for each in first.items] == ["a"]
        after = decode_page_token(first.next_token, FILTERS)
        assert [
            each.control_id for each in page_of([stream(1, "b"), stream(1, "a")], PageRequest(1, FILTERS, after)).items
        ] == ["b"]

    def test_calls_have_pages_too(self) -> None:
        """A call's place is its create time and its id."""
        calls = [Call("b", CallState.ANSWERED, 1, 1), Call("a", CallState.ANSWERED, 2, 2)]
        page = page_of(calls, PageRequest(1, FILTERS))
        assert [call.call_id for call in page.items] == ["b"]
        assert decode_page_token(page.next_token, FILTERS) == (1, ("b",))


class TestTokens:
    """encode_page_token and decode_page_token."""

    @given(st.integers(0, 2**63 - 1), st.lists(st.text(max_size=300), max_size=2).map(tuple))
    def test_a_position_comes_back(self, created: int, names: tuple[str, ...]) -> None:
        """Whatever the ids are, the token is URL-safe text."""
        token = encode_page_token((created, names), FILTERS)
        assert token.replace("-", "").replace("_", "").isalnum()
        assert decode_page_token(token, FILTERS) == (created, names)

    @pytest.mark.parametrize(
        "text", ["", " ", "x", "é", "AAAA", "x" * 5000, encode_page_token(POSITION, FILTERS)[:-3], "a=b", "_____w"]
    )
    def test_what_is_no_token_is_refused(self, text: str) -> None:
        """Text that no response had is refused."""
        with pytest.raises(ValueError, match="it is no page token"):
            decode_page_token(text, FILTERS)

    @pytest.mark.parametrize(
        "content", [[1], [1, b"", 1, ["\x00"], 5], ["1", b"", 1, []], [1, b"", 1.5, []], [1, b"", 1, [7]], {}, 7]
    )
    def test_other_contents_are_refused(self, content: object) -> None:
        """Well-formed base64 of something else is refused."""
        text = base64.urlsafe_b64encode(msgspec.msgpack.encode(content)).rstrip(b"=").decode()
        with pytest.raises(ValueError, match="it is no page token"):
            decode_page_token(text, FILTERS)

    def test_other_filters_are_refused(self) -> None:
        """A token belongs to the filters of its first page."""
        token = encode_page_token(POSITION, FILTERS)
        with pytest.raises(ValueError, match="other filters"):
            decode_page_token(token, filters_digest("streams", "d"))

    def test_another_version_is_refused(self) -> None:
        """A token of a later gateway asks to begin again."""
        packed = msgspec.msgpack.encode([2, FILTERS, 1, ["c", "s"]])
        with pytest.raises(ValueError, match="another version"):
            decode_page_token(base64.urlsafe_b64encode(packed).rstrip(b"=").decode(), FILTERS)


class TestFiltersDigest:
    """filters_digest."""

    def test_equal_filters_are_equal(self) -> None:
        """The order of labels does not matter."""
        assert filters_digest("s", {"a": "1", "b": "2"}) == filters_digest("s", {"b": "2", "a": "1"})

    def test_places_are_told_apart(self) -> None:
        """The same words in other filters are other filters."""
        assert filters_digest("s", "a", "") != filters_digest("s", "", "a")
