"""All settings of the gateway, and where they are taken from.

Flags beat environment variables, which beat the TOML file, which beats the defaults (`gateway.settings.sources`). Every
wrong value is told, not only the first; no message shows a secret. Each group has a module of its own.
"""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.settings.access import AccessSettings
from gateway.settings.journal import MEMORY, JournalSettings
from gateway.settings.limits import LimitSettings
from gateway.settings.listening import ListenSettings
from gateway.settings.logging import LogSettings
from gateway.settings.operations import OperationsSettings
from gateway.settings.relay import RelaySettings
from gateway.settings.sources import read_environment, read_file

__all__ = ["MEMORY", "ExplicitSettings", "Settings"]


class _File(BaseSettings):
    config: Path | None = Field(None, description="TOML file with the settings under the same names (a_b for --a-b)")


# Pydantic lists the fields of the last base first.
class Settings(
    OperationsSettings,
    LogSettings,
    LimitSettings,
    JournalSettings,
    RelaySettings,
    ListenSettings,
    AccessSettings,
    _File,
):
    """Everything an operator can set. Times are seconds here; text like "90s" or "7d" is taken everywhere.

    `Settings(listen="127.0.0.1:0")` reads what is not given from the environment and the file that `config` names.

    Raises:
        pydantic.ValidationError: Values are wrong; it lists every one of them, without secrets.
        gateway.settings.sources.FileUnusable: The file can't be read.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - this one and the next: replaced by our own
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then file."""
        variables = read_environment(os.environ, settings_cls.model_fields)
        environment = {setting: value for setting, (_, value) in variables.items()}
        path = init_settings().get("config") or environment.get("config")
        file = read_file(Path(path)) if path else {}
        return init_settings, InitSettingsSource(settings_cls, environment), InitSettingsSource(settings_cls, file)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere."""
        return self.credentials().secrets


class ExplicitSettings(Settings):
    """Settings given by a program (a demo, a test): the environment and files of its user say nothing."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, and defaults."""
        return (init_settings,)
