"""What was sent, to be compared with what was received."""

import hashlib
from dataclasses import dataclass, field

__all__ = ["TrackRecord"]


@dataclass
class TrackRecord:
    """The audio of one track of one stream.

    `payload` holds the first bytes up to a limit; `frames`, `size` and `sha256` cover everything.
    """

    limit: int
    frames: int = 0
    size: int = 0
    _kept: bytearray = field(default_factory=bytearray, repr=False)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)

    def add(self, payload: bytes) -> None:
        """Note one frame."""
        self.frames += 1
        self.size += len(payload)
        self._digest.update(payload)
        room = self.limit - len(self._kept)
        if room > 0:
            self._kept += payload[:room]

    @property
    def payload(self) -> bytes:
        """The first bytes, up to the limit."""
        return bytes(self._kept)

    @property
    def truncated(self) -> bool:
        """Whether `payload` is less than everything."""
        return self.size > len(self._kept)

    @property
    def sha256(self) -> str:
        """Digest of all bytes so far, in hex."""
        return self._digest.hexdigest()
