"""The clock never falls."""

import time

from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.clock import SECOND, Clock


@given(st.lists(st.integers(min_value=0, max_value=1 << 60), min_size=1))
def test_it_never_falls(readings: list[int]) -> None:
    """Whatever the system's clock says, time stands still at worst."""
    clock = Clock(iter(readings).__next__)
    told = [clock.now() for _ in readings]
    assert told == sorted(told)
    assert told[-1] == max(readings)


def test_it_continues_from_an_earlier_process() -> None:
    """Time that was used already does not come again; time that lies behind changes nothing."""
    clock = Clock(lambda: 100)
    clock.not_before(500)
    assert clock.now() == 500
    clock.not_before(50)
    assert clock.now() == 500


def test_it_is_the_wall_clock() -> None:
    """By default it tells microseconds since the Unix epoch."""
    before = time.time()
    assert before - 1 <= Clock().now() / SECOND <= time.time() + 1
