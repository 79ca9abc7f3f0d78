"""Responses that watches share."""

from callstream.v1 import event_pb2, stream_service_pb2
from gateway.journal.record import Batch
from gateway.service.batches import SharedBatches, encode_batch
from tests.support.journal_records import record


def batch(first: int, last: int) -> Batch:
    """Events from one sequence to another."""
    payload = event_pb2.Event(relay_params_json="x" * 100).SerializeToString()
    return Batch(tuple(record(number, payload=payload) for number in range(first, last + 1)), last)


def test_a_batch_is_encoded_once() -> None:
    """The same bytes for all who read the same, and others for those who read more or less."""
    shared = SharedBatches()
    first = shared.response(0, batch(1, 3), lambda: "c3")
    assert shared.response(0, batch(1, 3), lambda: "never asked") is first
    assert first == encode_batch(batch(1, 3), "c3")
    response = stream_service_pb2.WatchEventsResponse.FromString(first)
    assert (response.cursor, len(response.events.events)) == ("c3", 3)
    assert (
        len(
            stream_service_pb2.WatchEventsResponse.FromString(
                shared.response(1, batch(2, 3), lambda: "c3")
            ).events.events
        )
        == 2
    )


def test_no_more_is_kept_than_is_allowed() -> None:
    """The oldest go first; one that is larger than all that may be kept is kept by nobody."""
    size = len(encode_batch(batch(1, 1), "c1"))
    shared = SharedBatches(2 * size)
    first = shared.response(0, batch(1, 1), lambda: "c1")
    second = shared.response(1, batch(2, 2), lambda: "c2")
    shared.response(2, batch(3, 3), lambda: "c3")
    assert shared.response(1, batch(2, 2), lambda: "never asked") is second
    assert shared.response(0, batch(1, 1), lambda: "c1") is not first
    large = shared.response(3, batch(4, 9), lambda: "c9")
    assert shared.response(3, batch(4, 9), lambda: "c9") is not large
