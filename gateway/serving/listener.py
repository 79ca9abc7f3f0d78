"""The port that gRPC is served on: how connections behave, who may connect, and why a port can't be had."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from gateway.serving.certificates import Certificates, CertificateUnusable, TlsFiles
from gateway.serving.failure import StartFailed
from gateway.settings.listening import ListenSettings

__all__ = ["listen", "new_server"]

_UNIX: Final = "unix:"
_SOCKET_MASK: Final = 0o117
"""A socket in the file system is for its owner and group."""

_MAX_MESSAGE_BYTES: Final = 8 << 20
"""Beyond this nothing is read; the contract's own bound is lower and answers with a reason (`gateway.service.rpc`)."""
_MAX_METADATA_BYTES: Final = 16 << 10
"""Of all headers of a request together. Without a bound of its own gRPC refuses some at random from 8 KiB on."""

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # two gateways on one port would share its clients by chance
    # A storm of reconnecting watches is let in: beyond 1,000 calls not yet accepted gRPC resets them otherwise.
    ("grpc.server.max_pending_requests", 50_000),
    ("grpc.server.max_pending_requests_hard_limit", 50_000),
    # Clients may ping to find dead connections.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
    # Concurrent streams of a connection are not bounded: beyond the bound watches would wait in silence rather than be
    # told WATCH_LIMIT.
)


def new_server(settings: ListenSettings) -> grpc.aio.Server:
    """A server that nothing is registered with and that listens nowhere yet."""
    options: list[tuple[str, Any]] = list(_OPTIONS)
    if settings.max_connection_age:
        # gRPC adds a jitter of its own, of 10 % to either side.
        options += [
            ("grpc.max_connection_age_ms", _milliseconds(settings.max_connection_age)),
            ("grpc.max_connection_age_grace_ms", _milliseconds(settings.max_connection_age_grace)),
        ]
    if settings.max_connection_idle:
        options.append(("grpc.max_connection_idle_ms", _milliseconds(settings.max_connection_idle)))
    return grpc.aio.server(options=options)


async def listen(server: grpc.aio.Server, settings: ListenSettings) -> str:
    """Binds and starts the server; returns the address with the port that it got.

    Raises:
        StartFailed: The certificate can't be used, or the address can't be had.
    """
    address = settings.listen
    credentials = _credentials(settings)
    path = Path(address.removeprefix(_UNIX)) if address.startswith(_UNIX) else None
    if path is not None and _is_served(path):
        raise StartFailed(f"cannot listen on {address}: another process serves there; end it, or use another --listen")
    try:
        with _mask(_SOCKET_MASK) if path is not None else contextlib.nullcontext():
            port = _bind(server, address, credentials)
    except RuntimeError as error:
        why = _unix_trouble(path) if path is not None else _port_trouble(address)
        raise StartFailed(f"cannot listen on {address}: {why}") from error
    await server.start()
    return address if path is not None else f"{address.rpartition(':')[0]}:{port}"


def _credentials(settings: ListenSettings) -> grpc.ServerCredentials | None:
    if not settings.tls_cert_file:
        return None
    clients = Path(settings.tls_client_ca_file) if settings.tls_client_ca_file else None
    files = TlsFiles(Path(settings.tls_cert_file), Path(settings.tls_key_file), clients)
    try:
        return Certificates(files).credentials()
    except CertificateUnusable as error:
        message = f"TLS certificate: {error}; see --tls-cert-file, --tls-key-file and --tls-client-ca-file"
        raise StartFailed(message) from error


def _bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    if credentials is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, credentials)


@contextlib.contextmanager
def _mask(bits: int) -> Iterator[None]:
    """What is made in the file system meanwhile lacks these rights."""
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def _is_served(path: Path) -> bool:
    """Whether somebody listens on a socket. gRPC takes the name of any socket, also of one that is in use."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _unix_trouble(path: Path) -> str:
    if path.exists():
        return "something else has that name; use another --listen"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}; make it, or use another --listen"
    return f"no socket can be made in {path.parent}; look at its owner and rights, or use another --listen"


def _port_trouble(address: str) -> str:
    """Why a port can't be had: gRPC keeps the reason to itself, so it is looked for once more."""
    name, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(name.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen()
    except socket.gaierror as error:
        return f"{name} can't be looked up ({error.strerror}); use an address of this machine in --listen"
    except OSError as error:
        return _REMEDIES.get(error.errno or 0, f"{error.strerror or error}; use --listen to name another address")
    return "gRPC does not say why; use --listen to name another address"


_REMEDIES: Final = {
    errno.EADDRINUSE: "another process has the port; end it, or use another --listen",
    errno.EACCES: "this user may not have that port; use one above 1023 in --listen",
    errno.EADDRNOTAVAIL: "this machine does not have that address; use another --listen",
}


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
