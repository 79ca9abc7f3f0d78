"""What a scenario's gateway and driver know of tokens and certificates."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from callstream.v1 import stream_service_pb2_grpc
from tests.support.access import entry, header, token_of, write_tokens
from tests.support.authority import Authority

__all__ = ["Access", "Protection"]

_RUNNER: Final = "runner"
_MEMBERS: Final = {"tokens", "token", "tls"}


@dataclass(frozen=True, slots=True)
class Access:
    """A scenario's member of that name.

    Attributes:
        tokens: What the tokens file has, by name of the client: `scopes` and limits; None for a gateway without tokens.
        token: The client whose token the driver shows; one that the file does not have is nobody. Empty for none.
        tls: Whether gRPC is served with TLS.
    """

    tokens: Mapping[str, Mapping[str, Any]] | None = None
    token: str = ""
    tls: bool = False

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Access":
        """From YAML.

        Raises:
            ValueError: It has a wrong shape.
        """
        if set(raw) - _MEMBERS:
            raise ValueError(f"unknown members {sorted(set(raw) - _MEMBERS)} in access")
        return cls(**raw)


@dataclass(slots=True)
class Protection:
    """Access, with its files in a directory."""

    access: Access
    directory: Path
    _authority: Authority | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.access.tls:
            self._authority = Authority(self.directory / "tls")
            self._authority.renew()
        if self.access.tokens is not None:
            self.write_tokens(self.access.tokens)

    @property
    def _tokens_file(self) -> Path:
        return self.directory / "tokens.toml"

    def write_tokens(self, tokens: Mapping[str, Mapping[str, Any]]) -> None:
        """Replaces the tokens file; the runner's own token is always in it."""
        entries = [
            entry(name, *limits["scopes"], **{key: value for key, value in limits.items() if key != "scopes"})
            for name, limits in tokens.items()
        ]
        write_tokens(self._tokens_file, [entry(_RUNNER, "admin"), *entries])

    def of_gateway(self) -> dict[str, str]:
        """Environment variables of the gateway."""
        variables = {}
        if self.access.tokens is not None:
            variables["CALLSTREAM_TOKENS_FILE"] = str(self._tokens_file)
        if self._authority is not None:
            variables["CALLSTREAM_TLS_CERT_FILE"] = str(self._authority.certificate)
            variables["CALLSTREAM_TLS_KEY_FILE"] = str(self._authority.key)
        return variables

    def of_driver(self) -> dict[str, str]:
        """Environment variables of the driver."""
        variables = {}
        if self.access.token:
            variables["CALLSTREAM_TOKEN"] = token_of(self.access.token)
        if self._authority is not None:
            variables["CALLSTREAM_CA_FILE"] = str(self._authority.ca_file)
        return variables

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What the runner shows."""
        return () if self.access.tokens is None else header(token_of(_RUNNER))

    @contextlib.asynccontextmanager
    async def connect(self, address: str) -> AsyncIterator["stream_service_pb2_grpc.StreamServiceAsyncStub"]:
        """The runner's own connection to the gateway."""
        if self._authority is None:
            channel = grpc.aio.insecure_channel(address)
        else:
            channel = grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(self._authority.ca_pem))
        async with channel:
            yield stream_service_pb2_grpc.StreamServiceStub(channel)
