"""The journal as the engine and the watches use it: durable, ordered, readable from any position, bounded."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from gateway.domain.errors import CursorCompacted, JournalUnavailable
from gateway.journal.base import Journal
from gateway.journal.errors import DataDirInUse
from gateway.journal.record import Batch, Filter, Record
from gateway.journal.sqlite import SqliteJournal, open_journal
from tests.support.journal_records import NOW_US, record, records

Open = Callable[..., SqliteJournal]
ON_DISK_AND_IN_MEMORY = pytest.mark.parametrize("directory", ["data", None])


@pytest.fixture
def where(directory: str | None, tmp_path: Path) -> Path | None:
    """The directory of the parameter, within the test's own."""
    return tmp_path / directory if directory else None


async def _read_all(journal: SqliteJournal, after: int = 0, match: Filter | None = None, **limits: int) -> list[Record]:
    found: list[Record] = []
    position = after
    while position < journal.head:
        batch = await journal.read(position, match, **limits)
        assert batch.position > position, "each read gets on"
        assert not batch.records or batch.position >= batch.records[-1].sequence
        position = batch.position
        found += batch.records
    return found


async def _appended(journal: SqliteJournal, given: list[Record]) -> None:
    journal.append(given)
    await journal.committed(journal.last_sequence)


@ON_DISK_AND_IN_MEMORY
async def test_appends_become_durable_and_are_told_in_order(open_one: Open, where: Path | None) -> None:
    """The head moves before anyone is told, callbacks run in the order of appends, an empty one marks its place."""
    journal: Journal = open_one(where)
    told: list[tuple[str, int]] = []
    assert (journal.head, journal.last_sequence, journal.oldest, journal.failure) == (0, 0, 1, None)
    journal.append(records(1, 2), lambda: told.append(("a", journal.head)))
    journal.append([], lambda: told.append(("nothing", journal.head)))
    journal.append(records(3, 3), lambda: told.append(("b", journal.head)))
    assert (journal.head, journal.last_sequence) == (0, 3)
    assert told == []
    await journal.committed(3)
    assert [name for name, _ in told] == ["a", "nothing", "b"]
    assert told[0][1] >= 2
    assert told[2][1] == journal.head == 3
    await journal.committed(3)
    assert (await journal.read(0)).records == tuple(records(1, 3))


@ON_DISK_AND_IN_MEMORY
async def test_an_empty_append_on_a_quiet_journal_is_told_too(open_one: Open, where: Path | None) -> None:
    """All before it is durable already, so its callback runs at the next commit, which it causes."""
    journal = open_one(where)
    told = asyncio.Event()
    journal.append([], told.set)
    await told.wait()
    assert journal.head == 0


async def test_sequences_must_continue(open_one: Open) -> None:
    """A hole or a repetition is the caller's mistake, and nothing of the append is taken."""
    journal = open_one()
    for wrong in ([record(2)], [record(1), record(3)], [record(1), record(1)]):
        with pytest.raises(ValueError, match="does not continue the journal"):
            journal.append(wrong)
    assert journal.last_sequence == 0
    await _appended(journal, [record(1)])


async def test_a_callback_that_fails_does_not_keep_the_others_from_hearing(open_one: Open) -> None:
    """The commit has happened: the mistake is logged and all others are told."""
    journal = open_one()
    told: list[int] = []
    with structlog.testing.capture_logs() as logs:
        journal.append([record(1)], lambda: told.append(1 // 0))
        journal.append([record(2)], lambda: told.append(2))
        await journal.committed(2)
    assert told == [2]
    assert [entry["event"] for entry in logs] == ["journal_on_commit_failed"]


async def test_a_journal_is_the_same_after_a_restart(open_one: Open) -> None:
    """Epoch, bounds and records survive; the next sequence continues."""
    journal = open_one()
    await _appended(journal, records(1, 5, key="k"))
    epoch, before = journal.epoch, journal.stats()
    await journal.close()
    again = open_one()
    assert again.epoch == epoch
    assert len(epoch) == 16
    assert int(epoch, 16) >= 0
    assert (again.head, again.last_sequence, again.oldest) == (5, 5, 1)
    assert await _read_all(again) == records(1, 5, key="k")
    assert again.recent_event_ids(2) == ["event-4", "event-5"]
    assert list(again.load_latest()) == [record(5, key="k")]
    after = again.stats()
    assert (after.oldest_time_us, after.newest_time_us) == (before.oldest_time_us, before.newest_time_us)
    assert after.payload_bytes == before.payload_bytes
    await _appended(again, [record(6)])


async def test_memory_keeps_nothing_and_has_an_epoch_of_its_own(open_one: Open) -> None:
    """Two journals in memory share nothing."""
    first = open_one(None)
    await _appended(first, [record(1)])
    second = open_one(None)
    assert second.epoch != first.epoch
    assert second.head == 0
    assert second.stats().path == ":memory:"
    assert second.stats().disk_bytes == 0


@pytest.mark.parametrize("tail_records", [0, 7, 10_000])
@ON_DISK_AND_IN_MEMORY
async def test_reads_are_the_same_from_memory_and_from_the_table(
    open_one: Open, where: Path | None, tail_records: int
) -> None:
    """From any position, with any bound, a reader sees each later record once and in order."""
    journal = open_one(where, tail_records=tail_records)
    everything = records(1, 40, payload=b"12345")
    await _appended(journal, everything)
    for after in range(41):
        assert await _read_all(journal, after, max_records=3) == everything[after:]
        assert await _read_all(journal, after, max_bytes=11) == everything[after:]
        assert await _read_all(journal, after, max_bytes=1) == everything[after:]
    assert await journal.read(40) == Batch((), 40)


@pytest.mark.parametrize("tail_records", [0, 10_000])
@pytest.mark.parametrize(
    "match",
    [
        Filter(types=frozenset({1})),
        Filter(types=frozenset({9})),
        Filter(call_ids=frozenset({"c1", "c2"})),
        Filter(call_ids=frozenset(f"c{n}" for n in range(1000))),
        Filter(control_ids=frozenset({"s1"}), types=frozenset({0, 1})),
        Filter(call_ids=frozenset({"c1"}), unscoped_types=frozenset({0})),
        Filter(call_ids=frozenset({"c1"}), types=frozenset({1, 2}), unscoped_types=frozenset({2, 3})),
        Filter(labels={"parity": "0"}),
        Filter(labels={"parity": "0"}, call_ids=frozenset({"c2"}), unscoped_types=frozenset({3})),
        Filter(unscoped_types=frozenset({3})),
        Filter(contexts=frozenset({"x1"})),
        Filter(contexts=frozenset({"x1", "x2"}), call_ids=frozenset({"c1"}), unscoped_types=frozenset({3})),
        Filter(stream_labels={"parity": "0"}, contexts=frozenset({"x0"}), types=frozenset({1, 2})),
    ],
)
async def test_filters_find_the_same_in_memory_and_in_the_table(
    open_one: Open, tail_records: int, match: Filter
) -> None:
    """What SQLite looks for by itself is what the filter says, for each bound of a read."""
    journal = open_one(tail_records=tail_records)
    everything = [
        record(
            n,
            call_id=f"c{n % 3}",
            control_id=f"s{n % 5}",
            type=n % 4,
            labels={"parity": str(n % 2)},
            context=f"x{n % 7}",
        )
        for n in range(1, 101)
    ]
    await _appended(journal, everything)
    wanted = [r for r in everything if match.matches(r)]
    assert await _read_all(journal, 0, match) == wanted
    assert await _read_all(journal, 0, match, max_records=1) == wanted
    assert await _read_all(journal, 0, match, max_bytes=25) == wanted


async def test_a_read_that_finds_nothing_is_bounded_and_moves_on(open_one: Open) -> None:
    """The scan stops after some ten thousand records and says how far it came."""
    journal = open_one(tail_records=0)
    await _appended(journal, records(1, 20_000))
    nothing = Filter(types=frozenset({9}))
    first = await journal.read(0, nothing)
    assert first == Batch((), 16_384)
    assert await journal.read(first.position, nothing) == Batch((), 20_000)


async def test_positions_that_were_never_given_out_are_refused(open_one: Open) -> None:
    """A position beyond the head is of another journal; reading nothing makes no sense."""
    journal = open_one()
    await _appended(journal, [record(1)])
    for position in (-1, 2):
        with pytest.raises(ValueError, match="is not in the journal, which ends at 1"):
            await journal.read(position)
    with pytest.raises(ValueError, match="use at least 1"):
        await journal.read(0, max_records=0)


async def test_those_who_wait_for_the_head_wake_at_each_commit(open_one: Open) -> None:
    """Each waits for itself: a cancelled one takes no other along, and one whose time has come does not wait."""
    journal = open_one()
    await journal.wait_beyond(-1)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(journal.wait_beyond(0))
        cancelled = tasks.create_task(journal.wait_beyond(0))
        later = tasks.create_task(journal.wait_beyond(1))
        await asyncio.sleep(0)
        cancelled.cancel()
        await _appended(journal, [record(1)])
        await first
        assert not later.done()
        await _appended(journal, [record(2)])
    assert cancelled.cancelled()
    await journal.wait_beyond(1)


async def test_capacity_waits_until_the_backlog_is_within_its_bounds(open_one: Open) -> None:
    """Either bound, records or bytes, holds back whoever asks; a commit lets go."""
    for options in ({"backlog_records": 1}, {"backlog_bytes": 15}):
        journal = open_one(None, **options)
        await journal.capacity()
        with journal._database._turn:  # the writer can't commit meanwhile
            journal.append(records(1, 2))
            waiting = asyncio.create_task(journal.capacity())
            await asyncio.sleep(0)
            assert not waiting.done()
            assert journal.stats().backlog_records == 2
        await waiting
        assert journal.head == 2
        assert journal.stats().backlog_records == journal.stats().backlog_bytes == 0


@pytest.mark.parametrize("tail_records", [0, 100])
async def test_times_lead_to_positions(open_one: Open, tail_records: int) -> None:
    """A start time gives the position before its first record, within what can be read."""
    journal = open_one(tail_records=tail_records)
    assert await journal.sequence_before(NOW_US) == 0
    await _appended(journal, records(1, 50))
    assert await journal.sequence_before(0) == 0
    assert await journal.sequence_before(NOW_US + 10_000) == 9
    assert await journal.sequence_before(NOW_US + 10_001) == 10
    assert await journal.sequence_before(NOW_US + 10**9) == 50


async def test_records_past_their_age_are_compacted_and_said_to_be(open_one: Open, tmp_path: Path) -> None:
    """A position before the oldest record is refused and told the oldest, at once as after a restart."""
    journal = open_one(retention_seconds=1, at=NOW_US + 1_000_000 + 11_000)
    await _appended(journal, records(1, 30))
    await journal.compact()
    assert journal.oldest == 11
    assert journal.stats().oldest_time_us == NOW_US + 11_000
    for position in (0, 9):
        with pytest.raises(CursorCompacted) as caught:
            await journal.read(position)
        assert (caught.value.after, caught.value.oldest) == (position, 11)
    assert await _read_all(journal, 10) == records(11, 30)
    assert await journal.sequence_before(0) == 10
    await journal.close()
    again = open_one()
    assert again.oldest == 11
    with pytest.raises(CursorCompacted):
        await again.read(9)
    assert await _read_all(again, 10) == records(11, 30)


@ON_DISK_AND_IN_MEMORY
async def test_what_exceeds_the_bytes_is_compacted_oldest_first(open_one: Open, where: Path | None) -> None:
    """As many of the oldest go as are too much, in chunks, without anyone asking, and the rest is whole."""
    journal = open_one(where, retention_bytes=10_000)
    given = records(1, 5000, payload=bytes(10))
    for start in range(0, 5000, 1000):
        await _appended(journal, given[start : start + 1000])
    await journal.compact()
    assert journal.oldest == 4001
    assert journal.stats().payload_bytes == 10_000
    assert await _read_all(journal, 4000) == given[4000:]


async def test_everything_may_be_compacted(open_one: Open) -> None:
    """An empty journal keeps its head, so that sequences and cursors go on."""
    journal = open_one(at=NOW_US + 10**15)
    await _appended(journal, records(1, 3, key="k"))
    await journal.compact()
    assert (journal.oldest, journal.head) == (4, 3)
    assert journal.stats().oldest_time_us is None
    assert journal.stats().newest_time_us == NOW_US + 3000
    assert await journal.read(3) == Batch((), 3)
    await journal.close()
    again = open_one()
    assert (again.oldest, again.head, again.stats().newest_time_us) == (4, 3, NOW_US + 3000)
    assert list(again.load_latest()) == [record(3, key="k")]
    await _appended(again, [record(4)])
    assert (again.oldest, again.stats().oldest_time_us) == (4, NOW_US + 4000)
    assert (await again.read(3)).records == (record(4),)


@ON_DISK_AND_IN_MEMORY
async def test_the_newest_record_of_a_key_outlives_compaction(open_one: Open, where: Path | None) -> None:
    """Whatever was folded at checkpoints, at compaction or not yet: each key comes once, by rising sequence."""
    journal = open_one(where, at=NOW_US + 10**15)
    given = [record(n, key=f"k{n % 7}" if n % 10 else "") for n in range(1, 9001)]
    await _appended(journal, given[:5000])
    await _appended(journal, given[5000:])
    newest = {r.key: r for r in given if r.key}
    wanted = sorted(newest.values(), key=lambda r: r.sequence)
    assert list(journal.load_latest()) == wanted
    await journal.compact()
    assert journal.oldest == 9001
    assert list(journal.load_latest()) == wanted
    await _appended(journal, [record(9001, key="k3")])
    assert list(journal.load_latest()) == [*(r for r in wanted if r.key != "k3"), record(9001, key="k3")]


@pytest.mark.parametrize("compacted", [True, False])
async def test_forgotten_keys_are_not_loaded_unless_they_come_again(open_one: Open, compacted: bool) -> None:
    """Forgetting holds for what was appended before it, kept or not yet folded, and over a restart."""
    journal = open_one(at=NOW_US + 10**15)
    await _appended(journal, [record(1, key="old"), record(2, key="again"), record(3, key="stays")])
    if compacted:
        await journal.compact()
    journal.forget(["old", "again", "unknown"])
    await _appended(journal, [record(4, key="again")])
    wanted = [record(3, key="stays"), record(4, key="again")]
    assert list(journal.load_latest()) == wanted
    await journal.compact()
    assert list(journal.load_latest()) == wanted
    journal.forget(["again"])
    await journal.close()
    assert list(open_one().load_latest()) == [record(3, key="stays")]


async def test_readers_that_race_compaction_see_no_hole(open_one: Open) -> None:
    """Each read continues without a gap, or is told that it was overtaken, whatever is deleted meanwhile."""
    journal = open_one(tail_records=10, retention_bytes=500)

    async def follow(position: int) -> None:
        while position < journal.head:
            try:
                batch = await journal.read(position, max_records=20)
            except CursorCompacted as error:
                position = error.oldest - 1
                continue
            sequences = [r.sequence for r in batch.records]
            assert sequences == list(range(position + 1, batch.position + 1))
            position = batch.position

    for first in range(1, 4000, 400):
        journal.append(records(first, first + 399, payload=bytes(10)))
        await journal.committed(first + 399)
        async with asyncio.TaskGroup() as tasks:
            for position in range(first - 1, first + 399, 50):
                tasks.create_task(follow(position))
            tasks.create_task(journal.compact())
        assert journal.oldest == first + 350
        with pytest.raises(CursorCompacted):
            await journal.read(first)


async def test_close_writes_what_is_queued_and_refuses_more(open_one: Open) -> None:
    """Who waits is told, what was appended is there at the next open, and closing again is harmless."""
    journal = open_one()
    told: list[int] = []
    waiting = asyncio.create_task(journal.wait_beyond(10))
    await asyncio.sleep(0)
    journal.append(records(1, 3), lambda: told.append(journal.head))
    await asyncio.gather(journal.close(), journal.close())
    assert told == [3]
    with pytest.raises(JournalUnavailable, match="closed"):
        await waiting
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.append([record(4)])
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.forget(["k"])
    for refused in (journal.committed(4), journal.read(0), journal.wait_beyond(0), journal.sequence_before(0)):
        with pytest.raises(JournalUnavailable, match="closed"):
            await refused
    for also_refused in (journal.capacity(), journal.compact()):
        with pytest.raises(JournalUnavailable, match="closed"):
            await also_refused
    await journal.committed(3)
    await journal.close()
    assert await _read_all(open_one()) == records(1, 3)


async def test_one_journal_per_directory(open_one: Open) -> None:
    """A second one is refused while the first is open, and takes over when it is closed."""
    journal = open_one()
    with pytest.raises(DataDirInUse):
        open_one()
    await journal.close()
    open_one()


def test_a_journal_needs_a_loop_before_it_touches_the_disk(tmp_path: Path) -> None:
    """Opened outside a running loop, without one given, it refuses and leaves nothing behind."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        open_journal(tmp_path / "data")
    assert not (tmp_path / "data").exists()
