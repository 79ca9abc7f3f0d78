"""Which records a filter lets through."""

import pytest

from gateway.journal.record import Filter
from tests.support.journal_records import record

RECORD = record(1, call_id="c1", control_id="s1", type=3, labels={"team": "a", "env": "p"}, context="sales")


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
        (Filter(contexts=frozenset({"sales", "support"})), True),
        (Filter(contexts=frozenset({"support"})), False),
        (Filter(contexts=frozenset({"support"}), unscoped_types=frozenset({3})), True),
        (Filter(stream_labels={"team": "a"}), True),
        (Filter(stream_labels={"team": "b"}), False),
        (Filter(labels={"env": "p"}, stream_labels={"team": "b"}), False),
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
    assert not Filter(contexts=frozenset({"sales"})).accepts_all
    assert not Filter(stream_labels={"a": "b"}).accepts_all


def test_labels_of_streams_are_not_asked_of_calls() -> None:
    """A reader that may see some streams only still sees the calls, which have no labels."""
    of_call = record(2, call_id="c1", type=20)
    assert Filter(stream_labels={"team": "a"}).matches(of_call)
    assert not Filter(labels={"team": "a"}).matches(of_call)


def test_a_record_of_no_context_is_hidden_from_readers_of_some() -> None:
    """An outbound call, or one that nobody has reported yet, is of nobody's context."""
    assert not Filter(contexts=frozenset({"sales"})).matches(record(3, call_id="c2"))
