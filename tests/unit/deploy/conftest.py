"""The environment of a process that is deployed: nothing in it but what the deployment gives."""

import os
from collections.abc import Callable, Mapping

import pytest

from gateway.cli.configuration import load
from gateway.settings.settings import Settings

Load = Callable[[Mapping[str, str]], Settings]


@pytest.fixture
def load_settings(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Reads settings as `callstream serve` does; a name that is no setting is refused."""

    def load_from(environ: Mapping[str, str]) -> Settings:
        for name in [name for name in os.environ if name.startswith(("CALLSTREAM_", "SIGNALWIRE_"))]:
            monkeypatch.delenv(name)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return load({}).settings

    return load_from
