"""`callstream token`: tokens for the clients of a gateway."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from gateway.access.client import Scope
from gateway.access.entry import Entry, add_entry
from gateway.access.token import digest_of, new_token
from gateway.access.tokens_file import TokensFileUnusable, parse_tokens
from gateway.cli.output import Failure, remark, write
from gateway.cli.parameters import Pair, duration, key_value, labels

__all__ = ["command"]

_WRONG_USAGE: Final = 2
_NOT_WRITTEN: Final = 4


@click.group("token", short_help="Make tokens for the clients of a gateway.")
def command() -> None:
    """Make tokens for the clients of a gateway."""


@command.command("create")
@click.option("--name", required=True, help="The client's name: logs, metrics and limits know it by that.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the token is for; again for each scope.",
)
@click.option("--context", "contexts", multiple=True, help="Only calls that came in on this context; again for more.")
@click.option(
    "--label", "pairs", type=key_value, multiple=True, metavar="KEY=VALUE", help="Only streams with this label."
)
@click.option("--stream-host", "stream_hosts", multiple=True, help="Only audio to this host[:port] or *.domain[:port].")
@click.option("--status-host", "status_hosts", multiple=True, help="Only status webhooks to this host.")
@click.option("--expires-in", type=duration, metavar="DURATION", help="How long the token is valid, like 90d.")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="The tokens file to add the entry to.")
def create(
    name: str,
    scopes: Sequence[str],
    contexts: Sequence[str],
    pairs: Sequence[Pair],
    stream_hosts: Sequence[str],
    status_hosts: Sequence[str],
    expires_in: float | None,
    file: Path | None,
) -> None:
    """Make a token, and show it once.

    The token is the one line on standard output. With --file its entry is added to the tokens file (made as needed,
    mode 0600), which has the token's hash only; a gateway that serves with --tokens-file knows it a second later.
    Without --file the entry is shown after the token, to be put into the file.
    """
    token = new_token()
    entry = Entry(
        name=name,
        sha256=digest_of(token),
        scopes=list(dict.fromkeys(scopes)),
        contexts=contexts,
        labels=labels(pairs),
        stream_hosts=stream_hosts,
        status_hosts=status_hosts,
        not_after=_after(expires_in),
    )
    try:
        parse_tokens(str(entry).encode(), "the new entry")
    except TokensFileUnusable as error:
        raise Failure("\n".join(error.problems), _WRONG_USAGE) from error
    if file is None:
        write(token)
        remark(f"put this into the tokens file:\n\n{entry}")
        return
    try:
        add_entry(file, entry)
    except TokensFileUnusable as error:
        raise Failure("\n".join(error.problems), _NOT_WRITTEN) from error
    except OSError as error:
        raise Failure(f"{file}: {error.strerror or error}", _NOT_WRITTEN) from error
    write(token)
    remark(f"added {name} to {file}; keep the token, nothing else has it")


def _after(seconds: float | None) -> dt.datetime | None:
    try:
        return None if seconds is None else dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    except OverflowError as error:
        raise click.UsageError("--expires-in is too long: leave it out for a token that does not expire") from error
