"""Which gateway a client command talks to, and how it shows and checks who is who."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.parameters import token as token_parameter
from gateway.relay.endpoint import is_loopback

__all__ = ["Target", "target_options"]

_DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway; as text its address.

    Attributes:
        address: host:port, or unix:/path.
        token: Sent with each RPC.
        tls: Whether the connection is encrypted.
        ca_file: PEM certificates to trust in place of the system's.
        client_cert_file, client_key_file: Who the client is, for mutual TLS.
        server_name: Whom the certificate is to be for, if not for the address.
    """

    address: str
    token: str = ""
    tls: bool = False
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        """Refuses half a client certificate, and to send a token for everyone to read."""
        if (self.client_cert_file is None) != (self.client_key_file is None):
            raise click.UsageError("--client-cert-file and --client-key-file belong together")
        if self.token and not self.encrypted and not self.local:
            raise click.UsageError(f"a token is not sent to {self.address} without encryption: use --tls or --ca-file")

    def __str__(self) -> str:
        return self.address

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return self.address.startswith("unix:") or is_loopback(self.address.rpartition(":")[0])

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken; whatever is said about certificates means that it is."""
        return self.tls or any((self.ca_file, self.client_cert_file, self.server_name))


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say which gateway it talks to; it gets them as `target`."""

    @functools.wraps(command)
    def with_target(*args: Any, address: str, token: str | None, **others: Any) -> None:
        named = {name: others.pop(name) for name in ("tls", *_FILES, "server_name")}
        command(*args, target=Target(address, token or "", **named), **others)

    for option in reversed(_OPTIONS):
        with_target = option(with_target)
    return with_target


_FILES: Final = ("ca_file", "client_cert_file", "client_key_file")
_OPTIONS: Final = (
    click.option(
        "--address",
        envvar="CALLSTREAM_ADDRESS",
        default=_DEFAULT_ADDRESS,
        show_default=True,
        show_envvar=True,
        help="The gateway: host:port or unix:/path.",
    ),
    click.option(
        "--token",
        type=token_parameter,
        envvar="CALLSTREAM_TOKEN",
        show_envvar=True,
        help="The token to show to the gateway. @FILE reads it from a file; others can read a command line.",
    ),
    click.option("--tls", is_flag=True, envvar="CALLSTREAM_TLS", show_envvar=True, help="Encrypt the connection."),
    click.option(
        "--ca-file",
        type=_FILE,
        envvar="CALLSTREAM_CA_FILE",
        show_envvar=True,
        help="Trust these PEM certificates rather than the system's; means --tls, as the next ones do.",
    ),
    click.option(
        "--client-cert-file",
        type=_FILE,
        envvar="CALLSTREAM_CLIENT_CERT_FILE",
        show_envvar=True,
        help="A PEM certificate to show to the gateway (mutual TLS).",
    ),
    click.option(
        "--client-key-file",
        type=_FILE,
        envvar="CALLSTREAM_CLIENT_KEY_FILE",
        show_envvar=True,
        help="Its PEM private key.",
    ),
    click.option(
        "--server-name",
        default="",
        envvar="CALLSTREAM_SERVER_NAME",
        show_envvar=True,
        help="The name in the gateway's certificate, if it isn't in the address.",
    ),
)
