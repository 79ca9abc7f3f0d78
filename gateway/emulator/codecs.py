"""Codecs of audio streams: G.711 by table, and 16-bit linear samples; and what a RELAY codec text means."""

import re
import sys
from array import array
from dataclasses import dataclass
from functools import cache
from typing import Literal

__all__ = ["AudioFormat", "UnknownCodec", "decode", "encode"]

ByteOrder = Literal["little", "big"]
Encoding = Literal["PCMU", "PCMA", "L16"]

_MIME: dict[Encoding, str] = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/x-L16"}
_RATES: dict[Encoding, tuple[int, ...]] = {"PCMU": (8000,), "PCMA": (8000,), "L16": (8000, 16000, 24000)}
_ENCODINGS: dict[str, Encoding] = {"PCMU": "PCMU", "PCMA": "PCMA", "L16": "L16"}
_DEFAULT_RATE: dict[Encoding, int] = {"PCMU": 8000, "PCMA": 8000, "L16": 16000}
_FRAME_MS = (10, 20, 30, 40, 50, 60)
_SUFFIX = re.compile(r"(\d+)([hi])")


class UnknownCodec(ValueError):
    """The codec text means nothing this emulator can send."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How a stream's audio is sent: encoding, samples per second, milliseconds per message; always mono."""

    encoding: Encoding
    sample_rate: int
    frame_ms: int = 20
    byte_order: ByteOrder = "little"

    @classmethod
    def parse(cls, text: str, byte_order: ByteOrder = "little") -> "AudioFormat":
        """Read a codec as RELAY writes it: a name, then `@` and a rate (`16000h`) or a frame length (`40i`).

        Raises UnknownCodec with what can be asked for instead.
        """
        name, *suffixes = text.split("@")
        encoding = _ENCODINGS.get(name.upper())
        if encoding is None:
            raise UnknownCodec(f"codec {text!r} is not supported here; use PCMU, PCMA or L16, for example L16@16000h")
        rate, frame_ms = _DEFAULT_RATE[encoding], 20
        for suffix in suffixes:
            match = _SUFFIX.fullmatch(suffix)
            if match is None:
                raise UnknownCodec(f"codec {text!r}: {suffix!r} is neither a rate like 16000h nor a frame like 20i")
            if match[2] == "h":
                rate = int(match[1])
            else:
                frame_ms = int(match[1])
        if rate not in _RATES[encoding]:
            raise UnknownCodec(f"codec {text!r}: {encoding} runs at {', '.join(map(str, _RATES[encoding]))} Hz")
        if frame_ms not in _FRAME_MS:
            raise UnknownCodec(f"codec {text!r}: frames have {', '.join(map(str, _FRAME_MS))} ms")
        return cls(encoding, rate, frame_ms, byte_order)

    @property
    def media_type(self) -> str:
        """`encoding` of the start message."""
        return _MIME[self.encoding]

    @property
    def frame_samples(self) -> int:
        """Samples in one message."""
        return self.sample_rate * self.frame_ms // 1000

    @property
    def sample_bytes(self) -> int:
        """Bytes of one encoded sample."""
        return 2 if self.encoding == "L16" else 1


def encode(samples: "array[int]", audio: AudioFormat) -> bytes:
    """Encode 16-bit samples."""
    if audio.encoding == "L16":
        return _ordered(samples, audio.byte_order).tobytes()
    table = _mulaw_table() if audio.encoding == "PCMU" else _alaw_table()
    return bytes([table[sample & 0xFFFF] for sample in samples])


def decode(payload: bytes, audio: AudioFormat) -> "array[int]":
    """Decode to 16-bit samples; a trailing odd byte of L16 is left out."""
    if audio.encoding == "L16":
        return _ordered(array("h", payload[: len(payload) // 2 * 2]), audio.byte_order)
    expand = _mulaw_expansion() if audio.encoding == "PCMU" else _alaw_expansion()
    return array("h", [expand[byte] for byte in payload])


def _ordered(samples: "array[int]", byte_order: ByteOrder) -> "array[int]":
    if byte_order != sys.byteorder:
        samples = samples[:]
        samples.byteswap()
    return samples


@cache
def _mulaw_expansion() -> tuple[int, ...]:
    """Byte to sample, ITU-T G.711 µ-law: sign, 3 bits of segment and 4 of step, all inverted."""
    samples = []
    for byte in range(256):
        code = ~byte & 0xFF
        magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
        samples.append(-magnitude if code & 0x80 else magnitude)
    return tuple(samples)


@cache
def _alaw_expansion() -> tuple[int, ...]:
    """Byte to sample, ITU-T G.711 A-law: sign, segment and step, the even bits inverted."""
    samples = []
    for byte in range(256):
        code = byte ^ 0x55
        segment, step = code >> 4 & 7, (code & 0x0F) << 4
        magnitude = step + 8 if segment == 0 else step + 0x108 << segment - 1
        samples.append(magnitude if code & 0x80 else -magnitude)
    return tuple(samples)


@cache
def _mulaw_table() -> bytes:
    """Sample, as unsigned 16 bits, to µ-law byte."""
    table = bytearray(65536)
    for sample in range(-32768, 32768):
        sign = 0x80 if sample < 0 else 0
        magnitude = min(abs(sample), 32635) + 0x84
        segment = magnitude.bit_length() - 8
        table[sample & 0xFFFF] = ~(sign | segment << 4 | magnitude >> segment + 3 & 0x0F) & 0xFF
    return bytes(table)


@cache
def _alaw_table() -> bytes:
    """Sample, as unsigned 16 bits, to A-law byte."""
    table = bytearray(65536)
    for sample in range(-32768, 32768):
        sign = 0x80 if sample >= 0 else 0
        magnitude = (sample if sample >= 0 else ~sample) >> 4
        segment = max(magnitude.bit_length() - 4, 0)
        step = magnitude & 0x0F if segment == 0 else magnitude >> segment - 1 & 0x0F
        table[sample & 0xFFFF] = (sign | segment << 4 | step) ^ 0x55
    return bytes(table)
