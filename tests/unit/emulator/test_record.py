"""Records of what was sent."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.record import TrackRecord


@given(frames=st.lists(st.binary(max_size=20), max_size=20), limit=st.integers(0, 200))
def test_the_prefix_is_kept_and_the_rest_is_counted(frames: list[bytes], limit: int) -> None:
    """Counts and digest cover everything, the payload the first bytes."""
    record = TrackRecord(limit)
    for frame in frames:
        record.add(frame)
    everything = b"".join(frames)
    assert record.payload == everything[:limit]
    assert record.truncated == (len(everything) > limit)
    assert (record.frames, record.size) == (len(frames), len(everything))
    assert record.sha256 == hashlib.sha256(everything).hexdigest()
