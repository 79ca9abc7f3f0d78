"""Waits for an inbound call, answers it, streams what the caller says, and follows it until it has ended.

    python stream_a_call.py wss://example.com/audio-stream [127.0.0.1:50051]

CALLSTREAM_TOKEN and CALLSTREAM_CA_FILE are used if they are set.
"""

import os
import sys

import callstream
from callstream.v1 import call_service_pb2 as calls
from callstream.v1 import event_pb2 as events
from callstream.v1 import stream_pb2
from callstream.v1 import stream_service_pb2 as streams


def stream_a_call(client: callstream.Client, url: str) -> None:
    """The whole life of one call."""
    inbound = streams.EventFilter(types=[events.EVENT_TYPE_CALL_RECEIVED])
    with client.watch(streams.WatchEventsRequest(filter=inbound)) as watch:
        received = next(item for item in watch if isinstance(item, callstream.Events)).events[0]
        cursor = watch.cursor
    print("call", received.call_id)
    client.calls.AnswerCall(calls.AnswerCallRequest(call_id=received.call_id), timeout=10)

    # The control id makes a retry harmless.
    start = streams.StartStreamRequest(
        call_id=received.call_id, control_id="transcription", url=url, track=stream_pb2.TRACK_INBOUND, codec="PCMU"
    )
    start.custom_parameters.update({"session_id": "abc123", "language": "en"})
    client.streams.StartStream(start, timeout=10)

    follow = streams.WatchEventsRequest(
        filter=streams.EventFilter(call_ids=[received.call_id]),
        after_cursor=cursor,
        until=streams.WATCH_UNTIL_CALL_ENDED,
    )
    for item in client.watch(follow):
        if isinstance(item, callstream.Events):
            for event in item.events:
                print(event.sequence, events.EventType.Name(event.type), event.control_id)


if __name__ == "__main__":
    target = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:50051"  # noqa: PLR2004
    token, ca_file = os.environ.get("CALLSTREAM_TOKEN"), os.environ.get("CALLSTREAM_CA_FILE")
    with callstream.connect(target, token=token, ca_file=ca_file) as connected:
        stream_a_call(connected, sys.argv[1])
