"""Durations and sizes as people write them: "90s", "36h", "7d", "1GiB"."""

import math
import re
from typing import Final

__all__ = ["format_duration", "format_size", "parse_duration", "parse_size"]

_SECONDS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES: Final = {
    "B": 1,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip
_BYTES_BY_LOWER: Final = {unit.lower(): factor for unit, factor in _BYTES.items()}

_NUMBER: Final = r"(?:\d+(?:\.\d*)?|\.\d+)"
_PLAIN: Final = re.compile(_NUMBER, re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ms|[dhms]))+", re.ASCII)
_DURATION_PART: Final = re.compile(rf"({_NUMBER})(ms|[dhms])", re.ASCII)
_SIZE: Final = re.compile(rf"({_NUMBER})\s*([a-z]+)?", re.ASCII | re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Seconds: a plain number of them, or numbers with ms, s, m, h or d ("90s", "1h30m").

    Raises:
        ValueError: It is none; the message says what is.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = math.fsum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    else:
        raise ValueError("is not a duration: write seconds, or like 500ms, 90s, 36h, 7d")
    if not math.isfinite(seconds):
        raise ValueError("is too long a duration")
    return seconds


def parse_size(text: str) -> int:
    """Bytes: a plain number of them, or a number with KiB, MiB, GiB, TiB (powers of 1024) or kB, MB, GB, TB.

    Raises:
        ValueError: It is none; the message says what is.
    """
    match = _SIZE.fullmatch(text.strip())
    factor = _BYTES_BY_LOWER.get((match[2] or "b").lower()) if match else None
    if match is None or factor is None:
        raise ValueError("is not a size: write bytes, or like 500MB, 1GiB")
    number = match[1]
    size = int(number) * factor if number.isdigit() else float(number) * factor
    if not math.isfinite(size):
        raise ValueError("is too large a size")
    return int(size)


def format_duration(seconds: float) -> str:
    """A duration in the largest unit that shows it exactly: "7d", "90s", "1.5s", "250ms"."""
    if seconds == 0:
        return "0s"
    for unit, factor in _SECONDS.items():
        if seconds >= factor and seconds % factor == 0:
            return f"{seconds / factor:.0f}{unit}"
    milliseconds = round(seconds * 1000, 3)
    return f"{milliseconds:g}ms" if milliseconds < 1000 else f"{milliseconds / 1000:.12g}s"  # noqa: PLR2004


def format_size(size: int) -> str:
    """A size in the largest unit that shows it exactly: "1GiB", "500MB", "123B"."""
    whole = [(factor, unit) for unit, factor in _BYTES.items() if size >= factor and size % factor == 0]
    factor, unit = max(whole, default=(1, "B"))
    return f"{size // factor}{unit}"
