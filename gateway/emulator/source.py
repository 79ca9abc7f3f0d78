"""What the parties of a call say: a WAV file or the built-in sample, cut into encoded frames and looped."""

import base64
import math
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from gateway.emulator.codecs import AudioFormat, encode

__all__ = ["AudioSource", "EncodedFrame", "Track", "resample"]

Track = Literal["inbound", "outbound"]
_SAMPLE_RATE = 16000
_SAMPLE_SECONDS = 4
_WAV_SECONDS = 300
_FULL = 9000


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One media message's audio: the bytes, and the same in base64."""

    payload: bytes
    base64: str


class AudioSource:
    """Two tracks of 16-bit samples. The inbound track is the far end, the outbound one what is played to it."""

    def __init__(self, inbound: "array[int]", outbound: "array[int]", sample_rate: int) -> None:
        self._tracks: dict[Track, array[int]] = {"inbound": inbound, "outbound": outbound}
        self.sample_rate = sample_rate
        self._frames: dict[tuple[Track, AudioFormat], Sequence[EncodedFrame]] = {}

    @classmethod
    def built_in(cls) -> "AudioSource":
        """A sample that is the same in every run: a murmur of syllables inbound, a melody outbound."""
        return cls(_murmur(), _melody(), _SAMPLE_RATE)

    @classmethod
    def from_wav(cls, path: Path) -> "AudioSource":
        """Read up to five minutes of a WAV file.

        The channels of a stereo file become the inbound and the outbound track. From a mono file the outbound track
        starts in the middle, so that the two can be told apart. ValueError tells what is wrong with the file.
        """
        try:
            with wave.open(str(path), "rb") as file:
                channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
                raw = file.readframes(rate * _WAV_SECONDS)
        except (OSError, EOFError, wave.Error) as error:
            raise ValueError(f"audio_file: {path} can't be read as WAV: {error}") from error
        if channels not in {1, 2} or width not in {1, 2}:
            raise ValueError(
                f"audio_file: {path} has {channels} channels of {8 * width} bit; use 1 or 2 of 8 or 16 bit"
            )
        samples = array("h", raw) if width == 2 else array("h", [(byte - 128) << 8 for byte in raw])  # noqa: PLR2004
        if not samples:
            raise ValueError(f"audio_file: {path} holds no audio")
        if channels == 1:
            middle = len(samples) // 2
            return cls(samples, samples[middle:] + samples[:middle], rate)
        return cls(samples[0::2], samples[1::2], rate)

    def frames(self, track: Track, audio: AudioFormat) -> Sequence[EncodedFrame]:
        """The frames of a track in a format, to be sent in turn and begun again; at least one."""
        key = (track, audio)
        if key not in self._frames:
            self._frames[key] = _cut(resample(self._tracks[track], self.sample_rate, audio.sample_rate), audio)
        return self._frames[key]


def resample(samples: "array[int]", rate: int, wanted: int) -> "array[int]":
    """Change the rate by linear interpolation: good enough to recognise, not for listening tests."""
    if rate == wanted or not samples:
        return samples
    count = max(len(samples) * wanted // rate, 1)
    last = len(samples) - 1
    result = array("h", bytes(2 * count))
    for index in range(count):
        whole, part = divmod(index * rate, wanted)
        here = samples[min(whole, last)]
        result[index] = here + (samples[min(whole + 1, last)] - here) * part // wanted
    return result


def _cut(samples: "array[int]", audio: AudioFormat) -> Sequence[EncodedFrame]:
    size = audio.frame_samples
    if len(samples) < size:
        samples = samples + array("h", bytes(2 * (size - len(samples))))
    frames = []
    for start in range(0, len(samples) - size + 1, size):
        payload = encode(samples[start : start + size], audio)
        frames.append(EncodedFrame(payload, base64.b64encode(payload).decode()))
    return frames


@cache
def _murmur() -> "array[int]":
    """Syllables: a voice at about 120 Hz with a few harmonics, swelling four times a second."""
    samples = array("h")
    for index in range(_SAMPLE_RATE * _SAMPLE_SECONDS):
        time = index / _SAMPLE_RATE
        pitch = 120 + 15 * math.sin(2 * math.pi * 0.5 * time)
        phase = 2 * math.pi * pitch * time
        swell = max(math.sin(2 * math.pi * 2 * time), 0.0)
        vowel = 0.5 + 0.5 * math.sin(2 * math.pi * 0.75 * time)
        voice = math.sin(phase) + vowel * math.sin(5 * phase) / 2 + (1 - vowel) * math.sin(9 * phase) / 3
        samples.append(int(_FULL * swell * voice / 2))
    return samples


@cache
def _melody() -> "array[int]":
    """A scale up and down, two notes a second, each fading."""
    samples = array("h")
    notes = (523.25, 587.33, 659.26, 783.99, 880.0, 783.99, 659.26, 587.33)
    for index in range(_SAMPLE_RATE * _SAMPLE_SECONDS):
        time = index / _SAMPLE_RATE
        since = time % 0.5
        samples.append(int(_FULL * math.exp(-4 * since) * math.sin(2 * math.pi * notes[int(time * 2)] * time)))
    return samples
