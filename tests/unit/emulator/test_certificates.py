"""Certificates for a run."""

import stat
from pathlib import Path

from gateway.emulator.certificates import make_certificates


def test_files_are_made_where_asked(tmp_path: Path) -> None:
    """CA, chain and key are PEM, and the key is for its owner only."""
    made = make_certificates(tmp_path / "deep" / "er")
    assert made.ca.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert made.certificate.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" in made.key.read_text()
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert make_certificates(tmp_path / "deep" / "er").ca == made.ca
