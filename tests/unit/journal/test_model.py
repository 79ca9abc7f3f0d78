"""The journal against a list: whatever is done in whatever order, both say the same."""

import asyncio
import functools
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.domain.errors import CursorCompacted
from gateway.journal.options import JournalOptions
from gateway.journal.record import Filter, Record
from gateway.journal.sqlite import open_journal
from tests.support.journal_records import NOW_US, record

T = TypeVar("T")
KEYS = st.sampled_from(["", "a", "b", "c"])
FILTERS = st.builds(
    Filter,
    call_ids=st.frozensets(st.sampled_from(["c0", "c1"])),
    control_ids=st.frozensets(st.sampled_from(["s0", "s1"])),
    types=st.frozensets(st.integers(0, 2)),
    labels=st.dictionaries(st.just("l"), st.sampled_from(["0", "1"])),
    unscoped_types=st.frozensets(st.integers(0, 2)),
)
RETENTION_BYTES = 400


class JournalMachine(RuleBasedStateMachine):
    """Appends, compacts, forgets, reopens and reads; the model is a list of records and a dictionary of the newest."""

    @initialize(tail_records=st.sampled_from([0, 3, 1000]))
    def open(self, tail_records: int) -> None:
        """Begin with an empty directory."""
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.options = JournalOptions(
            retention_bytes=RETENTION_BYTES,
            retention_seconds=10**6,
            tail_records=tail_records,
            compaction_interval=3600,
        )
        self.everything: list[Record] = []
        self.oldest = 1
        self.latest: dict[str, Record] = {}
        self._open()
        self.epoch = self.journal.epoch

    def _open(self) -> None:
        self.journal = open_journal(Path(self.directory.name), self.options, loop=self.loop, now_us=lambda: NOW_US)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @rule(
        batches=st.lists(
            st.lists(
                st.tuples(KEYS, st.integers(0, 1), st.integers(0, 1), st.integers(0, 2), st.integers(0, 40)), max_size=4
            ),
            max_size=3,
        )
    )
    def append(self, batches: list[list[tuple[str, int, int, int, int]]]) -> None:
        """Each append is told in order once it is durable."""
        told: list[int] = []

        async def append_all() -> None:
            for batch in batches:
                given = []
                for key, call, control, number, size in batch:
                    made = record(
                        len(self.everything) + 1,
                        key=key,
                        call_id=f"c{call}",
                        control_id=f"s{control}",
                        type=number,
                        labels={"l": str((call + control) % 2)},
                        payload=bytes(size),
                    )
                    self.everything.append(made)
                    given.append(made)
                    if key:
                        self.latest[key] = made
                self.journal.append(given, functools.partial(told.append, len(self.everything)))
            await self._commit()

        before = len(self.everything)
        self._run(append_all())
        lengths = [len(batch) for batch in batches]
        assert told == [before + sum(lengths[: index + 1]) for index in range(len(batches))]
        # More than a sixteenth over its bytes the journal compacts by itself, in the writer's own time.
        self._compact()

    @rule()
    def compact(self) -> None:
        """The oldest go until the payload fits."""
        self._compact()

    def _compact(self) -> None:
        self._run(self.journal.compact())
        kept = sum(len(r.payload) for r in self.everything[self.oldest - 1 :])
        while kept > RETENTION_BYTES:
            kept -= len(self.everything[self.oldest - 1].payload)
            self.oldest += 1

    @rule(keys=st.sets(st.sampled_from(["a", "b", "c", "unknown"])))
    def forget(self, keys: set[str]) -> None:
        """Forgotten keys are gone at the next commit."""
        self.journal.forget(keys)
        for key in keys:
            self.latest.pop(key, None)
        self._run(self._commit())

    async def _commit(self) -> None:
        done = asyncio.Event()
        self.journal.append([], done.set)
        await done.wait()

    @rule(after=st.floats(0, 1), match=st.none() | FILTERS, limit=st.integers(1, 5), size=st.integers(1, 100))
    def read(self, after: float, match: Filter | None, limit: int, size: int) -> None:
        """From any position with any filter and any bounds, the same records; before the oldest, the error."""
        position = round(after * len(self.everything))
        wanted = [r for r in self.everything[position:] if match is None or match.matches(r)]
        if position < self.oldest - 1:
            with pytest.raises(CursorCompacted) as caught:
                self._run(self.journal.read(position, match))
            assert caught.value.oldest == self.oldest
            return
        found: list[Record] = []
        while position < len(self.everything):
            batch = self._run(self.journal.read(position, match, max_records=limit, max_bytes=size))
            assert len(batch.records) <= limit
            assert len(batch.records) == 1 or sum(len(r.payload) for r in batch.records) <= size
            assert batch.position > position
            position = batch.position
            found += batch.records
        assert position == len(self.everything)
        assert found == wanted

    @rule(after=st.floats(0, 1))
    def find_by_time(self, after: float) -> None:
        """The position before a record's time is the one before the record, within what is left."""
        sequence = round(after * len(self.everything))
        time_us = NOW_US + 1000 * sequence
        assert self._run(self.journal.sequence_before(time_us)) == max(self.oldest - 1, sequence - 1)

    @rule()
    def reopen(self) -> None:
        """A restart changes nothing."""
        self._run(self.journal.close())
        self._open()

    @invariant()
    def bounds_and_latest_agree(self) -> None:
        """Bounds, ids and the newest of each key are the model's at any time."""
        assert self.journal.epoch == self.epoch
        assert self.journal.head == self.journal.last_sequence == len(self.everything)
        assert self.journal.oldest == self.oldest
        assert list(self.journal.load_latest()) == sorted(self.latest.values(), key=lambda r: r.sequence)
        live = self.everything[self.oldest - 1 :]
        assert self.journal.recent_event_ids(3) == [r.event_id for r in live[-3:]]
        assert self.journal.stats().payload_bytes == sum(len(r.payload) for r in live)

    def teardown(self) -> None:
        """Leave nothing."""
        self._run(self.journal.close())
        self.loop.close()
        self.directory.cleanup()


TestJournalAgainstAList = JournalMachine.TestCase
TestJournalAgainstAList.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
