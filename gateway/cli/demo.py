"""`callstream demo`: the whole of it on one machine."""

from pathlib import Path
from typing import Final

import click

from gateway.cli.extras import emulator_packages
from gateway.cli.output import quiet_grpc, write
from gateway.cli.signals import run_until_signal
from gateway.logs.setup import configure_logging

__all__ = ["command"]

_INTERRUPTED: Final = 130


@click.command("demo", short_help="See it work: a call comes in, its audio is checked.")
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to try things out, until Ctrl-C.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("out/demo.wav"),
    show_default=True,
    help="Where the received audio goes.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="error",
    show_default=True,
    help="What the parts log to standard error meanwhile.",
)
@click.pass_context
def command(ctx: click.Context, keep: bool, output: Path, log_level: str) -> None:
    """See it work: a call comes in, its audio is streamed and checked.

    Runs an emulated RELAY, an audio endpoint, the gateway and a client on this machine, without an account, and shows
    what happens between them. Ends with 0 if the audio that arrived is the audio that was sent, and every event came in
    order.
    """
    configure_logging(log_level, "auto")
    quiet_grpc()
    with emulator_packages():
        from gateway.demo.run import run_demo
    code = run_until_signal(run_demo(keep=keep, output=output, echo=write))
    if code is None:
        code = 0 if keep else _INTERRUPTED
    ctx.exit(code)
