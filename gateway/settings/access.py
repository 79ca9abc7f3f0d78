"""Who may ask for what, and for how much of it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from gateway.access.hosts import parse_hosts
from gateway.access.limits import Limits
from gateway.settings.kinds import Names, Text, count

__all__ = ["AccessSettings"]


class AccessSettings(BaseModel):
    """Tokens, allow lists and limits of single clients."""

    tokens_file: Text = Field(
        "", description="TOML file of tokens, read again when changed; without one every client may do everything"
    )
    stream_hosts: Names = Field(
        (), description="hosts that audio may go to, like *.example.com or example.com:8443; none means any"
    )
    status_hosts: Names = Field((), description="hosts that status webhooks may go to; none means as stream_hosts")
    starts_per_second: Annotated[int, count(0, 100_000)] = Field(
        0, description="streams that one client may start per second; 0 for no limit"
    )
    start_burst: Annotated[int, count(0, 100_000)] = Field(
        0, description="how many of them at once; 0 for as many as in a second"
    )
    max_watches_per_client: Annotated[int, count(0, 1_000_000)] = Field(
        0, description="watches that one client may have open at the same time; 0 for no limit"
    )

    @field_validator("tokens_file")
    @classmethod
    def _check_tokens_file(cls, path: str) -> str:
        return str(Path(path).expanduser()) if path.startswith("~") else path

    @field_validator("stream_hosts", "status_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        parse_hosts(hosts)
        return hosts

    def client_limits(self) -> Limits:
        """What every client is allowed."""
        return Limits(
            stream_hosts=parse_hosts(self.stream_hosts),
            status_hosts=parse_hosts(self.status_hosts),
            starts_per_second=self.starts_per_second,
            start_burst=self.start_burst,
            max_watches=self.max_watches_per_client,
        )
