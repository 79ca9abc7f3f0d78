"""Who a token or a certificate belongs to."""

from gateway.access.book import Book, certificate_key, token_key
from gateway.access.client import ANYONE, Client, Scope
from gateway.access.token import digest_of

READER = Client("reader", frozenset({Scope.STREAMS_READ}), key=token_key(digest_of("r")))
BRIEF = Client("brief", frozenset({Scope.ADMIN}), not_after=100.0, key=token_key(digest_of("b")))
MACHINE = Client("machine", frozenset({Scope.ADMIN}), not_after=100.0, key=certificate_key("machine.example"))
BOOK = Book([READER, BRIEF, MACHINE])


def test_a_token_is_its_clients() -> None:
    """Only the exact token is."""
    assert BOOK.by_token("r", 0.0) == READER
    assert BOOK.by_token("R", 0.0) is None
    assert BOOK.by_token("", 0.0) is None
    assert len(BOOK) == 3


def test_a_hash_is_no_token() -> None:
    """Who has read the file has no token by that."""
    assert BOOK.by_token(digest_of("r"), 0.0) is None
    assert BOOK.by_token(READER.key, 0.0) is None


def test_an_expired_client_is_nobody() -> None:
    """From its time on, whatever it shows."""
    assert BOOK.by_token("b", 99.0) == BRIEF
    assert BOOK.by_token("b", 100.0) is None
    assert BOOK.by_certificate(["machine.example"], 100.0) is None


def test_any_name_of_a_certificate_will_do() -> None:
    """The first that is known counts; a token's hash is no name."""
    assert BOOK.by_certificate(["other.example", "machine.example"], 0.0) == MACHINE
    assert BOOK.by_certificate(["other.example", READER.key], 0.0) is None
    assert BOOK.by_certificate([], 0.0) is None


def test_what_has_become_of_a_client() -> None:
    """It may be the same, changed, expired or gone."""
    changed = Client("reader", frozenset({Scope.EVENTS_READ}), key=READER.key)
    assert BOOK.now_of(READER, 0.0) == READER
    assert Book([changed]).now_of(READER, 0.0) == changed
    assert Book().now_of(READER, 0.0) is None
    assert BOOK.now_of(BRIEF, 100.0) is None
    assert BOOK.now_of(ANYONE, 0.0) is None


def test_expiry_is_noticed_once() -> None:
    """In the stretch of time in which it lies, and no other."""
    assert [BOOK.expires_between(after, after + 1) for after in (98.0, 99.0, 99.5, 100.0)] == [False, True, True, False]
