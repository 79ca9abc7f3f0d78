"""Where the gateway serves, and how what is served there is protected."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from gateway.relay.endpoint import is_loopback
from gateway.settings.addresses import host_of
from gateway.settings.kinds import Switch, Text, duration, duration_or_never, shown

__all__ = ["ListenSettings"]

_HOUR: Final = 3600.0
_MONTH: Final = 30 * 24 * _HOUR


class ListenSettings(BaseModel):
    """Addresses and their protection."""

    # What protects stands before `listen`, which depends on it.
    insecure_listen: Switch = Field(
        default=False, description="allow --listen beyond this machine without TLS, or without knowing who asks"
    )
    tls_cert_file: Text = Field(
        "", description="serve gRPC with TLS: PEM certificate and its chain; read again when changed"
    )
    tls_key_file: Text = Field("", description="PEM private key of that certificate; read again when changed")
    tls_client_ca_file: Text = Field(
        "", description="mutual TLS: only clients with a certificate of these PEM authorities; read again when changed"
    )
    listen: Text = Field("127.0.0.1:50051", description="serve gRPC here: host:port (port 0: any), or unix:/path")
    max_connection_age: Annotated[float, duration_or_never(1, _MONTH)] = Field(
        0.0, description="how long a client's connection lasts, ±10 %, so that load balancers can move it; 0 for ever"
    )
    max_connection_age_grace: Annotated[float, duration(0, _HOUR)] = Field(
        60.0, description="how long requests and watches on such a connection may go on after that"
    )
    max_connection_idle: Annotated[float, duration_or_never(1, _MONTH)] = Field(
        0.0, description="how long a connection without any request is kept; 0 for ever"
    )

    @field_validator("tls_key_file")
    @classmethod
    def _check_key_file(cls, path: str, info: ValidationInfo) -> str:
        certificate = info.data.get("tls_cert_file")
        if certificate and not path:
            raise ValueError("is missing: a certificate (tls_cert_file) is of no use without its private key")
        if path and certificate == "":
            raise ValueError("is set without its certificate: set tls_cert_file too")
        return path

    @field_validator("tls_client_ca_file")
    @classmethod
    def _check_client_ca_file(cls, path: str, info: ValidationInfo) -> str:
        if path and info.data.get("tls_cert_file") == "":
            raise ValueError(
                "is set without a certificate of the gateway's own: set tls_cert_file and tls_key_file too"
            )
        return path

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, address: str, info: ValidationInfo) -> str:
        host = host_of(address)
        if host is None:
            return address
        missing = _missing_protection(info.data)
        if missing and not is_loopback(host) and not info.data.get("insecure_listen"):
            raise ValueError(
                f"{shown(address)} is reachable from other machines, but {' and '.join(missing)}; "
                "otherwise use 127.0.0.1, or say --insecure-listen if the network protects it"
            )
        return address


def _missing_protection(settings: Mapping[str, Any]) -> list[str]:
    """What a listener beyond this machine lacks, each with what to set. A setting that is absent was refused itself."""
    missing = []
    if not settings.get("tls_cert_file", "refused"):
        missing.append("is served without TLS (set tls_cert_file and tls_key_file)")
    if not settings.get("tls_client_ca_file", "refused") and not settings.get("tokens_file"):
        missing.append("lets any client in (set tokens_file, or tls_client_ca_file for mutual TLS)")
    return missing
