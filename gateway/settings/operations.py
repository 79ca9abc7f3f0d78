"""Where operators look: metrics, liveness and readiness, traces."""

from pydantic import BaseModel, Field, field_validator

from gateway.settings.addresses import host_of
from gateway.settings.kinds import Text, shown

__all__ = ["OFF", "OperationsSettings"]

OFF = "off"
_TRACES = ("http://", "https://")


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
        if url and (not url.startswith(_TRACES) or "@" in url or any(char.isspace() for char in url)):
            value = shown(url) if "@" not in url else "this"  # may hold a password
            raise ValueError(f"{value} is no endpoint: use http://host:port, or https:// for TLS")
        return url
