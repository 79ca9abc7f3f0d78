"""What commands write: lines, tables and JSON on standard output; errors and remarks on standard error."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

__all__ = ["Failure", "plain", "quiet_grpc", "remark", "table", "write", "write_json", "write_table"]

_BROKEN_PIPE: Final = 141  # 128 + SIGPIPE, as other tools end
_GAP: Final = "  "
_NARROWEST: Final = 8


class Failure(click.ClickException):
    """Ends the command with an exit code; each line of the message stands behind "error:"."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click has one for each class

    def show(self, file: Any = None) -> None:
        """Writes the message to standard error."""
        for line in self.message.splitlines():
            click.echo(f"error: {line}", file=file, err=True)


def quiet_grpc() -> None:
    """Keeps gRPC's core, before it is imported, from remarks of its own between our lines, which say what to do."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def write(line: str) -> None:
    """Writes a line at once. When nobody reads any more, the command ends quietly."""
    try:
        click.echo(line)
    except BrokenPipeError as error:
        # What is left in the buffer must not be complained about when the interpreter flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(_BROKEN_PIPE) from error


def remark(line: str) -> None:
    """Tells the person at the terminal something that is not output."""
    click.echo(line, err=True)


def write_json(value: Any, *, on_one_line: bool = False) -> None:
    """Writes a JSON value, for people or as one line of many."""
    if on_one_line:
        write(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    else:
        write(json.dumps(value, ensure_ascii=False, indent=2))


def write_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: Sequence[str] = ()) -> None:
    """Writes rows as aligned columns. On a terminal, `elastic` columns give way until lines fit its width."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table(headers, rows, elastic=elastic, width=width):
        write(line)


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: Sequence[str] = (), width: int | None = None
) -> list[str]:
    """The lines of a table.

    Args:
        headers: The columns' names; a column without any value is left out.
        rows: A text for each column.
        elastic: Columns that may be cut to fit the width, the widest first. The others hold what people copy.
        width: How long lines may be; None means any length.
    """
    shown = [[plain(cell) for cell in row] for row in rows]
    kept = [index for index in range(len(headers)) if not rows or any(row[index] for row in shown)]
    lines = [[headers[index] for index in kept], *([row[index] or "-" for index in kept] for row in shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(kept))]
    if width is not None:
        _shrink(widths, [column for column, index in enumerate(kept) if headers[index] in elastic], width)
    return [
        _GAP.join(_cut(cell, room).ljust(room) for cell, room in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _shrink(widths: list[int], elastic: Sequence[int], width: int) -> None:
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max(elastic, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1


def _cut(cell: str, room: int) -> str:
    return cell if len(cell) <= room else f"{cell[: room - 1]}…"


def plain(cell: str) -> str:
    """Text from elsewhere, made unable to move the cursor or to start a new line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cell)
