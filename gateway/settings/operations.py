"""Where operators look: metrics, liveness and readiness, traces."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from pydantic import BaseModel, Field, field_validator

from gateway.settings.addresses import host_of
from gateway.settings.kinds import Text, shown

__all__ = ["OFF", "OperationsSettings", "otlp_secrets"]

OFF: Final = "off"
"""Where the operations port is when there is none."""
_SCHEMES: Final = ("http://", "https://")
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


class OperationsSettings(BaseModel):
    """Operations."""

    ops_listen: Text = Field(
        "127.0.0.1:9090", description="serve metrics, liveness and readiness here, plain HTTP without secrets; or off"
    )
    otlp_endpoint: Text = Field(
        "", description="send traces there, OTLP over gRPC, like http://127.0.0.1:4317; needs the extra tracing"
    )

    @field_validator("ops_listen")
    @classmethod
    def _check_ops_listen(cls, address: str) -> str:
        if not address or address.lower() == OFF:
            return OFF
        host_of(address)
        return address

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_otlp_endpoint(cls, url: str) -> str:
        if url and (not url.startswith(_SCHEMES) or "@" in url or any(char.isspace() for char in url)):
            value = shown(url) if "@" not in url else "this"  # may hold a password
            raise ValueError(f"{value} is no endpoint: use http://host:port, or https:// for TLS")
        return url


def otlp_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What OpenTelemetry's own variables hold that must appear nowhere: the values of headers for the collector."""
    headers = [header for name in _HEADERS for header in environ.get(name, "").split(",")]
    return tuple(
        unquote(value.strip()) for _, _, value in (header.partition("=") for header in headers) if value.strip()
    )
