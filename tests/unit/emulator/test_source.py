"""WAV files, the built-in sample, resampling and cutting."""

import base64
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.codecs import AudioFormat
from gateway.emulator.source import AudioSource, resample

L16 = AudioFormat("L16", 8000)


def write_wav(path: Path, raw: bytes, *, channels: int = 1, width: int = 2, rate: int = 8000) -> Path:
    """Write a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return path


def test_the_sample_is_the_same_each_time_and_differs_by_track() -> None:
    """Two runs give the same bytes, the tracks differ, and both have sound in them."""
    one, two = AudioSource.built_in(), AudioSource.built_in()
    for track in ("inbound", "outbound"):
        frames = [frame.payload for frame in one.frames("inbound" if track == "inbound" else "outbound", L16)]
        assert frames == [f.payload for f in two.frames("inbound" if track == "inbound" else "outbound", L16)]
        assert len(frames) == 200
        assert {len(frame) for frame in frames} == {320}
        assert max(map(abs, array("h", b"".join(frames)))) > 3000
    assert one.frames("inbound", L16) != one.frames("outbound", L16)


def test_frames_are_encoded_once_and_in_base64_as_well() -> None:
    """The same frames are handed out again."""
    source = AudioSource.built_in()
    frames = source.frames("inbound", L16)
    assert source.frames("inbound", L16) is frames
    assert base64.b64decode(frames[7].base64) == frames[7].payload


def test_mono_file_gives_two_tracks(tmp_path: Path) -> None:
    """The outbound track of a mono file begins in the middle."""
    path = write_wav(tmp_path / "a.wav", array("h", [1] * 160 + [2] * 160).tobytes())
    source = AudioSource.from_wav(path)
    assert [frame.payload[0] for frame in source.frames("inbound", L16)] == [1, 2]
    assert [frame.payload[0] for frame in source.frames("outbound", L16)] == [2, 1]


def test_eight_bit_stereo(tmp_path: Path) -> None:
    """Unsigned bytes become samples, channels become tracks, and the rate is changed."""
    path = write_wav(tmp_path / "a.wav", bytes([128, 255]) * 16000, channels=2, width=1, rate=16000)
    source = AudioSource.from_wav(path)
    assert set(b"".join(f.payload for f in source.frames("inbound", L16))) == {0}
    assert array("h", source.frames("outbound", L16)[0].payload)[0] == 127 << 8
    assert len(source.frames("inbound", L16)) == 50


def test_less_than_a_frame_is_filled_with_silence(tmp_path: Path) -> None:
    """A file of ten samples still makes a frame."""
    source = AudioSource.from_wav(write_wav(tmp_path / "a.wav", b"\x01\x00" * 10))
    [frame] = source.frames("inbound", L16)
    assert frame.payload == b"\x01\x00" * 10 + bytes(300)


def test_files_that_are_no_use(tmp_path: Path) -> None:
    """What can't be played is refused with the reason and the file's name."""
    (tmp_path / "text.wav").write_text("hello")
    cases = {
        tmp_path / "none.wav": "No such file",
        tmp_path / "text.wav": "WAV",
        write_wav(tmp_path / "empty.wav", b""): "no audio",
        write_wav(tmp_path / "deep.wav", bytes(6), width=3): "24 bit",
        write_wav(tmp_path / "many.wav", bytes(12), channels=3): "3 channels",
    }
    for path, reason in cases.items():
        with pytest.raises(ValueError, match=reason):
            AudioSource.from_wav(path)


@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=200).map(lambda v: array("h", v)),
    rates=st.tuples(st.sampled_from([8000, 11025, 16000, 44100]), st.sampled_from([8000, 16000, 24000])),
)
def test_resampling_keeps_length_and_range(samples: "array[int]", rates: tuple[int, int]) -> None:
    """The length changes with the rate, no sample leaves the range of the source, and the first one stays."""
    rate, wanted = rates
    changed = resample(samples, rate, wanted)
    assert len(changed) == max(len(samples) * wanted // rate, 1)
    assert min(samples) <= min(changed)
    assert max(changed) <= max(samples)
    assert changed[0] == samples[0]
