"""The certificate that gRPC is served with, taken from files that may change at any time.

gRPC asks for the certificate at every handshake, so a file that was replaced is used by the next connection; those that
are open keep what they have. A certificate is tried before it is used: the process shakes hands with itself, in memory,
which fails for the same reasons as it would for clients (no match of key and certificate, expired, not for servers).
What fails after the start is logged once, and the certificate before it stays.
"""

import contextlib
import re
import ssl
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import structlog

__all__ = ["CertificateUnusable", "Certificates", "TlsFiles"]

_log = structlog.get_logger(__name__)

_FIRST: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SOON: Final = 7 * 86_400.0
_ATTEMPTS: Final = 3
_Stamp = tuple[tuple[int, int, int], ...]


class CertificateUnusable(Exception):
    """The files can't be served with; the message is one line that names the file and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate, key and the authorities of clients are.

    Attributes:
        certificate: PEM; the server's own first, then its chain.
        key: PEM, not encrypted.
        client_ca: PEM; clients need a certificate of one of these. None: clients need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def stamp(self) -> _Stamp:
        """Changes when a file does, also if it is a link that leads elsewhere now (as Kubernetes replaces secrets).

        Raises:
            CertificateUnusable: A file is not there, or can't be reached.
        """
        found = []
        for path in (self.certificate, self.key, *([self.client_ca] if self.client_ca else [])):
            with _about(path):
                status = path.stat()
                found.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Loaded:
    configuration: grpc.ServerCertificateConfiguration
    names: tuple[str, ...]
    expires: float
    exposed: bool
    """Others than its owner and group can read the key."""


class Certificates:
    """Reads the files, and again when they change.

    Raises:
        CertificateUnusable: They can't be served with.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp, self._loaded = _read(files)
        self._tell()

    def credentials(self) -> grpc.ServerCredentials:
        """What a port is opened with: the present certificate at each handshake; TLS 1.2 or newer."""
        return grpc.dynamic_ssl_server_credentials(
            self._loaded.configuration,
            self.renewed,  # type: ignore[arg-type]  # None means that nothing has changed, whatever the stubs say
            require_client_authentication=self._files.client_ca is not None,
        )

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificate if it is another one than at the last call; None if it is not.

        gRPC calls it at each handshake, in threads of its own, one at a time.
        """
        try:
            stamp = self._files.stamp()
        except CertificateUnusable as error:
            self._keep((), error)
            return None
        if stamp == self._stamp:
            return None
        try:
            self._stamp, self._loaded = _read(self._files)
        except CertificateUnusable as error:
            self._keep(stamp, error)
            return None
        self._tell()
        return self._loaded.configuration

    def _keep(self, stamp: _Stamp, error: CertificateUnusable) -> None:
        if stamp != self._stamp:
            self._stamp = stamp
            _log.error("tls_certificate_unusable", reason=str(error), consequence="the one before it stays in use")

    def _tell(self) -> None:
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._loaded.expires))
        _log.info("tls_certificate_loaded", names=self._loaded.names, expires=expires)
        if self._loaded.expires - time.time() < _SOON:
            _log.warning("tls_certificate_expires_soon", names=self._loaded.names, expires=expires)
        if self._loaded.exposed:
            _log.warning("tls_key_readable_by_others", file=str(self._files.key), remedy="chmod o-r")


def _read(files: TlsFiles) -> tuple[_Stamp, _Loaded]:
    for _ in range(_ATTEMPTS):
        stamp = files.stamp()
        loaded = _load(files)
        if files.stamp() == stamp:  # otherwise what was tried is perhaps not what was read
            return stamp, loaded
    raise CertificateUnusable(f"{files.certificate}: keeps changing while it is read")


def _load(files: TlsFiles) -> _Loaded:
    chain = _bytes_of(files.certificate)
    first = _FIRST.search(chain)
    if first is None:
        raise CertificateUnusable(f"{files.certificate}: holds no PEM certificate")
    key = _bytes_of(files.key)
    if b"ENCRYPTED" in key:
        raise CertificateUnusable(f"{files.key}: is encrypted; gRPC needs the key without a passphrase")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(files.certificate, files.key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateUnusable(f"{files.key}: is not the key of {files.certificate}") from error
        raise CertificateUnusable(
            f"{files.certificate}, {files.key}: no PEM certificate with its key ({_why(error)})"
        ) from error
    authorities = None
    if files.client_ca is not None:
        authorities = _bytes_of(files.client_ca)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.client_ca)
        except ssl.SSLError as error:
            raise CertificateUnusable(f"{files.client_ca}: holds no PEM certificate ({_why(error)})") from error
    try:
        shown = _shake_hands(server, first[0].decode())
    except ssl.SSLError as error:
        raise CertificateUnusable(f"{files.certificate}: clients would refuse it ({_why(error)})") from error
    names = tuple(value for _, value in shown.get("subjectAltName", ()))
    configuration = grpc.ssl_server_certificate_configuration([(key, chain)], authorities)
    with _about(files.key):
        exposed = bool(files.key.stat().st_mode & stat.S_IROTH)
    return _Loaded(configuration, names, ssl.cert_time_to_seconds(shown["notAfter"]), exposed)


def _shake_hands(server: ssl.SSLContext, certificate: str) -> dict[str, Any]:
    """Lets a client that trusts this certificate connect, in memory; returns what the client sees of it."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False  # any name is good here: clients check theirs
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(cadata=certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        trusting.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for side in (*sides, sides[0]):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return dict(sides[0].getpeercert() or {})


def _bytes_of(path: Path) -> bytes:
    with _about(path):
        return path.read_bytes()


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CertificateUnusable(f"{path}: {error.strerror or error}") from error


def _why(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    return (error.reason or str(error)).replace("_", " ").lower()
