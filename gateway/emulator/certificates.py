"""Certificates for a run: a CA of its own, and a server certificate for this machine's loopback names."""

from dataclasses import dataclass
from pathlib import Path

import trustme

__all__ = ["Certificates", "make_certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: what clients trust, and what a server shows."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path) -> Certificates:
    """Write ca.pem, server.pem and server.key for localhost, 127.0.0.1 and ::1 into a directory, made if need be.

    The CA's own key is never written, so nothing else can be signed with it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", "::1")
    authority.cert_pem.write_to_path(str(files.ca))
    files.key.touch(mode=0o600)
    server.private_key_pem.write_to_path(str(files.key))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    return files
