"""A histogram of plain numbers."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gateway.telemetry.histogram import PlainHistogram

BOUNDS = (0.5, 1, 2.5, 10)


@given(st.lists(st.floats(min_value=0, max_value=20) | st.sampled_from(BOUNDS)))
def test_it_says_what_the_library_s_own_would_say(values: list[float]) -> None:
    """Names, buckets, sums and all, whatever was observed."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain = PlainHistogram("seconds", "Seconds of something.", BOUNDS)
    ours.register(plain)
    library = Histogram("seconds", "Seconds of something.", buckets=BOUNDS, registry=theirs)
    for value in values:
        plain.observe(value)
        library.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)
