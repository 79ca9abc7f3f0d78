"""Line plots as PNG files, with the standard library alone: axes, labels and a few lines are all that is needed."""

import itertools
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Panel", "write_plot"]

WIDTH, PANEL_HEIGHT = 900, 180
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 26, 22
SCALE = 2
"""Pixels per dot of a letter."""
WHITE, GRAY, BLACK, BLUE, RED = (255, 255, 255), (200, 200, 200), (40, 40, 40), (30, 90, 200), (200, 60, 40)
Colour = tuple[int, int, int]

# Letters of 3 by 5 dots, row by row.
_GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71244",
    "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "74447", "D": "65556", "E": "74647", "F": "74644",
    "G": "74557", "H": "55755", "I": "72227", "J": "11157", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "75557", "P": "75744", "Q": "75571", "R": "75655", "S": "74717", "T": "72222", "U": "55557", "V": "55552",
    "W": "55775", "X": "55255", "Y": "55222", "Z": "71247", ".": "00002", "-": "00700", "/": "11244", "%": "51245",
    ",": "00024", ":": "02020",
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """One plot: a title, its values, and an x from which on they count (a line is drawn there)."""

    title: str
    values: Sequence[float]
    counted_from: float | None = None


class _Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._pixels = bytearray(bytes(WHITE) * width * height)

    def dot(self, x: int, y: int, colour: Colour) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            at = 3 * (y * self.width + x)
            self._pixels[at : at + 3] = bytes(colour)

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: Colour) -> None:
        (x1, y1), (x2, y2) = start, end
        steps = max(abs(x2 - x1), abs(y2 - y1), 1)
        for step in range(steps + 1):
            self.dot(x1 + (x2 - x1) * step // steps, y1 + (y2 - y1) * step // steps, colour)

    def text(self, x: int, y: int, text: str, colour: Colour = BLACK) -> None:
        for letter in text.upper():
            for row, bits in enumerate(_GLYPHS.get(letter, "00000")):
                for column in range(3):
                    if int(bits) >> (2 - column) & 1:
                        for dot in range(SCALE * SCALE):
                            self.dot(x + SCALE * column + dot % SCALE, y + SCALE * row + dot // SCALE, colour)
            x += 4 * SCALE

    def png(self) -> bytes:
        row = 3 * self.width
        raw = b"".join(b"\0" + self._pixels[at : at + row] for at in range(0, row * self.height, row))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
        body = b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
        return b"\x89PNG\r\n\x1a\n" + body


def _draw(canvas: _Canvas, top: int, panel: Panel, times: Sequence[float]) -> None:
    floor, ceiling = top + PANEL_HEIGHT - BOTTOM, top + TOP
    right, last = WIDTH - RIGHT, max(times[-1], 1e-9)
    highest = 1.1 * max(*panel.values, 1)

    def at(time: float, value: float) -> tuple[int, int]:
        return LEFT + round((right - LEFT) * time / last), floor - round((floor - ceiling) * value / highest)

    canvas.text(LEFT, top + 8, panel.title)
    for part in range(5):
        value = highest * part / 4
        _, y = at(0, value)
        canvas.line((LEFT, y), (right, y), GRAY)
        label = f"{value:,.0f}"
        canvas.text(LEFT - 8 - 4 * SCALE * len(label), y - 5, label)
        x, _ = at(last * part / 4, 0)
        canvas.text(x - 24, floor + 8, f"{last * part / 4:,.0f} s")
    if panel.counted_from is not None:
        x, _ = at(panel.counted_from, 0)
        canvas.line((x, ceiling), (x, floor), RED)
    points = [at(time, value) for time, value in zip(times, panel.values, strict=True)]
    for start, end in itertools.pairwise(points):
        canvas.line(start, end, BLUE)
        canvas.line((start[0], start[1] + 1), (end[0], end[1] + 1), BLUE)


def write_plot(path: Path, times: Sequence[float], panels: Sequence[Panel]) -> None:
    """Draws panels below each other over the same times (seconds); both need at least one value."""
    canvas = _Canvas(WIDTH, PANEL_HEIGHT * len(panels))
    for number, panel in enumerate(panels):
        _draw(canvas, number * PANEL_HEIGHT, panel, times)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(canvas.png())
