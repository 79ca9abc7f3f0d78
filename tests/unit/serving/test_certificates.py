"""Certificates: which files are taken, which are refused and how, and when they are read again."""

import datetime as dt
import os
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives import serialization

from gateway.serving.certificates import Certificates, CertificateUnusable, TlsFiles
from tests.support.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority, and the files of a server."""
    made = Authority(tmp_path)
    made.renew()
    return made


def files_of(authority: Authority, client_ca: Path | None = None) -> TlsFiles:
    """The files, as settings name them."""
    return TlsFiles(authority.certificate, authority.key, client_ca)


def refusal(authority: Authority, client_ca: Path | None = None) -> str:
    """Why the files can't be served with: one line."""
    with pytest.raises(CertificateUnusable) as caught:
        Certificates(files_of(authority, client_ca))
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestRefused:
    """What would fail for every client is refused before there is one, with the file and the reason."""

    def test_a_key_of_another_certificate(self, authority: Authority, tmp_path: Path) -> None:
        """The most common mistake gets words of its own."""
        other = Authority(tmp_path / "other")
        other.renew()
        authority.write(key=other.key.read_bytes())
        assert refusal(authority) == f"{authority.key}: is not the key of {authority.certificate}"

    def test_expired(self, authority: Authority) -> None:
        """Clients would not connect."""
        authority.renew(ago=2)
        assert f"{authority.certificate}: clients would refuse it (certificate has expired)" in refusal(authority)

    def test_not_yet_valid(self, authority: Authority) -> None:
        """A clock or a certificate is wrong."""
        tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        authority.renew(not_before=tomorrow, not_after=tomorrow + dt.timedelta(days=9))
        assert "not yet valid" in refusal(authority)

    @pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\x00"])
    def test_no_certificate(self, authority: Authority, content: bytes) -> None:
        """Something else is in the file."""
        authority.write(content)
        assert refusal(authority) == f"{authority.certificate}: holds no PEM certificate"

    def test_a_spoilt_certificate(self, authority: Authority) -> None:
        """Something is missing inside."""
        authority.write(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        assert f"{authority.certificate}, {authority.key}: no PEM certificate with its key" in refusal(authority)

    def test_no_key(self, authority: Authority) -> None:
        """Nor is that a key, and nothing of it is shown."""
        authority.write(key=b"hunter2")
        message = refusal(authority)
        assert str(authority.key) in message
        assert "hunter2" not in message

    def test_an_encrypted_key(self, authority: Authority) -> None:
        """Nobody is there to be asked for the passphrase."""
        plain = serialization.load_pem_private_key(authority.key.read_bytes(), None)
        protected = serialization.BestAvailableEncryption(b"hunter2")
        authority.write(
            key=plain.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protected)
        )
        assert refusal(authority) == f"{authority.key}: is encrypted; gRPC needs the key without a passphrase"

    def test_files_that_are_not_there(self, authority: Authority, tmp_path: Path) -> None:
        """Each is named."""
        gone = tmp_path / "gone.pem"
        assert refusal(authority, gone) == f"{gone}: No such file or directory"
        authority.key.unlink()
        assert refusal(authority) == f"{authority.key}: No such file or directory"
        authority.certificate.unlink()
        assert refusal(authority) == f"{authority.certificate}: No such file or directory"

    def test_a_directory(self, authority: Authority) -> None:
        """That can't be read either."""
        authority.certificate.unlink()
        authority.certificate.mkdir()
        assert refusal(authority) == f"{authority.certificate}: Is a directory"

    def test_no_authority_of_clients(self, authority: Authority, tmp_path: Path) -> None:
        """Mutual TLS with nobody to trust would let nobody in."""
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("no certificate")
        assert f"{wrong}: holds no PEM certificate" in refusal(authority, wrong)


class TestTold:
    """What the log says of a certificate."""

    def test_names_and_end(self, authority: Authority) -> None:
        """An operator sees which one is in use."""
        authority.renew("gateway.example.com", "10.0.0.1")
        with structlog.testing.capture_logs() as logged:
            Certificates(files_of(authority, authority.ca_file))
        (line,) = logged
        assert line["event"] == "tls_certificate_loaded"
        assert line["names"] == ("gateway.example.com", "10.0.0.1")
        assert line["expires"].endswith("Z")

    def test_it_ends_soon(self, authority: Authority) -> None:
        """It is warned of."""
        now = dt.datetime.now(dt.UTC)
        authority.renew(not_before=now - dt.timedelta(days=9), not_after=now + dt.timedelta(days=6))
        with structlog.testing.capture_logs() as logged:
            Certificates(files_of(authority))
        assert [line["event"] for line in logged] == ["tls_certificate_loaded", "tls_certificate_expires_soon"]
        assert logged[1]["log_level"] == "warning"

    def test_a_key_that_others_can_read(self, authority: Authority) -> None:
        """It is warned of, by the file's name."""
        authority.key.chmod(0o644)
        with structlog.testing.capture_logs() as logged:
            Certificates(files_of(authority))
        assert [(line["event"], line.get("file")) for line in logged[1:]] == [
            ("tls_key_readable_by_others", str(authority.key))
        ]


class TestRenewed:
    """What gRPC is told at each handshake."""

    def test_nothing_has_changed(self, authority: Authority) -> None:
        """None, and nothing is read."""
        certificates = Certificates(files_of(authority))
        assert certificates.renewed() is None

    @pytest.mark.parametrize("which", ["certificate", "client_ca"])
    def test_a_new_file(self, authority: Authority, tmp_path: Path, which: str) -> None:
        """It is used from now on, and told once."""
        clients = Authority(tmp_path / "clients")
        certificates = Certificates(files_of(authority, clients.ca_file))
        if which == "certificate":
            authority.renew()
        else:
            Authority(tmp_path / "clients")
        with structlog.testing.capture_logs() as logged:
            assert certificates.renewed() is not None
            assert certificates.renewed() is None
        assert [line["event"] for line in logged] == ["tls_certificate_loaded"]

    def test_a_link_that_leads_elsewhere(self, tmp_path: Path) -> None:
        """Kubernetes replaces a directory behind a link, and no file in it."""
        for name in ("one", "two"):
            Authority(tmp_path / name).renew()
        link = tmp_path / "now"
        link.symlink_to(tmp_path / "one")
        certificates = Certificates(TlsFiles(link / "server.pem", link / "server.key"))
        link.unlink()
        link.symlink_to(tmp_path / "two")
        assert certificates.renewed() is not None

    def test_a_certificate_whose_key_comes_later(self, authority: Authority, tmp_path: Path) -> None:
        """Between the two files the old certificate stays; the mistake is told once, and what follows is used."""
        certificates = Certificates(files_of(authority))
        other = Authority(tmp_path / "other")
        other.renew()
        authority.write(other.certificate.read_bytes())
        with structlog.testing.capture_logs() as logged:
            assert certificates.renewed() is None
            assert certificates.renewed() is None
            authority.write(key=other.key.read_bytes())
            assert certificates.renewed() is not None
        assert [line["event"] for line in logged] == ["tls_certificate_unusable", "tls_certificate_loaded"]
        assert logged[0]["log_level"] == "error"
        assert logged[0]["reason"] == f"{authority.key}: is not the key of {authority.certificate}"

    def test_a_file_that_is_gone(self, authority: Authority) -> None:
        """The certificate stays; the loss is told once, and again only after it was there."""
        certificates = Certificates(files_of(authority))
        aside = authority.key.with_suffix(".aside")
        authority.key.rename(aside)
        with structlog.testing.capture_logs() as logged:
            assert certificates.renewed() is None
            assert certificates.renewed() is None
            aside.rename(authority.key)
            assert certificates.renewed() is not None
        assert [line["event"] for line in logged] == ["tls_certificate_unusable", "tls_certificate_loaded"]
        assert "No such file" in logged[0]["reason"]

    def test_files_that_keep_changing(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was tried may not be what was read: it is not used."""
        times = iter(range(1, 100))
        stamp = TlsFiles.stamp

        def changing(files: TlsFiles) -> object:
            os.utime(authority.certificate, ns=(0, next(times)))
            return stamp(files)

        monkeypatch.setattr(TlsFiles, "stamp", changing)
        assert "keeps changing while it is read" in refusal(authority)
