"""The kinds of values that flags take."""

import datetime as dt
from pathlib import Path
from typing import Any

import click
import pytest

from gateway.cli.parameters import custom_parameters, duration, key_value, labels, moment, token


def test_durations_are_taken() -> None:
    """In seconds, as text or as a default's number."""
    assert duration("90s") == 90
    assert duration(1.5) == 1.5
    with pytest.raises(click.BadParameter, match="'soon' is not a duration"):
        duration("soon")


def test_pairs_are_split_at_the_first_sign() -> None:
    """The value may have more of them, or be empty."""
    assert key_value("a=b=c") == ("a", "b=c")
    assert key_value("a=") == ("a", "")


@pytest.mark.parametrize("text", ["a", "=a", ""])
def test_what_is_no_pair_is_refused(text: str) -> None:
    """A key is needed."""
    with pytest.raises(click.BadParameter, match="is not key=value"):
        key_value(text)


def test_a_token_is_itself_or_in_a_file(tmp_path: Path) -> None:
    """Without the new line that editors leave."""
    path = tmp_path / "token"
    path.write_text("t0ken\n")
    assert token("t0ken") == "t0ken"
    assert token(f"@{path}") == "t0ken"


def test_a_token_that_cannot_be_read_is_not_shown(tmp_path: Path) -> None:
    """It may be a token that begins with @."""
    with pytest.raises(click.BadParameter) as refused:
        token("@s3cret")
    assert "No such file" in refused.value.message
    assert "s3cret" not in refused.value.message
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(click.BadParameter, match="not text"):
        token(f"@{tmp_path / 'binary'}")


def test_a_moment_is_a_time_or_how_long_ago() -> None:
    """With its zone."""
    assert moment("2026-01-31T12:00:00+01:00") == dt.datetime(2026, 1, 31, 11, tzinfo=dt.UTC)
    before = dt.datetime.now(dt.UTC)
    assert before - dt.timedelta(minutes=10) <= moment("10m") <= dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    assert moment("2026-01-31T12:00:00").tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["yesterday", "", f"{10**12}d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With examples."""
    with pytest.raises(click.BadParameter, match="10m for ten minutes ago"):
        moment(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc123", "abc123"), ("5", 5), ("1.5", 1.5), ("true", True), ("null", None), ('{"a": [1]}', {"a": [1]}),
        ('"5"', "5"), ("", ""), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("9007199254740992", 9007199254740992),
        ("9007199254740993", "9007199254740993"), ("-99999999999999999999", "-99999999999999999999"),
        ('{"id": 9007199254740993}', {"id": "9007199254740993"}), ("[" * 100_000, "[" * 100_000),
    ],
)  # fmt: skip
def test_parameters_are_json_where_they_are(text: str, value: Any) -> None:
    """Else text; and no long id loses digits in a double."""
    assert custom_parameters([("k", text)]) == {"k": value}


def test_a_key_comes_once() -> None:
    """Which value was meant can't be known."""
    assert labels([("a", "1"), ("b", "2")]) == {"a": "1", "b": "2"}
    with pytest.raises(click.UsageError, match="'a' is given twice"):
        labels([("a", "1"), ("a", "1")])
