"""The gateway's settings: their names, defaults and bounds, and what the parts of the gateway make of them.

Flags beat environment variables, which beat the TOML file, which beats the defaults (`gateway.sources`). Every wrong
value is told, not only the first; no message shows a secret.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gateway.engine.options import EngineOptions
from gateway.journal.options import JournalOptions
from gateway.relay.endpoint import Credentials, Endpoint, is_loopback
from gateway.setting_types import Secret, Switch, Text, count, duration, one_of, shown, size
from gateway.sources import read_environment, read_file

__all__ = ["MEMORY", "ExplicitSettings", "Settings"]

MEMORY: Final = ":memory:"
"""The data directory that keeps nothing."""
_DEFAULT_HOST: Final = "relay.signalwire.com"
_SPACE_DOMAIN: Final = "signalwire.com"

_ENGINE: Final = EngineOptions()
_JOURNAL: Final = JournalOptions()

_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_MAX_CONTEXTS: Final = 100
_MAX_CONTEXT_BYTES: Final = 128
_MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un
_MAX_PORT: Final = 65_535
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})", re.ASCII)
_SPACE: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)


class Settings(BaseSettings):
    """Everything an operator can set. Times are seconds here; text like "90s" or "7d" is taken everywhere.

    `Settings(listen="127.0.0.1:0")` reads what is not given from the environment and the file that `config` names.

    Raises:
        pydantic.ValidationError: Values are wrong; it lists every one of them, without secrets.
        gateway.sources.FileUnusable: The file can't be read.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    config: Path | None = Field(None, description="TOML file with the settings under the same names (a_b for --a-b)")
    # Before `listen`, which depends on it; in the same way further down.
    insecure_listen: Switch = Field(
        default=False, description="allow --listen beyond this machine, without encryption and without tokens"
    )
    listen: Text = Field("127.0.0.1:50051", description="serve gRPC here: host:port (port 0: any), or unix:/path")
    data_dir: Text = Field(
        "./callstream-data", description="journal and session state; :memory: keeps nothing beyond the process"
    )
    contexts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("default",), description="RELAY contexts to receive calls on, comma separated"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")] = (
        Field("info", description="debug shows RELAY frames, without their secrets")
    )
    log_format: Annotated[Literal["auto", "console", "json"], one_of("auto", "console", "json")] = Field(
        "auto", description="auto means console on a terminal, JSON lines otherwise"
    )

    project_id: Text = Field("", description="SignalWire project")
    jwt_token: Secret = Field(SecretStr(""), description="RELAY credentials: a JWT, in place of project and API token")
    api_token: Secret = Field(SecretStr(""), description="RELAY credentials: the project's API token")
    space: Text = Field("", description="SignalWire space, like example or example.signalwire.com")
    relay_host: Text = Field(
        "", description="RELAY's host[:port]; without one the space, without that relay.signalwire.com"
    )
    relay_scheme: Annotated[Literal["wss", "ws"], one_of("wss", "ws")] = Field(
        "wss", description="ws is for an emulator on this machine"
    )
    relay_ca_file: Text = Field("", description="PEM certificates to trust for RELAY in place of the system's")

    start_timeout: Annotated[float, duration(0.1, _HOUR)] = Field(
        _ENGINE.start_timeout, description="how long RELAY may take to report audio before a stream is stopped"
    )
    stop_timeout: Annotated[float, duration(0.1, _HOUR)] = Field(
        _ENGINE.stop_timeout, description="how long RELAY may take to confirm a stop before it is asked again"
    )
    relay_wait: Annotated[float, duration(0, _HOUR)] = Field(
        _ENGINE.relay_wait, description="how long a command with a deadline may wait for a lost RELAY session"
    )
    ended_retention: Annotated[float, duration(0, 30 * _DAY)] = Field(
        _ENGINE.ended_retention, description="how long ended calls and streams can still be asked for"
    )
    max_streams_per_call: Annotated[int, count(1, 1000)] = Field(
        _ENGINE.max_streams_per_call, description="active streams of one call"
    )
    max_watches: Annotated[int, count(1, 1_000_000)] = Field(10_000, description="watches open at the same time")
    retention: Annotated[float, duration(1, 3650 * _DAY)] = Field(
        _JOURNAL.retention_seconds, description="how long events are kept"
    )
    retention_size: Annotated[int, size(1 << 20, 1 << 50)] = Field(
        _JOURNAL.retention_bytes, description="how much of them is kept at most"
    )
    journal_sync: Annotated[Literal["full", "normal"], one_of("full", "normal")] = Field(
        "full", description="normal is faster; a power failure (not a crash) may then take the last events"
    )
    drain_grace: Annotated[float, duration(0, _HOUR)] = Field(
        10.0, description="how long open requests may go on at the end of the process"
    )

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

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, address: str, info: ValidationInfo) -> str:
        if address.startswith("unix:"):
            return _socket_address(address)
        match = _ADDRESS.fullmatch(address)
        host = (match["v6"] or match["name"]) if match else ""
        if match is None or int(match["port"]) > _MAX_PORT or (match["v6"] and not _is_ipv6(match["v6"])):
            raise ValueError(f"{shown(address)} is no address: use host:port, [::1]:port or unix:/path")
        if not is_loopback(host) and not info.data.get("insecure_listen"):
            raise ValueError(
                f"{shown(address)} is reachable from other machines, and gRPC is served without encryption and "
                "without tokens: use 127.0.0.1, or say --insecure-listen if the network protects it"
            )
        return address

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, path: str) -> str:
        if not path or "\0" in path:
            raise ValueError("is empty: name a directory, or :memory: to keep nothing")
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @field_validator("contexts", mode="before")
    @classmethod
    def _check_contexts(cls, value: object) -> tuple[str, ...]:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{shown(value)} is no list of names")
        contexts = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        for name in contexts:
            if len(name.encode()) > _MAX_CONTEXT_BYTES or any(char.isspace() for char in name):
                raise ValueError(f"{shown(name)} is no context: at most {_MAX_CONTEXT_BYTES} bytes, no white space")
        if len(contexts) > _MAX_CONTEXTS:
            raise ValueError(f"has {len(contexts)} contexts: use at most {_MAX_CONTEXTS}")
        return contexts

    @field_validator("project_id")
    @classmethod
    def _check_project(cls, project: str) -> str:
        if any(char.isspace() for char in project):
            raise ValueError(f"{shown(project)} is no project id: it has white space inside")
        return project

    @field_validator("api_token")
    @classmethod
    def _check_credentials(cls, token: SecretStr, info: ValidationInfo) -> SecretStr:
        if "jwt_token" not in info.data or "project_id" not in info.data:
            return token  # those are wrong themselves, and reported
        if not token and not info.data["jwt_token"]:
            raise ValueError("is missing: set it with SIGNALWIRE_PROJECT_ID, or set SIGNALWIRE_JWT_TOKEN instead")
        if token and info.data["jwt_token"]:
            raise ValueError("is set together with SIGNALWIRE_JWT_TOKEN: set one of them")
        if token and not info.data["project_id"]:
            raise ValueError("needs its project: set SIGNALWIRE_PROJECT_ID too")
        return token

    @field_validator("space")
    @classmethod
    def _check_space(cls, space: str) -> str:
        if space and not _SPACE.fullmatch(space):
            raise ValueError(f"{shown(space)} is no space: use its name, like example or example.signalwire.com")
        return space

    @field_validator("relay_host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if "@" in host:  # it may hold a password, so it is not shown
            raise ValueError("has a user in it: use host or host:port")
        if host:
            Endpoint(host)
        return host

    @field_validator("relay_scheme")
    @classmethod
    def _check_scheme(cls, scheme: str, info: ValidationInfo) -> str:
        if "relay_host" in info.data and "space" in info.data:
            Endpoint(_host(info.data["relay_host"], info.data["space"]), scheme)
        return scheme

    @field_validator("relay_ca_file")
    @classmethod
    def _check_ca_file(cls, path: str) -> str:
        if path:
            try:
                Endpoint(_DEFAULT_HOST, ca_file=path).ssl_context()
            except OSError as error:
                raise ValueError(f"{shown(path)} is no file of PEM certificates: {error.strerror or error}") from error
        return path

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere."""
        return self.credentials().secrets

    def credentials(self) -> Credentials:
        """Who asks RELAY."""
        return Credentials(self.project_id, self.api_token.get_secret_value(), self.jwt_token.get_secret_value())

    def endpoint(self) -> Endpoint:
        """Where RELAY is."""
        return Endpoint(_host(self.relay_host, self.space), self.relay_scheme, self.relay_ca_file or None)

    def engine_options(self) -> EngineOptions:
        """The engine's bounds."""
        return EngineOptions(
            start_timeout=self.start_timeout,
            stop_timeout=self.stop_timeout,
            relay_wait=self.relay_wait,
            ended_retention=self.ended_retention,
            max_streams_per_call=self.max_streams_per_call,
        )

    def journal_options(self) -> JournalOptions:
        """The journal's bounds."""
        return JournalOptions(
            retention_seconds=self.retention,
            retention_bytes=self.retention_size,
            synchronous="FULL" if self.journal_sync == "full" else "NORMAL",
        )


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


def _host(relay_host: str, space: str) -> str:
    if relay_host:
        return relay_host
    if space:
        return space if "." in space else f"{space}.{_SPACE_DOMAIN}"
    return _DEFAULT_HOST


def _socket_address(address: str) -> str:
    path = address.removeprefix("unix:")
    if not path.startswith("/"):
        raise ValueError(
            f"{shown(address)} is no address: a socket's path begins with /, as in unix:/run/callstream.sock"
        )
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"{shown(address)} is too long for a socket: at most {_MAX_SOCKET_PATH_BYTES} bytes")
    return address


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
