"""Pages are cut where they would not fit a client's message."""

from callstream.v1 import call_pb2
from gateway.domain.calls import Call, CallState
from gateway.service.encode import call_message
from gateway.service.fitting import MAX_BYTES, fitted
from gateway.service.paging import Page, PageRequest, decode_page_token
from tests.support.domain_values import call_in

FILTERS = b"8 bytes!"


def page_of_calls(*sizes: int) -> Page[Call]:
    """A page of calls of about these sizes, which another page follows."""
    calls = [
        call_in(CallState.ANSWERED, call_id=f"c{index}", create_time=index, tag="x" * size)
        for index, size in enumerate(sizes, start=1)
    ]
    return Page(calls, "next")


def cut(*sizes: int) -> tuple[list[call_pb2.Call], str]:
    """What is left of such a page."""
    return fitted(page_of_calls(*sizes), PageRequest(10, FILTERS), call_message)


def test_what_fits_stays() -> None:
    """A page that fits keeps its items and its token."""
    messages, token = cut(10, 10, 10)
    assert [message.call_id for message in messages] == ["c1", "c2", "c3"]
    assert token == "next"


def test_what_does_not_fit_comes_next() -> None:
    """The token of a page that was cut goes on after its last item, under the same filters."""
    messages, token = cut(10, MAX_BYTES // 2, MAX_BYTES // 2, 10)
    assert [message.call_id for message in messages] == ["c1", "c2"]
    assert decode_page_token(token, FILTERS) == (2, ("c2",))


def test_one_item_always() -> None:
    """A page is never empty while there are items: it could not go on otherwise."""
    messages, token = cut(2 * MAX_BYTES, 10)
    assert [message.call_id for message in messages] == ["c1"]
    assert decode_page_token(token, FILTERS) == (1, ("c1",))


def test_nothing() -> None:
    """An empty page stays empty, and keeps its token."""
    assert cut() == ([], "next")
