"""`callstream emulator`: a RELAY to develop against."""

from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.extras import COULD_NOT_START, emulator_packages
from gateway.cli.output import Failure, remark
from gateway.cli.parameters import duration
from gateway.cli.signals import run_until_signal
from gateway.logs.setup import configure_logging

__all__ = ["command"]

_TOKEN: Final = "demo-token"  # noqa: S105 - made up, and told to everybody
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LEVELS = click.Choice(["debug", "info", "warning", "error"])
_FORMATS = click.Choice(["auto", "console", "json"])


@click.command("emulator", short_help="Run a RELAY server on this machine, to develop against.")
@click.option("--listen", default="127.0.0.1:8765", show_default=True, help="RELAY's WebSocket: host:port.")
@click.option("--control", default="127.0.0.1:8766", show_default=True, help="HTTP control: host:port, or none.")
@click.option("--project", default="demo", show_default=True, help="The project that may connect.")
@click.option("--token", default=_TOKEN, show_default=True, help="Its API token. Made up: not a real one.")
@click.option("--jwt", metavar="TOKEN", help="A JWT that may connect as the project, too.")
@click.option("--tls-certificate", type=_FILE, help="Serve wss:// with this PEM chain.")
@click.option("--tls-key", type=_FILE, help="The chain's PEM key.")
@click.option("--ca-file", type=_FILE, help="PEM certificates to trust for stream endpoints and webhooks.")
@click.option("--audio-file", type=_FILE, help="WAV file to stream in place of the built-in sample.")
@click.option("--allow-insecure-stream-urls", is_flag=True, help="Take ws:// stream URLs on this machine.")
@click.option("--call-every", type=duration, help="Place an inbound call this often.")
@click.option("--call-context", default="default", show_default=True, help="The context of those calls.")
@click.option("--call-lifetime", type=duration, help="End every call so long after its answer.")
@click.option(
    "--finished-at-call-end",
    type=click.Choice(["before", "after", "late", "omitted"]),
    default="before",
    show_default=True,
    help="When `finished` of a call's streams comes: before `ended`, after it, late, never.",
)
@click.option(
    "--on-unreachable",
    type=click.Choice(["silence", "finished"]),
    default="silence",
    show_default=True,
    help="What is said of a stream whose endpoint can't be reached.",
)
@click.option("--log-level", type=_LEVELS, default="info", show_default=True, help="What is logged to standard error.")
@click.option(
    "--log-format", type=_FORMATS, default="auto", show_default=True, help="auto: console on a terminal, else JSON."
)
def command(**flags: Any) -> None:
    """Run a RELAY server on this machine, to develop against.

    It takes the RELAY protocol over WebSocket, answers and places calls, and really streams audio to stream
    URLs. Calls, hang-ups, digits and faults are asked for over HTTP; GET / of the control address lists how.
    Durations are seconds or like 500ms, 90s.

    \b
    callstream emulator
    curl -X POST http://127.0.0.1:8766/calls
    """
    with emulator_packages():
        from gateway.emulator.server import EmulatorOptions, run_emulator

    level, log_format = flags.pop("log_level"), flags.pop("log_format")
    project, token, jwt = flags.pop("project"), flags.pop("token"), flags.pop("jwt")
    if flags["control"] == "none":
        flags["control"] = None
    try:
        options = EmulatorOptions(**flags, projects={project: token}, jwt_tokens={jwt: project} if jwt else {})
        configure_logging(level, log_format)
        run_until_signal(
            run_emulator(options, lambda emulator: _announce(emulator.url, emulator.control_url, project, token))
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        message = f"cannot listen: {error.strerror or error}; see --listen and --control"
        raise Failure(message, COULD_NOT_START) from error


def _announce(relay_url: str, control_url: str | None, project: str, token: str) -> None:
    remark(f"callstream emulates RELAY on {relay_url}")
    if control_url is not None:
        remark(f"HTTP control on {control_url}")
    scheme, _, host = relay_url.partition("://")
    shown = token if token == _TOKEN else "…"  # any other one may be in use elsewhere
    remark(
        "the gateway connects with\n"
        f"  export SIGNALWIRE_PROJECT_ID={project} SIGNALWIRE_API_TOKEN={shown} "
        f"SIGNALWIRE_RELAY_HOST={host} SIGNALWIRE_RELAY_SCHEME={scheme}"
    )
