"""Certificates for the run: the SDK speaks `wss://` only."""

import pytest

from gateway.emulator.certificates import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A CA and a server certificate for the loopback."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _environment(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK trusts the CA, and finds no settings of the machine it runs on."""
    for name in ("PROJECT_ID", "API_TOKEN", "JWT_TOKEN", "SPACE"):
        monkeypatch.delenv(f"SIGNALWIRE_{name}", raising=False)
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(certificates.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
