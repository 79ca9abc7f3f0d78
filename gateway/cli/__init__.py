"""The command line, `callstream`: one module for each command, imported when it is called for."""

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

__all__ = ["callstream", "main"]

# In the order in which a newcomer needs them.
_COMMANDS: Final = {
    "demo": "gateway.cli.demo",
    "emulator": "gateway.cli.emulator",
    "serve": "gateway.cli.serve",
    "check-config": "gateway.cli.check_config",
    "token": "gateway.cli.token",
    "health": "gateway.cli.health",
    "call": "gateway.cli.client.call",
    "stream": "gateway.cli.client.stream",
    "version": "gateway.cli.version",
}
_INTERRUPTED: Final = 130

_EPILOG: Final = """\b
Exit codes:
  0    done
  1    refused by the server; not serving (health); failed (demo)
  2    wrong usage or settings
  3    not connected, unavailable, or no answer in time: trying again may help
  4    could not start: port taken; certificate, tokens file or data directory unusable, package missing
  5    RELAY refuses the credentials
  6    ended at once by a second signal (serve)
  130  interrupted
  141  the reader of the output has gone
"""


class _Commands(click.Group):
    """Finds commands by name without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; a usage error for any other name, with the nearest one."""
        if cmd_name not in _COMMANDS:
            near = difflib.get_close_matches(cmd_name, _COMMANDS, 1)
            ctx.fail(f"No such command {cmd_name!r}." + (f" Did you mean {near[0]}?" if near else ""))
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def callstream() -> None:
    """A gRPC gateway for SignalWire RELAY call streaming.

    \b
    callstream demo                    see the whole of it work on this machine
    callstream emulator                a RELAY to develop against, without an account
    callstream serve                   the gateway
    callstream call list --wait        a call comes in
    callstream call answer CALL
    callstream stream start CALL wss://example.com/audio
    callstream stream watch --from-oldest
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits with its code.

    Args:
        arguments: The words after `callstream`; those of the process by default.
    """
    try:
        code = callstream.main(arguments, prog_name="callstream", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)
