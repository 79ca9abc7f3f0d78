"""Tables, JSON, and an end of the pipe."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import Failure, plain, table, write_json, write_table

ROWS: Sequence[Sequence[str]] = [["a", "", "long text here"], ["bb", "", ""]]


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    """A missing cell is a dash, a missing column is none."""
    assert table(["ID", "NONE", "TEXT"], ROWS) == ["ID  TEXT", "a   long text here", "bb  -"]


def test_a_table_without_rows_has_its_headers() -> None:
    """So that nothing found looks different from nothing done."""
    assert table(["A", "B"], []) == ["A  B"]


def test_elastic_columns_give_way_to_the_width() -> None:
    """The widest first, with an ellipsis; what people copy stays whole."""
    rows = [["0123456789abcdef", "x" * 30, "y" * 12]]
    lines = table(["ID", "URL", "NAME"], rows, elastic=["URL", "NAME"], width=40)
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("0123456789abcdef  xxxx")
    assert "…" in lines[1]


def test_columns_are_never_cut_to_nothing() -> None:
    """On a very narrow terminal lines wrap."""
    assert len(table(["ID", "URL"], [["0" * 30, "x" * 30]], elastic=["URL"], width=10)[1]) == 30 + 2 + 8
    assert table(["ID"], [["0" * 30]], width=10)[1] == "0" * 30


@given(st.text())
def test_text_from_elsewhere_cannot_move_the_cursor(text: str) -> None:
    """Every character is printable: no escape sequence, no new line."""
    assert plain(text).isprintable()


def test_tables_fit_a_terminal_and_are_whole_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that reads them gets everything."""
    monkeypatch.setenv("COLUMNS", "20")
    write_table(["URL"], [["x" * 50]], elastic=["URL"])
    assert "x" * 50 in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_table(["URL"], [["x" * 50]], elastic=["URL"])
    assert capsys.readouterr().out.splitlines()[1] == "x" * 19 + "…"


def test_json_is_for_people_or_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The same value either way, and no escapes for other languages."""
    write_json({"a": ["é"]})
    write_json({"a": ["é"]}, on_one_line=True)
    whole = capsys.readouterr().out
    assert whole.endswith('{"a":["é"]}\n')
    assert json.loads(whole.rsplit("{", 1)[0]) == {"a": ["é"]}


def test_each_line_of_a_failure_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error."""
    failure = Failure("one\ntwo", 3)
    failure.show()
    assert failure.exit_code == 3
    assert capsys.readouterr().err == "error: one\nerror: two\n"


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    """As `… | head -1` does: the exit code of SIGPIPE, and not a word."""
    script = "from gateway.cli.output import write\nimport click\ntry:\n  for n in range(10**6): write(str(n))\n"
    script += "except click.exceptions.Exit as error: raise SystemExit(error.exit_code)\n"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
