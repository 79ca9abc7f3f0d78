"""`callstream version`."""

import platform
from importlib.metadata import version

import click

from gateway import __version__
from gateway.cli.output import write, write_json

__all__ = ["command"]


@click.command("version", short_help="Show the versions of callstream and what it runs on.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def command(as_json: bool) -> None:
    """Show the versions of callstream and what it runs on."""
    versions = {
        "callstream": __version__,
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
    }
    if as_json:
        write_json(versions)
    else:
        write("\n".join(f"{name} {number}" for name, number in versions.items()))
