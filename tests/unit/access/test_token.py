"""Tokens and what is kept of them."""

import pytest

from gateway.access.token import bearer_of, digest_of, new_token

TOKEN = "cs_" + "a" * 43


def test_tokens_are_long_random_and_alike_in_form() -> None:
    """Each is another, has 256 random bits, and begins so that scanners find it."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("cs_") and len(token) == 46 and bearer_of(f"Bearer {token}") for token in tokens)


def test_what_is_kept_is_the_sha256() -> None:
    """As other tools compute it."""
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_a_bearer_token_is_found(header: str) -> None:
    """The scheme may be written in any case."""
    assert bearer_of(header) == TOKEN


@pytest.mark.parametrize(
    "header",
    [
        None, b"Bearer " + TOKEN.encode(), "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer{TOKEN}",
        f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer xx_{TOKEN[3:]}",
        f"Bearer {TOKEN[:-1]}é", f"Bearer {TOKEN}\n", f"x Bearer {TOKEN}", "Bearer " + " " * 10_000 + TOKEN,
    ],
)  # fmt: skip
def test_what_is_no_bearer_token(header: object) -> None:
    """Anything else is none, and is not looked up."""
    assert bearer_of(header) is None
