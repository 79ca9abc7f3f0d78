"""Who is woken by which records."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import JournalUnavailable
from gateway.journal.interests import Interests
from gateway.journal.record import Filter, Record
from gateway.journal.sqlite import open_journal
from tests.support.journal_records import record

SESSION = 60
FILTERS: Mapping[str, Filter | None] = {
    "everything": None,
    "call": Filter(call_ids=frozenset({"a"})),
    "calls": Filter(call_ids=frozenset({"a", "b"})),
    "call and session": Filter(call_ids=frozenset({"a"}), unscoped_types=frozenset({SESSION})),
    "call and type": Filter(call_ids=frozenset({"a"}), types=frozenset({2})),
    "type": Filter(types=frozenset({2})),
    "labels": Filter(labels={"x": "1"}),
}


def waiting(interests: Interests, match: Filter | None) -> "tuple[asyncio.Task[int], asyncio.Future[int]]":
    """One that waits for what matches."""
    waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    return asyncio.create_task(interests.wait(match, waiter)), waiter


records_of = st.builds(
    lambda call, kind, labels: (call, kind, labels),
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from([1, 2, SESSION]),
    st.sampled_from([{}, {"x": "1"}, {"x": "2"}]),
)


@given(st.lists(st.lists(records_of, min_size=1, max_size=4), min_size=1, max_size=4))
def test_wakes_before_the_first_match_and_not_sooner(
    commits: list[list[tuple[str, int, dict[str, str]]]],
) -> None:
    """Whatever is committed: each wakes exactly where a reader of everything would have found its first match."""

    async def run() -> None:
        interests = Interests()
        tasks = {name: waiting(interests, match)[0] for name, match in FILTERS.items()}
        await asyncio.sleep(0)
        assert len(interests) == len(FILTERS)
        written: list[Record] = []
        for commit in commits:
            new = [
                record(len(written) + index, call_id=call, type=kind, labels=labels)
                for index, (call, kind, labels) in enumerate(commit, 1)
            ]
            written += new
            interests.tell(new)
        await asyncio.sleep(0)
        for name, match in FILTERS.items():
            matching = [each.sequence for each in written if match is None or match.matches(each)]
            assert tasks[name].done() == bool(matching)
            if matching:
                assert tasks[name].result() == matching[0] - 1
            else:
                tasks[name].cancel()
        await asyncio.wait(tasks.values())
        assert not len(interests)

    asyncio.run(run())


async def test_who_leaves_is_forgotten() -> None:
    """One that is cancelled, or whose future is completed by its owner, leaves nothing; the others wait on."""
    interests = Interests()
    stays, _ = waiting(interests, FILTERS["calls"])
    cancelled, _ = waiting(interests, FILTERS["calls"])
    woken, waiter = waiting(interests, FILTERS["call"])
    await asyncio.sleep(0)
    cancelled.cancel()
    waiter.set_result(7)
    assert await woken == 7
    await asyncio.wait([cancelled])
    assert len(interests) == 1
    interests.tell([record(8, call_id="b")])
    assert await stays == 7


async def test_everybody_hears_of_the_end() -> None:
    """Closing the journal ends every wait."""
    journal = open_journal(None)
    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(journal.wait_for(0, match, loop.create_future())) for match in FILTERS.values()]
    await asyncio.sleep(0)
    await journal.close()
    for task in tasks:
        with pytest.raises(JournalUnavailable):
            await task
    with pytest.raises(JournalUnavailable):
        await journal.wait_for(0, None, loop.create_future())


async def test_what_is_there_already_is_not_waited_for() -> None:
    """Behind the head the reader has to look for itself; a filter that accepts everything is none."""
    journal = open_journal(None)
    loop = asyncio.get_running_loop()
    journal.append([record(1, call_id="b")])
    await journal.committed(1)
    assert await journal.wait_for(0, FILTERS["call"], loop.create_future()) == 0
    task = asyncio.create_task(journal.wait_for(1, Filter(), loop.create_future()))
    await asyncio.sleep(0)
    journal.append([record(2, call_id="b")])
    assert await task == 1
    await journal.close()
