"""The connection of a client command to a gateway, and what its errors look like to people."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from gateway.cli.client.target import Target, target_options
from gateway.cli.output import Failure, quiet_grpc
from gateway.cli.parameters import duration

if TYPE_CHECKING:
    import grpc

__all__ = ["client_options", "failure_of", "open_channel", "rpc_failures"]

REFUSED: Final = 1
UNAVAILABLE: Final = 3
_AGAIN: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED"})
T = TypeVar("T")


def client_options(timeout: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command --timeout, --json, and the options of `target_options`.

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
        return target_options(command)

    return decorate


@contextlib.contextmanager
def open_channel(target: Target) -> Iterator["grpc.Channel"]:
    """A channel to a gateway, closed at the end. Nothing is connected before the first RPC."""
    quiet_grpc()
    import grpc

    options: list[tuple[str, Any]] = [
        # A watch whose connection died without a word is noticed, and taken up again.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", -1),
    ]
    if target.local:
        options.append(("grpc.enable_http_proxy", 0))
    if target.server_name:
        options.append(("grpc.ssl_target_name_override", target.server_name))
    if target.encrypted:
        credentials = grpc.ssl_channel_credentials(
            _content(target.ca_file), _content(target.client_key_file), _content(target.client_cert_file)
        )
        opened = grpc.secure_channel(target.address, credentials, options)
    else:
        opened = grpc.insecure_channel(target.address, options)
    with opened as channel:
        yield grpc.intercept_channel(channel, _bearer(target.token)) if target.token else channel


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


def _bearer(token: str) -> Any:
    """Shows the token with each RPC."""
    import grpc

    class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
            return continuation(_shown(client_call_details), request)

        intercept_unary_stream = intercept_unary_unary

    def _shown(details: Any) -> _Details:
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {token}")]
        return _Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )

    return Bearer()


@contextlib.contextmanager
def rpc_failures(target: Target, hint: str = "") -> Iterator[None]:
    """Turns a failed RPC into a failed command.

    Args:
        target: Where the gateway was expected.
        hint: What to do when it isn't known whether the command took effect.

    Raises:
        Failure: The RPC failed.
    """
    import grpc

    try:
        yield
    except grpc.RpcError as error:
        raise failure_of(error, target, hint) from error


def failure_of(error: "grpc.RpcError", target: Target, hint: str = "") -> Failure:
    """What a command says of a failed RPC: reason and message, a line for each wrong field, the hint if it helps."""
    status = error.code().name
    reason, violations = _details(error)
    if status == "UNAVAILABLE" and not reason:
        lines = [
            f"no gateway answers at {target} ({error.details()})",
            "is `callstream serve` running there? See --address, --tls and --ca-file",
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
