"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30), ("1.5", 1.5), (".5", 0.5), ("0", 0), ("500ms", 0.5), ("90s", 90), ("36h", 129_600), ("7d", 604_800),
        ("1h30m", 5400), (" 2m ", 120), ("1.5h", 5400),
    ],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float) -> None:
    """Plain numbers are seconds; units can be joined."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1 s", "7D", "1w", "s", "1e3", "nan", "inf", "٣s", "9" * 400])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else is a ValueError, never a number."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024), ("1GiB", 1 << 30), ("1 gib", 1 << 30), ("500MB", 500_000_000), ("1.5KiB", 1536), ("7B", 7),
        ("9007199254740993", 9007199254740993),
    ],
)  # fmt: skip
def test_sizes_are_read(text: str, size: int) -> None:
    """Plain numbers are bytes, exactly; iB is a power of 1024, B one of 1000, in any case."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "1XB", "-1", "1GiB2", "." + "9" * 400 + "e", f"{'9' * 400}.0"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (604_800, "7d"), (129_600, "36h"), (90, "90s"), (60, "1m"), (1.5, "1.5s"), (0.25, "250ms")],
)
def test_durations_are_shown_in_their_largest_whole_unit(seconds: float, text: str) -> None:
    """What people wrote is what they see."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(1 << 30, "1GiB"), (500_000_000, "500MB"), (123, "123B"), (0, "0B")])
def test_sizes_are_shown_in_their_largest_whole_unit(size: int, text: str) -> None:
    """What people wrote is what they see."""
    assert format_size(size) == text


@given(st.integers(min_value=0, max_value=10**12))
def test_a_shown_duration_reads_back(milliseconds: int) -> None:
    """No digit is lost down to the millisecond."""
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_a_shown_size_reads_back(size: int) -> None:
    """Exactly."""
    assert parse_size(format_size(size)) == size
