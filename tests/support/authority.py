"""Certificates as an operator has them: PEM files that are made, replaced and spoilt."""

import datetime as dt
from pathlib import Path
from typing import Any

import trustme

__all__ = ["Authority"]


class Authority:
    """A certificate authority, and the files of one server in a directory.

    Attributes:
        certificate, key: The server's files.
        ca_file: What clients trust.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._ca = trustme.CA()
        self.certificate = directory / "server.pem"
        self.key = directory / "server.key"
        self.ca_file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    @property
    def ca_pem(self) -> bytes:
        """What is in `ca_file`."""
        return self._ca.cert_pem.bytes()

    def renew(self, *names: str, ago: float | None = None, **fields: Any) -> None:
        """Writes a new certificate with its key over the old ones.

        Args:
            names: Whom it is for; this machine by default.
            ago: How many days ago it expired.
            fields: More of `trustme.CA.issue_cert`.
        """
        if ago is not None:
            end = dt.datetime.now(dt.UTC) - dt.timedelta(days=ago)
            fields |= {"not_before": end - dt.timedelta(days=1), "not_after": end}
        leaf = self._ca.issue_cert(*(names or ("localhost", "127.0.0.1")), **fields)
        self.write(b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes())

    def write(self, certificate: bytes | None = None, key: bytes | None = None) -> None:
        """Puts contents in place the way tools do that replace certificates: a new file under the old name."""
        for path, content in ((self.certificate, certificate), (self.key, key)):
            if content is not None:
                new = path.with_suffix(".new")
                new.touch(mode=0o600)
                new.write_bytes(content)
                new.rename(path)

    def client(self, *names: str, common_name: str | None = None) -> tuple[Path, Path]:
        """Files with a certificate for a client, and its key."""
        leaf = self._ca.issue_cert(*names, common_name=common_name)
        certificate, key = self._directory / "client.pem", self._directory / "client.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return certificate, key
