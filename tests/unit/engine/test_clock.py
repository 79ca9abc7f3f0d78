"""The clock never falls."""

import time

from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.clock import SECOND, Clock


@given(st.lists(st.integers(min_value=0, max_value=1 << 60), min_size=1))
def test_it_never_falls(readings: list[int]) -> None:
    """Whatever the system's clock says, time stands still at worst (if none has passed)."""
    clock = Clock(iter(readings).__next__, lambda: 0)
    told = [clock.now() for _ in readings]
    assert told == sorted(told)
    assert told[-1] == max(readings)


def test_it_continues_from_an_earlier_process() -> None:
    """Time that was used already does not come again; time that lies behind changes nothing."""
    clock = Clock(lambda: 100, lambda: 0)
    clock.not_before(500)
    assert clock.now() == 500
    clock.not_before(50)
    assert clock.now() == 500


def test_it_goes_on_at_half_pace_until_it_is_caught_up() -> None:
    """A clock that is set back an hour is right again after two, and no two moments are one meanwhile."""
    hour = 3600 * SECOND
    passed = [0, 0, 10, 13, 14, hour, 2 * hour, 2 * hour + 10]
    ticks = iter(passed)
    wall = iter([hour, *passed[2:]])
    clock = Clock(wall.__next__, ticks.__next__)
    told = [clock.now() for _ in passed[1:]]
    assert told == [hour, hour + 5, hour + 6, hour + 7, hour + hour // 2, 2 * hour, 2 * hour + 10]


def test_it_is_the_wall_clock() -> None:
    """By default it tells microseconds since the Unix epoch."""
    before = time.time()
    assert before - 1 <= Clock().now() / SECOND <= time.time() + 1
