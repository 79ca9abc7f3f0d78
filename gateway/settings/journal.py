"""What is kept, where and for how long."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, field_validator

from gateway.journal.options import JournalOptions
from gateway.settings.kinds import Text, duration, one_of, size

__all__ = ["MEMORY", "JournalSettings"]

MEMORY: Final = ":memory:"
"""The data directory that keeps nothing."""

_JOURNAL: Final = JournalOptions()
_DAY: Final = 86_400.0


class JournalSettings(BaseModel):
    """The journal."""

    data_dir: Text = Field(
        "./callstream-data", description="journal and session state; :memory: keeps nothing beyond the process"
    )
    retention: Annotated[float, duration(1, 3650 * _DAY)] = Field(
        _JOURNAL.retention_seconds, description="how long events are kept"
    )
    retention_size: Annotated[int, size(1 << 20, 1 << 50)] = Field(
        _JOURNAL.retention_bytes, description="how much of them is kept at most"
    )
    journal_sync: Annotated[Literal["full", "normal"], one_of("full", "normal")] = Field(
        "full", description="normal is faster; a power failure (not a crash) may then take the last events"
    )

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, path: str) -> str:
        if not path or "\0" in path:
            raise ValueError("is empty: name a directory, or :memory: to keep nothing")
        return str(Path(path).expanduser()) if path.startswith("~") else path

    def journal_options(self) -> JournalOptions:
        """The journal's bounds."""
        return JournalOptions(
            retention_seconds=self.retention,
            retention_bytes=self.retention_size,
            synchronous="FULL" if self.journal_sync == "full" else "NORMAL",
        )
