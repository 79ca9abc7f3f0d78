"""Where RELAY is, and who asks it."""

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from gateway.relay.endpoint import Credentials, Endpoint
from gateway.settings.kinds import Names, Secret, Text, one_of, shown

__all__ = ["RelaySettings"]

_DEFAULT_HOST: Final = "relay.signalwire.com"
_SPACE_DOMAIN: Final = "signalwire.com"
_MAX_CONTEXTS: Final = 100
_MAX_CONTEXT_BYTES: Final = 128
_SPACE: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)


class RelaySettings(BaseModel):
    """The RELAY session."""

    contexts: Names = Field(("default",), description="RELAY contexts to receive calls on, comma separated")
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

    @field_validator("contexts")
    @classmethod
    def _check_contexts(cls, contexts: tuple[str, ...]) -> tuple[str, ...]:
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

    def credentials(self) -> Credentials:
        """Who asks RELAY."""
        return Credentials(self.project_id, self.api_token.get_secret_value(), self.jwt_token.get_secret_value())

    def endpoint(self) -> Endpoint:
        """Where RELAY is."""
        return Endpoint(_host(self.relay_host, self.space), self.relay_scheme, self.relay_ca_file or None)


def _host(relay_host: str, space: str) -> str:
    if relay_host:
        return relay_host
    if space:
        return space if "." in space else f"{space}.{_SPACE_DOMAIN}"
    return _DEFAULT_HOST
