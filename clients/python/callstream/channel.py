"""How a channel to the gateway is made: keepalive, retries, encryption and the token."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio

__all__ = ["Target"]

_T = TypeVar("_T")
_LOCAL = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?|unix:.+", re.ASCII)

_REPEATABLE = {
    "StreamService": (
        "StopStream", "StopCallStreams", "GetStream", "ListStreams", "WaitStream", "ListEvents",
    ),
    "CallService": ("AnswerCall", "EndCall", "GetCall", "ListCalls"),
    "GatewayService": ("GetGatewayInfo", "UpdateContexts"),
}  # fmt: skip
"""RPCs that may be sent again. StartStream and Dial are repeatable only with an id that the caller chose, which gRPC
can't see; WatchEvents is taken up at its cursor."""

_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": f"callstream.v1.{service}", "method": method}
                for service, methods in _REPEATABLE.items()
                for method in methods
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Each channel has a connection of its own: a new channel is how a watch leaves a dead connection.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a gateway is and how to talk to it.

    Attributes:
        address: "host:port", or "unix:/path".
        token: Sent with each RPC as "Authorization: Bearer …".
        tls: Whether to encrypt.
        ca_file: PEM certificates to trust in place of the system's; implies `tls`.

    Raises:
        ValueError: A token would leave this machine unencrypted.
    """

    address: str
    token: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: str | Path | None = None

    def __post_init__(self) -> None:
        """Refuses to send a token for everyone to read."""
        if self.token and not self._encrypted and not self._local:
            raise ValueError(f"a token is not sent to {self.address} without encryption: use tls=True or ca_file")

    def channel(self) -> grpc.Channel:
        """A new channel; nothing is connected before the first RPC."""
        credentials, options = self._credentials(), self._options()
        if credentials is None:
            channel = grpc.insecure_channel(self.address, options)
        else:
            channel = grpc.secure_channel(self.address, credentials, options)
        return grpc.intercept_channel(channel, _Bearer(self.token)) if self.token else channel

    def aio_channel(self) -> grpc.aio.Channel:
        """A new channel for asyncio."""
        interceptors: Sequence[grpc.aio.ClientInterceptor] = ()
        if self.token:
            interceptors = (_AioUnaryBearer(self.token), _AioStreamBearer(self.token))
        credentials, options = self._credentials(), self._options()
        if credentials is None:
            return grpc.aio.insecure_channel(self.address, options, interceptors=interceptors)
        return grpc.aio.secure_channel(self.address, credentials, options, interceptors=interceptors)

    @property
    def _encrypted(self) -> bool:
        return self.tls or self.ca_file is not None

    @property
    def _local(self) -> bool:
        return _LOCAL.fullmatch(self.address) is not None

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if not self._encrypted:
            return None
        return grpc.ssl_channel_credentials(None if self.ca_file is None else Path(self.ca_file).read_bytes())

    def _options(self) -> list[tuple[str, Any]]:
        return [*_OPTIONS, ("grpc.enable_http_proxy", 0)] if self._local else [*_OPTIONS]


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any


class _Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], _T], client_call_details: Any, request: Any
    ) -> _T:
        return continuation(self._with_token(client_call_details), request)

    def intercept_unary_stream(
        self, continuation: Callable[[Any, Any], _T], client_call_details: Any, request: Any
    ) -> _T:
        return continuation(self._with_token(client_call_details), request)

    def _with_token(self, details: Any) -> Any:
        return _Details(
            details.method,
            details.timeout,
            [*(details.metadata or ()), self._header],
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


def _aio_details(details: grpc.aio.ClientCallDetails, token: str) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()), ("authorization", f"Bearer {token}"))
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
    )


class _AioUnaryBearer(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_aio_details(client_call_details, self._token), request)


class _AioStreamBearer(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_aio_details(client_call_details, self._token), request)
