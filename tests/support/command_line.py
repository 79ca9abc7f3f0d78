"""Runs `callstream` commands as a shell would see them."""

from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from gateway.cli import callstream

__all__ = ["Ran", "run"]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


def run(*words: str, stdin: str | None = None, environment: dict[str, str | None] | None = None) -> Ran:
    """Runs a command in this process; what it did not foresee is raised here."""
    result = CliRunner().invoke(callstream, words, input=stdin, env=environment, prog_name="callstream")
    unforeseen: Any = result.exception
    if unforeseen is not None and not isinstance(unforeseen, SystemExit):
        raise unforeseen
    return Ran(result.exit_code, result.stdout, result.stderr)
