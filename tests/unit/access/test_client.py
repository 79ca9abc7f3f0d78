"""Who asks, and what it may."""

import pytest

from gateway.access.client import ANYONE, Client, Scope


def test_a_scope_is_for_what_it_says() -> None:
    """Nobody has a scope that was not given to it, except admins, who have all."""
    reader = Client("r", frozenset({Scope.STREAMS_READ}))
    assert [scope for scope in Scope if reader.has(scope)] == [Scope.STREAMS_READ]
    assert all(Client("a", frozenset({Scope.ADMIN})).has(scope) for scope in Scope)
    assert all(ANYONE.has(scope) for scope in Scope)


@pytest.mark.parametrize(("now", "expired"), [(99.9, False), (100.0, True), (100.1, True)])
def test_time_ends(now: float, *, expired: bool) -> None:
    """From the moment named on, a client is nobody any more; without one that never comes."""
    assert Client("c", frozenset(), not_after=100.0).has_expired(now) is expired
    assert not Client("c", frozenset()).has_expired(now)


def test_a_client_tells_nothing_of_its_token() -> None:
    """What is shown of a client in logs and errors has not even the hash."""
    assert "5feceb66" not in repr(Client("c", frozenset(), key="sha256:5feceb66"))
