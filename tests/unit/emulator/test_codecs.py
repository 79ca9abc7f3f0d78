"""G.711 against known vectors, round trips, and what codec texts mean."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.codecs import AudioFormat, UnknownCodec, decode, encode

MULAW = AudioFormat("PCMU", 8000)
ALAW = AudioFormat("PCMA", 8000)
SAMPLES = st.lists(st.integers(-32768, 32767), max_size=50).map(lambda values: array("h", values))


def step(sample: int, audio: AudioFormat) -> int:
    """The widest step of the codec at a magnitude, plus what is clipped at the top."""
    magnitude = abs(sample)
    if audio.encoding == "PCMU":
        return max(1 << max((min(magnitude, 32635) + 132).bit_length() - 5, 3), magnitude - 32124 + 1)
    return max(1 << max(magnitude.bit_length() - 5, 4), 16)


@pytest.mark.parametrize(
    ("audio", "sample", "byte"),
    [
        (MULAW, 0, 0xFF), (MULAW, 32767, 0x80), (MULAW, -32768, 0x00), (MULAW, 1000, 0xCE), (MULAW, -1000, 0x4E),
        (ALAW, 0, 0xD5), (ALAW, -1, 0x55), (ALAW, 32767, 0xAA), (ALAW, -32768, 0x2A), (ALAW, 1000, 0xFA),
    ],
)  # fmt: skip
def test_known_vectors(audio: AudioFormat, sample: int, byte: int) -> None:
    """Silence, full scale and a middle value become the bytes that G.711 gives them."""
    assert encode(array("h", [sample]), audio) == bytes([byte])


@pytest.mark.parametrize(
    ("audio", "byte", "sample"),
    [(MULAW, 0x00, -32124), (MULAW, 0x80, 32124), (MULAW, 0x7F, 0), (ALAW, 0x2A, -32256), (ALAW, 0xD5, 8)],
)
def test_known_expansions(audio: AudioFormat, byte: int, sample: int) -> None:
    """The extremes and silence expand to the samples that G.711 gives them."""
    assert list(decode(bytes([byte]), audio)) == [sample]


@pytest.mark.parametrize("audio", [MULAW, ALAW])
def test_every_byte_survives(audio: AudioFormat) -> None:
    """Decoding and encoding again gives the same byte, but for the negative zero of µ-law."""
    everything = bytes(byte for byte in range(256) if (audio, byte) != (MULAW, 0x7F))
    assert encode(decode(everything, audio), audio) == everything


@pytest.mark.parametrize("audio", [MULAW, ALAW])
@given(samples=SAMPLES)
def test_samples_come_back_within_a_step(audio: AudioFormat, samples: "array[int]") -> None:
    """Companding loses no more than one step of the sample's segment."""
    for before, after in zip(samples, decode(encode(samples, audio), audio), strict=True):
        assert abs(before - after) <= step(before, audio)


@given(samples=SAMPLES)
@pytest.mark.parametrize("order", ["little", "big"])
def test_linear_samples_come_back_exactly(samples: "array[int]", order: str) -> None:
    """L16 loses nothing in either byte order."""
    audio = AudioFormat.parse("L16@24000h", "big" if order == "big" else "little")
    assert decode(encode(samples, audio), audio) == samples


def test_byte_order_is_on_the_wire() -> None:
    """Little and big endian differ in the bytes; an odd trailing byte is left out."""
    one = array("h", [1])
    assert encode(one, AudioFormat("L16", 16000)) == b"\x01\x00"
    assert encode(one, AudioFormat("L16", 16000, byte_order="big")) == b"\x00\x01"
    assert list(decode(b"\x01\x00\x05", AudioFormat("L16", 16000))) == [1]


@pytest.mark.parametrize(
    ("text", "rate", "frame_ms", "samples"),
    [
        ("PCMU", 8000, 20, 160), ("pcma@8000h", 8000, 20, 160), ("PCMU@40i", 8000, 40, 320), ("L16", 16000, 20, 320),
        ("L16@24000h@10i", 24000, 10, 240),
    ],
)  # fmt: skip
def test_codec_texts(text: str, rate: int, frame_ms: int, samples: int) -> None:
    """A rate and a frame length can follow the name."""
    audio = AudioFormat.parse(text)
    assert (audio.sample_rate, audio.frame_ms, audio.frame_samples) == (rate, frame_ms, samples)


@pytest.mark.parametrize("text", ["OPUS", "", "L16@", "L16@16000", "L16@44100h", "PCMU@16000h", "PCMA@15i"])
def test_unknown_codecs(text: str) -> None:
    """What can't be sent is refused with what can."""
    with pytest.raises(UnknownCodec, match="codec"):
        AudioFormat.parse(text)
