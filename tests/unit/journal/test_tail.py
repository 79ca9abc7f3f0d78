"""The window in memory: bounded, found by subtraction, read like the table."""

from gateway.journal.record import Batch, Filter
from gateway.journal.tail import Tail
from tests.support.journal_records import record, records


def test_the_window_moves_with_the_head() -> None:
    """Of more records than fit, the newest stay."""
    tail = Tail(10, max_records=3, max_bytes=1000)
    assert tail.first == 11
    tail.extend(records(11, 15))
    assert tail.first == 13
    assert tail.read(12, None, 10, 1000) == Batch(tuple(records(13, 15)), 15)
    assert tail.read(14, None, 10, 1000) == Batch((record(15),), 15)
    assert tail.read(15, None, 10, 1000) == Batch((), 15)


def test_bytes_bound_the_window_too() -> None:
    """A record larger than the window leaves it empty, and the head stands all the same."""
    tail = Tail(0, max_records=10, max_bytes=10)
    tail.extend(records(1, 3, payload=b"12345"))
    assert tail.first == 2
    tail.extend([record(4, payload=bytes(11))])
    assert tail.first == 5
    assert tail.read(4, None, 1, 1) == Batch((), 4)


def test_a_read_is_bounded_and_tells_how_far_it_looked() -> None:
    """Counts and bytes end a batch before the record that is too much; one record always comes."""
    tail = Tail(0, max_records=10, max_bytes=1000)
    tail.extend(records(1, 5, payload=b"12345"))
    assert tail.read(0, None, 2, 1000).position == 2
    assert tail.read(0, None, 10, 12).position == 2
    assert [r.sequence for r in tail.read(2, None, 10, 1).records] == [3]


def test_a_filter_passes_over_records_and_the_position_moves_on() -> None:
    """What does not match counts as looked at, also after the last match."""
    tail = Tail(0, max_records=10_000, max_bytes=1 << 20)
    tail.extend([record(n, type=n % 2) for n in range(1, 6)])
    even = Filter(types=frozenset({0}))
    assert tail.read(0, even, 10, 1000) == Batch((record(2, type=0), record(4, type=0)), 5)
    assert tail.read(0, even, 10, 10) == Batch((record(2, type=0),), 3)
    assert tail.read(4, even, 10, 1000) == Batch((), 5)


def test_one_read_looks_at_a_bounded_number() -> None:
    """A filter that nothing matches gets its position after some thousand records, not after all."""
    tail = Tail(0, max_records=10_000, max_bytes=1 << 20)
    tail.extend(records(1, 10_000))
    batch = tail.read(0, Filter(types=frozenset({9})), 10, 1000)
    assert batch == Batch((), 4096)


def test_compaction_shortens_the_window() -> None:
    """What is compacted is not served from memory either; the head stays."""
    tail = Tail(0, max_records=10, max_bytes=1000)
    tail.extend(records(1, 5))
    tail.compact(4)
    assert tail.first == 4
    tail.compact(9)
    assert tail.first == 6
