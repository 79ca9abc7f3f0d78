"""How long to wait before the next attempt."""

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.relay.backoff import backoff


def test_doubles_up_to_the_maximum() -> None:
    """Without luck each wait is twice the one before, and never more than the maximum."""
    assert list(islice(backoff(1.0, 30.0, lambda: 1.0), 7)) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8))
def test_jitter_takes_at_most_half(luck: list[float]) -> None:
    """Every wait lies between half and all of what is due, so that nobody hammers and nobody waits for ever."""
    drawn = iter(luck)
    full = list(islice(backoff(1.0, 30.0, lambda: 1.0), len(luck)))
    waits = list(islice(backoff(1.0, 30.0, lambda: next(drawn)), len(luck)))
    assert all(due / 2 <= wait <= due for due, wait in zip(full, waits, strict=True))
