"""What the process says, and how."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.settings.kinds import one_of

__all__ = ["LogSettings"]


class LogSettings(BaseModel):
    """The log."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")] = (
        Field("info", description="debug shows RELAY frames, without their secrets")
    )
    log_format: Annotated[Literal["auto", "console", "json"], one_of("auto", "console", "json")] = Field(
        "auto", description="auto means console on a terminal, JSON lines otherwise"
    )
