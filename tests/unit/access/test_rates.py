"""How often each client may do something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.rates import Rates


class Time:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    """A full bucket gives its burst at once, then one token each interval; the wait told is the true one."""
    time = Time()
    rates = Rates(4, 3, now=time)
    assert [rates.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.25)]
    time.now += 0.24
    assert rates.take("a") == pytest.approx(0.01)
    time.now += 0.01
    assert rates.take("a") == 0.0
    assert rates.take("a") == pytest.approx(0.25)


def test_a_refusal_costs_nothing() -> None:
    """However often a client asks, its next token comes when it was told."""
    time = Time()
    rates = Rates(1, 1, now=time)
    rates.take("a")
    for _ in range(50):
        rates.take("a")
    time.now += 1
    assert rates.take("a") == 0.0


def test_clients_do_not_count_for_each_other() -> None:
    """Each has a bucket of its own."""
    rates = Rates(1, 1, now=Time())
    assert [rates.take(name) for name in ("a", "b")] == [0.0, 0.0]
    assert rates.take("a")


def test_full_buckets_are_not_kept() -> None:
    """Memory is bounded by the clients of the last moments."""
    time = Time()
    rates = Rates(10, 5, now=time)
    for number in range(1000):
        rates.take(f"client {number}")
        time.now += 0.05
    assert len(rates) <= 12
    time.now += 10
    rates.take("last")
    assert len(rates) == 1


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=60))
def test_never_more_than_the_rate(per_second: int, burst: int, pauses: list[float]) -> None:
    """In any stretch of time no more is taken than a full bucket and what has come back."""
    time = Time()
    rates = Rates(per_second, burst, now=time)
    taken = []
    for pause in pauses:
        time.now += pause
        if not rates.take("a"):
            taken.append(time.now)
    for index, begin in enumerate(taken):
        for count, end in enumerate(taken[index:], 1):
            assert count <= burst + per_second * (end - begin) + 1e-6
