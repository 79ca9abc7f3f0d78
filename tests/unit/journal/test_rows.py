"""Records become rows and rows records, and what can't be stored is refused before it is queued."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.journal.record import Record
from gateway.journal.rows import COLUMNS, MAX_PAYLOAD_BYTES, checked_bytes, insert_statements, to_record
from gateway.journal.schema import migrate
from tests.support.journal_records import record, records

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGER = st.integers(-(2**63) + 1, 2**63 - 1)
RECORDS = st.lists(
    st.builds(
        Record,
        sequence=st.just(0),
        event_id=TEXT,
        type=INTEGER,
        call_id=TEXT,
        control_id=TEXT,
        key=TEXT,
        time_us=INTEGER,
        labels=st.dictionaries(TEXT, TEXT, max_size=2),
        payload=st.binary(max_size=16),
        context=TEXT,
    ),
    max_size=20,
)


def _stored(given_records: list[Record]) -> list[Record]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    for statement, parameters in insert_statements(given_records):
        connection.execute(statement, parameters)
    found = [to_record(row) for row in connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY sequence")]  # noqa: S608
    connection.close()
    return found


@given(RECORDS)
def test_any_record_comes_back_as_it_was(drawn: list[Record]) -> None:
    """Text with NUL or beyond ASCII, extreme numbers and empty values survive SQLite."""
    numbered = [replace(r, sequence=n) for n, r in enumerate(drawn, 1)]
    assert checked_bytes(numbered, 1) == sum(len(r.payload) for r in numbered)
    assert _stored(numbered) == numbered


@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 2500])
def test_any_number_of_records_takes_few_statements(count: int) -> None:
    """Large commits are a handful of statements, so that a busy loop hands over the GIL a handful of times."""
    many = records(1, count)
    assert _stored(many) == many
    assert len(list(insert_statements(many))) <= count // 1024 + 10


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"sequence": 2}, "sequence 2 does not continue the journal: 1 is next"),
        ({"event_id": "\ud800"}, "surrogates not allowed"),
        ({"key": "\ud800"}, "surrogates not allowed"),
        ({"context": "\ud800"}, "surrogates not allowed"),
        ({"labels": {"\ud800": ""}}, "surrogates not allowed"),
        ({"labels": {"a": "\ud800"}}, "surrogates not allowed"),
        ({"type": 2**63}, "more than 64 bits"),
        ({"time_us": 2**63}, "more than 64 bits"),
        ({"payload": bytes(MAX_PAYLOAD_BYTES + 1)}, "more than 67108864"),
    ],
)
def test_what_cannot_be_stored_is_refused(broken: dict[str, object], message: str) -> None:
    """One record that SQLite refuses for ever would keep all later ones from being durable."""
    good = record(1)
    values = {name: getattr(good, name) for name in Record.__struct_fields__} | broken
    with pytest.raises(ValueError, match=message):
        checked_bytes([Record(**values)], 1)
