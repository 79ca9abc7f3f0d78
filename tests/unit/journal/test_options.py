"""Options that make no sense are refused by name."""

import pytest

from gateway.journal.options import JournalOptions


@pytest.mark.parametrize(
    "name",
    [
        "retention_seconds",
        "retention_bytes",
        "backlog_records",
        "backlog_bytes",
        "compaction_interval",
        "close_timeout",
    ],
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_bounds_are_above_zero(name: str, value: float) -> None:
    """A bound of nothing would stop the journal."""
    with pytest.raises(ValueError, match=name):
        JournalOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tail_records", "tail_bytes"])
def test_a_tail_may_be_empty_but_not_negative(name: str) -> None:
    """Zero keeps nothing in memory."""
    JournalOptions(**{name: 0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=name):
        JournalOptions(**{name: -1})  # type: ignore[arg-type]


def test_synchronous_is_one_of_two() -> None:
    """OFF would break the promise that what is acked is kept."""
    with pytest.raises(ValueError, match="synchronous is 'OFF'"):
        JournalOptions(synchronous="OFF")  # type: ignore[arg-type]
