"""`callstream check-config`: the settings in force, and where each came from."""

from pathlib import Path
from typing import Any

import click

from gateway.access.tokens_file import TokensFileUnusable, parse_tokens, read_tokens_file
from gateway.cli.configuration import WRONG_SETTINGS, load, setting_options, shown
from gateway.cli.output import Failure, write, write_json, write_table

__all__ = ["command"]


@click.command("check-config", short_help="Show the settings in force, and where each comes from.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@setting_options
def command(as_json: bool, **flags: Any) -> None:
    """Show the settings in force, and where each comes from.

    Takes the flags of `callstream serve`, and refuses what `serve` would refuse: each wrong one on a line, exit code 2.
    The tokens file is read, and what is wrong with it is told as well. Secrets are hidden. Nothing is connected.
    """
    configuration = load(flags)
    settings, origins = configuration.settings, configuration.origins
    _check_tokens(settings.tokens_file)
    values = {name: shown(name, getattr(settings, name)) for name in type(settings).model_fields}
    if as_json:
        write_json(
            {
                "relay_url": settings.endpoint().url,
                "settings": {name: {"value": value, "from": origins[name]} for name, value in values.items()},
            }
        )
        return
    write_table(
        ["SETTING", "VALUE", "FROM"],
        [[name, value, origins[name]] for name, value in values.items()],
        elastic=["VALUE", "FROM"],
    )
    write(f"\nRELAY is at {settings.endpoint().url}")


def _check_tokens(path: str) -> None:
    if path:
        try:
            parse_tokens(read_tokens_file(Path(path)), path)
        except TokensFileUnusable as error:
            raise Failure("\n".join(error.problems), WRONG_SETTINGS) from error
