"""Which records a filter lets through."""

import pytest

from gateway.journal.record import Filter
from tests.support.journal_records import record

RECORD = record(1, call_id="c1", control_id="s1", type=3, labels={"team": "a", "env": "p"})


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Filter(), True),
        (Filter(call_ids=frozenset({"c1", "c2"})), True),
        (Filter(call_ids=frozenset({"c2"})), False),
        (Filter(control_ids=frozenset({"s1"})), True),
        (Filter(control_ids=frozenset({"s2"})), False),
        (Filter(types=frozenset({3})), True),
        (Filter(types=frozenset({4})), False),
        (Filter(labels={"team": "a"}), True),
        (Filter(labels={"team": "a", "env": "q"}), False),
        (Filter(labels={"missing": ""}), False),
        (Filter(call_ids=frozenset({"c2"}), unscoped_types=frozenset({3})), True),
        (Filter(labels={"team": "b"}, types=frozenset({4}), unscoped_types=frozenset({3})), False),
    ],
)
def test_all_conditions_hold_and_unscoped_types_pass_all_but_the_types(wanted: Filter, matches: bool) -> None:
    """A record matches when each condition that is given holds; unscoped types are only asked for their type."""
    assert wanted.matches(RECORD) is matches


def test_only_a_filter_without_conditions_accepts_all() -> None:
    """Unscoped types alone exclude nothing, any condition may."""
    assert Filter(unscoped_types=frozenset({1})).accepts_all
    assert not Filter(types=frozenset({1})).accepts_all
    assert not Filter(labels={"a": "b"}).accepts_all
