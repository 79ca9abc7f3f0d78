"""The connection of a client command to a gateway, and what its errors look like to people."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from gateway.cli.output import Failure
from gateway.cli.parameters import duration

if TYPE_CHECKING:
    import grpc

__all__ = ["address_option", "client_options", "failure_of", "open_channel", "rpc_failures"]

REFUSED: Final = 1
UNAVAILABLE: Final = 3
_DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_AGAIN: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED"})
_LOOPBACK: Final = ("127.", "localhost:", "[::1]:", "unix:")
T = TypeVar("T")

address_option: Final = click.option(
    "--address",
    envvar="CALLSTREAM_ADDRESS",
    default=_DEFAULT_ADDRESS,
    show_default=True,
    show_envvar=True,
    help="The gateway: host:port or unix:/path.",
)


def client_options(timeout: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command --address, --timeout and --json.

    Args:
        timeout: The default of --timeout; None waits as long as it takes.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        command = click.option("--json", "as_json", is_flag=True, help="Write the contract's messages as JSON.")(
            command
        )
        command = click.option(
            "--timeout",
            type=duration,
            envvar="CALLSTREAM_TIMEOUT",
            default=timeout,
            show_default=True if timeout else "none",
            show_envvar=True,
            help="How long to wait for the answer.",
        )(command)
        return address_option(command)

    return decorate


@contextlib.contextmanager
def open_channel(address: str) -> Iterator["grpc.Channel"]:
    """A channel without encryption, closed at the end. Nothing is connected before the first RPC."""
    # gRPC's core writes its own remarks on failed connections to standard error; ours say what to do.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    options: list[tuple[str, Any]] = [
        # A watch whose connection died without a word is noticed, and taken up again.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", -1),
    ]
    if address.startswith(_LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    with grpc.insecure_channel(address, options) as channel:
        yield channel


@contextlib.contextmanager
def rpc_failures(address: str, hint: str = "") -> Iterator[None]:
    """Turns a failed RPC into a failed command.

    Args:
        address: Where the gateway was expected.
        hint: What to do when it isn't known whether the command took effect.

    Raises:
        Failure: The RPC failed.
    """
    import grpc

    try:
        yield
    except grpc.RpcError as error:
        raise failure_of(error, address, hint) from error


def failure_of(error: "grpc.RpcError", address: str, hint: str = "") -> Failure:
    """What a command says of a failed RPC: reason and message, a line for each wrong field, the hint if it helps."""
    status = error.code().name
    reason, violations = _details(error)
    if status == "UNAVAILABLE" and not reason:
        lines = [
            f"no gateway answers at {address} ({error.details()})",
            "is `callstream serve` running there? See --address",
        ]
    elif status == "DEADLINE_EXCEEDED" and not reason:
        lines = ["DEADLINE_EXCEEDED: no answer in time; see --timeout"]
    elif violations:
        lines = [f"{reason or status}: {violation}" for violation in violations]
    else:
        lines = [f"{reason or status}: {error.details()}"]
    if hint and status in {"ABORTED", "DEADLINE_EXCEEDED"}:
        lines.append(hint)
    return Failure("\n".join(lines), UNAVAILABLE if status in _AGAIN else REFUSED)


def _details(error: "grpc.RpcError") -> tuple[str, list[str]]:
    """The reason of ErrorInfo, and what BadRequest says of each field."""
    from google.rpc import error_details_pb2  # type: ignore[import-untyped]
    from grpc_status import rpc_status  # type: ignore[import-untyped]

    try:
        status = rpc_status.from_call(error)
    except ValueError:  # another server's trailers
        status = None
    reason, violations = "", []
    for detail in status.details if status is not None else ():
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad_request):
            violations = [f"{wrong.field}: {wrong.description}" for wrong in bad_request.field_violations]
    return reason, violations
