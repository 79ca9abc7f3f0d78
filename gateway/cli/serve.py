"""`callstream serve`: the gateway."""

import os
from typing import Any

import click

from gateway.cli.configuration import load, setting_options
from gateway.cli.output import Failure, quiet_grpc, remark
from gateway.logs.setup import configure_logging
from gateway.settings.operations import otlp_secrets

__all__ = ["command"]


@click.command("serve", short_help="Serve gRPC to clients, over one RELAY session.")
@setting_options
def command(**flags: Any) -> None:
    """Serve gRPC to clients, over one RELAY session.

    Credentials come from SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN, or from SIGNALWIRE_JWT_TOKEN; there is
    no flag for tokens, as other processes can read flags. A flag beats its environment variable, which beats the
    file that --config names; `callstream check-config` shows what is in force. Durations are seconds or like
    500ms, 90s, 36h, 7d; sizes are bytes or like 500MB, 1GiB.

    One line on standard error tells the address once gRPC is served. RELAY may not be connected by then:
    `callstream health` tells that. SIGTERM and SIGINT let open requests end before the process does; a second one
    ends it at once.

    \b
    Exit codes:
      0  ended by a signal, everything finished
      2  wrong settings
      4  could not start: address taken, TLS certificate or data directory unusable
      5  RELAY refuses the credentials
      6  ended at once by a second signal
    """
    settings = load(flags).settings
    secrets = (*settings.secrets, *otlp_secrets(os.environ))
    configure_logging(settings.log_level, settings.log_format, secrets)
    if settings.log_level != "debug":
        quiet_grpc()
    import uvloop

    from gateway.server import StartFailed, serve

    try:
        uvloop.run(serve(settings, on_ready=_announce, on_drained=_end))
    except StartFailed as error:
        raise Failure(str(error), error.exit_code) from error


def _announce(address: str) -> None:
    remark(f"callstream serves gRPC on {address}")


def _end() -> None:
    """Ends here: see `serve`, and nothing that Python does at its end (waiting for threads) can hold it up any more."""
    os._exit(0)
